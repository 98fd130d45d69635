use super::*;

fn command(payload: &str) -> String {
    let commands = match decode(payload.as_bytes()) {
        Ok(commands) => commands.iter().map(Command::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    commands.join(", ")
}

#[test]
fn words_of_the_queue_are_commands() {
    for (payload, expected) in [
        ("ON", "ON"),
        ("off\n", "OFF"),
        ("Toggle", "TOGGLE"),
        ("BLINK 500 500 3", "BLINK 500 500 3"),
        ("blink 1 3600000", "BLINK 1 3600000"),
        ("STATUS", "STATUS"),
        (" \tON", "ON"),
        ("\"ON\"", "ON"),
        ("\" toggle \"\n", "TOGGLE"),
        ("true", "ON"),
        ("false", "OFF"),
        ("True", "ON"),
        ("\"FALSE\"", "OFF"),
    ] {
        assert_eq!(command(payload), expected, "{payload}");
    }
}

#[test]
fn json_of_home_assistant_is_a_command() {
    for (payload, expected) in [
        (r#"{"state":"ON"}"#, "ON"),
        (r#" {"state":"OFF","effect":"blink"}"#, "OFF"),
        (r#"{"state":"TOGGLE"}"#, "TOGGLE"),
        (r#"{"state":"ON","effect":"blink"}"#, "BLINK 500 500"),
        (r#"{"state":"ON","effect":"blink fast"}"#, "BLINK 125 125"),
        (r#"{"state":"ON","effect":"blink slow"}"#, "BLINK 1000 1000"),
        (
            r#"{"state":"ON","effect":"blink 20 30 4"}"#,
            "BLINK 20 30 4",
        ),
        (r#"{"state":"ON","effect":"off"}"#, "ON"),
        (r#"{"state":"ON","flash":2}"#, "FLASH 500 500 2"),
        (
            r#"{"state":"ON","flash":10.0,"transition":3,"color":{"r":1}}"#,
            "FLASH 500 500 10",
        ),
        (r#"{"state":"on"}"#, "ON"),
        (r#"{"state":" Off "}"#, "OFF"),
        (r#"{"state":true}"#, "ON"),
        (r#"{"state":"True"}"#, "ON"),
        (r#"{"state":false,"effect":"blink"}"#, "OFF"),
        (r#"{"state":"ON","effect":" Blink FAST"}"#, "BLINK 125 125"),
        (r#"{"state":"ON","effect":"OFF"}"#, "ON"),
        (r#"{"state":"ON","brightness":0}"#, "OFF"),
        (r#"{"state":"ON","brightness":0,"effect":"blink"}"#, "OFF"),
        (r#"{"state":"ON","brightness":128}"#, "ON 100"),
        (
            r#"{"state":"ON","brightness":40,"transition":2}"#,
            "ON 40 2000",
        ),
        (r#"{"state":"ON","brightness":0.2,"transition":0}"#, "ON 1"),
        (r#"{"state":"ON","brightness":40,"effect":"off"}"#, "ON 40"),
        (
            r#"{"state":"ON","brightness":40,"effect":"blink"}"#,
            "ON 40, BLINK 500 500",
        ),
        (
            r#"{"state":"ON","brightness":40,"effect":"blink","transition":2}"#,
            "ON 40, BLINK 500 500",
        ),
        (r#"{"state":"ON","transition":1e9}"#, "ON - 3600000"),
        (r#"{"state":"OFF","transition":0.5}"#, "OFF 500"),
        ("ON 40 2000", "ON 40 2000"),
        ("flash 500 500 2", "FLASH 500 500 2"),
        (r#"{"brightness":1}"#, "ON 1"),
        (r#"{"flash":-1e300}"#, "FLASH 500 500 1"),
        (r#"{"flash":1e300}"#, "FLASH 500 500 3600"),
    ] {
        assert_eq!(command(payload), expected, "{payload}");
    }
}

#[test]
fn other_payloads_are_refused() {
    for payload in [
        "",
        " ",
        "EXIT",
        "WATCH",
        "WATCH ON",
        "ON\0reply=5",
        "BLINK",
        "BLINK 0 1",
        "{",
        "{}",
        "[]",
        "null",
        r#"{"state":"DIM"}"#,
        r#"{"state":"STATUS"}"#,
        r#"{"state":"BLINK 1 1"}"#,
        r#"{"brightness":"much"}"#,
        "\"",
        "\"\"",
        "TRUE FALSE",
        r#"{"state":1}"#,
        r#"{"state":null}"#,
        r#"{"state":"ON","effect":"rainbow"}"#,
        r#"{"state":"ON","effect":"TOGGLE"}"#,
        r#"{"state":"ON","effect":"blink 0 0"}"#,
        r#"{"state":"ON","state":"OFF"}"#,
        r#"{"state":"ON"}x"#,
    ] {
        assert!(decode(payload.as_bytes()).is_err(), "{payload}");
    }
    assert!(decode(&[b' '; 257]).is_err());
    assert!(decode("{\"a\":".repeat(50).as_bytes()).is_err());
    assert!(decode(b"\xff\xfe").is_err());
    // Nothing of the payload is in the error: it could have a line of its own.
    let error = decode(b"{\"state\":\"\\n<0>forged\\u001b[2J\"}").unwrap_err();
    assert!(!error.to_string().contains("forged"), "{error}");
}

#[test]
fn each_published_effect_is_a_command_that_has_this_state() {
    for words in [
        "ON",
        "BLINK 500 500",
        "BLINK 125 125",
        "BLINK 1000 1000",
        "BLINK 1 2",
    ] {
        let state = match decode(words.as_bytes()).unwrap()[..] {
            [Command::Blink(blink)] => State::Blink(blink),
            _ => State::On,
        };
        assert_eq!(command(&encode(state.into(), false)), words);
    }
    assert_eq!(
        encode(State::Off.into(), true),
        r#"{"effect":"off","state":"OFF"}"#
    );
    let light = shared::Light {
        state: State::On,
        brightness: Brightness::new(40).unwrap(),
    };
    let dimmed = encode(light, true);
    assert_eq!(dimmed, r#"{"brightness":40,"effect":"off","state":"ON"}"#);
    assert_eq!(command(&dimmed), "ON 40");
    assert_eq!(encode(light, false), r#"{"effect":"off","state":"ON"}"#);
}
