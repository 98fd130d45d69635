use super::*;

fn read(text: &str) -> Result<Config, String> {
    let mut config = Config::parse(text)?;
    config.complete(Path::new("/etc/led-controller/mqtt.toml"))?;
    Ok(config)
}

#[test]
fn one_line_is_enough() {
    let config = read("broker = 'mqtt://localhost'").unwrap();
    assert_eq!(
        config.broker,
        Broker {
            tls: false,
            host: "localhost".into(),
            port: 1883
        }
    );
    assert_eq!(
        (config.prefix.as_str(), config.discovery.as_deref()),
        ("led", Some("homeassistant"))
    );
    assert_eq!(config.node, identity::hostname().unwrap());
    assert_eq!(
        (config.leds.len(), config.leds[0].key, &config.leds[0].name),
        (1, Key::DEFAULT, &None)
    );
}

#[test]
fn each_setting_is_read() {
    let config = read(
        "broker = 'mqtts://[::1]:1884/'\nuser = 'pi'\npassword_file = 'password'\nca = '/etc/ssl/ca.pem'\n\
         certificate = 'pi.pem'\nprivate_key = 'pi.key'\nprefix = 'home/led'\nnode = 'porch-%H'\ngroups = ['garden']\n\
         discovery = false\n[[led]]\nkey = 1234\nname = 'door'\n[[led]]\nkey = '0x2000'\nname = 'gate'\nowner = 'root'\n",
    )
    .unwrap();
    assert_eq!(
        config.broker,
        Broker {
            tls: true,
            host: "::1".into(),
            port: 1884
        }
    );
    assert_eq!(
        config.password_file.unwrap(),
        Path::new("/etc/led-controller/secrets/password")
    );
    assert_eq!(config.ca.unwrap(), Path::new("/etc/ssl/ca.pem"));
    assert!(config.node.starts_with("porch-") && config.discovery.is_none());
    assert_eq!(
        (config.leds[1].key.get(), config.leds[1].owner),
        (0x2000, Some(0))
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (text, problem) in [
        ("", "broker: this setting is missing"),
        (
            "colour = 'red'",
            "line 1: unknown setting; known are broker, ",
        ),
        ("broker = 'http://x'", "use mqtt://HOST"),
        ("broker = 'mqtt://'", "use mqtt://HOST"),
        ("broker = 'mqtt://a:b'", "use mqtt://HOST"),
        ("broker = 'mqtt://user:secret@x'", "use mqtt://HOST"),
        ("broker = 'mqtt://x'\nprefix = 'a/#'", "prefix"),
        ("broker = 'mqtt://x'\nprefix = '/a'", "prefix"),
        ("broker = 'mqtt://x'\nnode = 'a/b'", "node"),
        ("broker = 'mqtt://x'\nnode = 'all'", "reserved for topics"),
        ("broker = 'mqtt://x'\ngroups = ['+']", "group"),
        ("broker = 'mqtt://x'\ndiscovery = true", "false for none"),
        ("broker = 'mqtt://x'\npassword_file = 'p'", "needs a user"),
        (
            "broker = 'mqtts://x'\ncertificate = 'p'",
            "set both or neither",
        ),
        ("broker = 'mqtt://x'\nca = 'p'", "use mqtts://"),
        ("broker = 'mqtt://x'\n[[led]]\nkey = 0", "IPC_PRIVATE"),
        (
            "broker = 'mqtt://x'\n[[led]]\nowner = 'no such user'",
            "line 3: owner: there is no such user",
        ),
        (
            "broker = 'mqtt://x'\n[[led]]\nname = 'a'\n[[led]]\nkey = 2000",
            "each needs a name",
        ),
        (
            "broker = 'mqtt://x'\n[[led]]\nname = 'a'\nkey = 'b'\n[[led]]\nname = 'b'",
            "needs two keys",
        ),
        (
            "broker = 'mqtt://x'\n[[led]]\nname = 'a'\nkey = 1234\n[[led]]\nkey = 1235\nname = 'b'",
            "needs two keys",
        ),
        (
            "broker = 'mqtt://x'\n[led]\nkey = 1",
            "line 2: led: write [[led]] for an LED",
        ),
        ("broker = 'mqtt://[::1]1883'", "use mqtt://HOST"),
        ("broker = \"mqtt://a\\nb\"", "use mqtt://HOST"),
        ("broker = 'ws://x'", "led-mqtt speaks no WebSocket"),
        ("broker = 'mqtt://x'\nstatus_topic = 'a/#'", "status_topic"),
        (
            "broker = 'mqtt://x'\nbirth_delay = '2s'",
            "birth_delay: use whole seconds",
        ),
        (
            "broker = 'mqtt://x'\n[[led]]\ngroups = ['a']",
            "line 3: groups: write it above the first [[led]]",
        ),
        (
            "broker = 'mqtt://x'\npassword = 'a'",
            "line 2: use password_file",
        ),
        (
            "broker = 'mqtt://x'\nuser = 5",
            "line 2: user: write a string",
        ),
        (
            "broker = 'mqtt://x'\ngroups = 'a'",
            "line 2: groups: write a list, such as [\"garden\"]",
        ),
        (
            "broker = 'mqtt://x'\nuser = 'a'\npassword_file = 'a/b'",
            "name of a file in secrets",
        ),
        (
            "broker = 'mqtt://x'\n[[led]]\nname = 'a'\n[[led]]\nkey = 2000\nname = 'a'",
            "two LEDs have the name",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(problem), "{text}: {error}");
    }
}

#[test]
fn a_line_that_cannot_be_parsed_is_not_shown() {
    for text in [
        "password: geheim",
        "password geheim",
        "password = geheim",
        "geheim = 1",
        "geheim",
        "broker: mqtt://u:geheim@h",
        "broker = mqtt://u:geheim@h",
        "broker = 'mqtt://u:geheim@h'",
        "user = ['geheim']",
        "groups = 'geheim'",
        "discovery = ['geheim']",
        "birth_delay = 'geheim'",
        "[[led]]\nkey = 'geheim_'",
        "[[led]]\nowner = 'geheim'",
        "[geheim]",
    ] {
        let error = read(&format!("# a comment\n{text}\n")).unwrap_err();
        assert!(!error.contains("geheim"), "{text}: {error}");
        assert!(error.starts_with("line "), "{text}: {error}");
    }
}

#[test]
fn an_owner_is_a_name_or_a_number_and_a_byte_order_mark_is_ignored() {
    let config = read("\u{feff}broker = 'mqtt://x'\n[[led]]\nowner = 1000\n").unwrap();
    assert_eq!(config.leds[0].owner, Some(1000));
}

#[test]
fn a_name_that_can_be_a_key_is_the_key() {
    let leds = "[[led]]\nname = 'door'\n[[led]]\nname = 'My_Gate'\nkey = 1300\n[[led]]\nname = 'shed'\nkey = 'attic'\n";
    let config = read(&format!("broker = 'mqtt://localhost'\n{leds}")).unwrap();
    let keys: Vec<String> = config.leds.iter().map(|led| led.key.to_string()).collect();
    assert_eq!(keys, ["door", "1300", "attic"]);
    let error = read("broker = 'mqtt://localhost'\n[[led]]\nname = 'My_Gate'\n").unwrap_err();
    assert_eq!(
        error,
        "line 2: led: write the key of this LED too: its name cannot be one"
    );
}

#[test]
fn the_settings_that_an_error_names_are_all_there_are() {
    for (text, names) in [
        ("zz = 1", &problem::SETTINGS[..]),
        ("[[led]]\nzz = 1", &problem::LED),
    ] {
        let error = toml::from_str::<Config>(text).unwrap_err();
        let (_, known) = error.message().split_once("expected ").unwrap();
        let mut known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        known.retain(|name| *name != "led");
        known.sort_unstable();
        let mut names = names.to_vec();
        names.sort_unstable();
        assert_eq!(names, known);
    }
}
