//! Brightness, fades and flashes.

use std::fs;

use serde_json::Value;
use testing::Running;

use super::{DISCOVERY, OFF, SET, STATE, blinking, node::Online};

/// The state of an LED that is on at this brightness.
fn on_at(percent: u32) -> String {
    format!(r#"{{"brightness":{percent},"effect":"off","state":"ON"}}"#)
}

/// What the discovery says of the LED.
fn component(online: &Online) -> Value {
    let discovery = &online.client.retained[DISCOVERY];
    serde_json::from_str::<Value>(discovery).unwrap()["components"]["led"].take()
}

#[test]
#[ignore = "needs mosquitto"]
fn an_led_is_dimmed_fades_and_flashes() {
    let mut online = Online::start();
    for (payload, led, state) in [
        (r#"{"state":"ON","brightness":40}"#, "on 40%", &*on_at(40)),
        (
            r#"{"brightness":70.4,"transition":0.02}"#,
            "on 70%",
            &on_at(70),
        ),
        ("ON 20 1", "on 20%", &on_at(20)),
        (r#"{"state":"OFF","transition":0.02}"#, "off", OFF),
        (r#"{"state":"ON"}"#, "on 20%", &on_at(20)),
        // A scene of Home Assistant has both.
        (
            r#"{"state":"ON","brightness":40,"effect":"blink"}"#,
            "blink 500ms 500ms, 40%",
            &blinking("blink").replace("100", "40"),
        ),
    ] {
        online.client.publish(SET, payload);
        online.client.wait_for(STATE, state);
        assert_eq!(online.node.led(0), led, "{payload}");
    }
    // By another program, too.
    online.node.command(0, &["on", "60%"]);
    online.client.wait_for(STATE, &on_at(60));
    online.client.publish(SET, r#"{"state":"ON","flash":1}"#);
    let flashes = blinking("blink").replace("100", "60");
    online.client.wait_for(STATE, &flashes);
    online.client.wait_for(STATE, &on_at(60));
    assert_eq!(online.node.led(0), "on 60%");
}

#[test]
#[ignore = "needs mosquitto"]
fn the_discovery_follows_the_number_of_levels() {
    let mut online = Online::start();
    let modes = |online: &mut Online| component(online)["supported_color_modes"][0].take();
    online.client.publish(SET, "ON");
    online.client.wait_for(STATE, &on_at(100));
    assert_eq!(modes(&mut online), "brightness");
    // An LED of the kernel that is on or off.
    online.controllers.clear();
    online.wait_for("offline");
    let leds = online.node.leds[0].path().join("leds");
    fs::create_dir_all(leds.join("ACT")).unwrap();
    for (file, text) in [
        ("max_brightness", "1"),
        ("brightness", "0"),
        ("trigger", "[none]"),
    ] {
        fs::write(leds.join("ACT").join(file), text).unwrap();
    }
    let mut controller = online.node.of("controller", 0);
    controller
        .args(["--led", "ACT"])
        .env("LED_CLASS_DIRECTORY", &leds);
    let _controller = Running::start(&mut controller).when_ready();
    online.wait_for("online");
    for command in [
        "ON 40",
        r#"{"state":"ON","brightness":40,"effect":"blink"}"#,
    ] {
        let refused = online.client.ask(SET, command);
        assert!(
            refused.starts_with("ERR this LED can only be on or off"),
            "{refused}"
        );
    }
    online.client.wait_for(STATE, OFF);
    assert_eq!(online.client.ask(SET, "ON 100"), "OK ON");
    online
        .client
        .wait_for(STATE, r#"{"effect":"off","state":"ON"}"#);
    let both = r#"{"state":"ON","brightness":100,"effect":"blink"}"#;
    assert_eq!(online.client.ask(SET, both), "OK BLINK 500 500");
    assert_eq!(modes(&mut online), "onoff");
}
