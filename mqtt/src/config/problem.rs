//! What is wrong with a configuration that cannot be parsed.

/// The settings that stand above the first `[[led]]`, and those that belong to an LED. A test compares them with the types.
pub(super) const SETTINGS: [&str; 13] = [
    "broker",
    "user",
    "password_file",
    "ca",
    "certificate",
    "private_key",
    "prefix",
    "node",
    "groups",
    "discovery",
    "status_topic",
    "birth_delay",
    "id",
];
pub(super) const LED: [&str; 3] = ["key", "name", "owner"];

/// The line number, and the setting if it is a known one. Never the text of the line or a value, which may be a password.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("{}: this setting is missing", field.trim_matches('`'));
    }
    let before = error.span().and_then(|span| text.get(..span.start));
    let number = before.unwrap_or(text).matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let word = line.split(['=', ':', ' ', ']']).next().unwrap_or_default();
    let word = word.trim_start_matches('[');
    let remedy = remedy(word, message);
    if SETTINGS.contains(&word) || LED.contains(&word) || word == "led" {
        format!("line {}: {word}: {remedy}", number + 1)
    } else {
        format!("line {}: {remedy}", number + 1)
    }
}

fn remedy(word: &str, message: &str) -> String {
    if message.starts_with("unknown field") {
        return match word {
            "password" => "use password_file: the password is in a file of its own".into(),
            _ if SETTINGS.contains(&word) => "write it above the first [[led]]".into(),
            _ => format!(
                "unknown setting; known are {}, and below [[led]] {}",
                SETTINGS.join(", "),
                LED.join(", ")
            ),
        };
    }
    if let Some((_, expected)) = message.split_once(", expected ")
        && message.starts_with("invalid ")
    {
        return match (word, expected) {
            ("led", _) => "write [[led]] for an LED".into(),
            (_, "a sequence") => "write a list, such as [\"garden\"]".into(),
            _ => format!("write {expected}"),
        };
    }
    match message.split_once(',') {
        // The parser's own words, without what it has found: that can be a part of the line.
        Some((problem, _)) if !message.starts_with("use ") => problem.into(),
        _ => message.into(),
    }
}
