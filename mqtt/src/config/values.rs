//! Settings that can be written in more than one way.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use shared::{Key, Name, account};

/// The longest time of a setting.
const SECONDS_MAX: i64 = 3600;

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(i64),
    Text(String),
    Switch(bool),
}

/// The value, or an error that names what is expected.
fn value<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &str,
    read: impl FnOnce(Value) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer).ok().and_then(read);
    value.ok_or_else(|| de::Error::custom(expected))
}

/// The prefix of discovery, or `false` for none.
pub(super) fn discovery<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let expected = "use \"homeassistant\" or another prefix, or false for none";
    value(deserializer, expected, |value| match value {
        Value::Text(prefix) => Some(Some(prefix)),
        Value::Switch(false) => Some(None),
        _ => None,
    })
}

/// A time in seconds.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    value(
        deserializer,
        "use whole seconds, from 0 to 3600",
        |value| match value {
            Value::Number(seconds @ 0..=SECONDS_MAX) => {
                Some(Duration::from_secs(seconds.unsigned_abs()))
            }
            _ => None,
        },
    )
}

/// One `[[led]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Led {
    #[serde(default, deserialize_with = "key")]
    key: Option<Key>,
    name: Option<String>,
    #[serde(default, deserialize_with = "owner")]
    owner: Option<u32>,
}

impl TryFrom<Led> for super::Led {
    type Error = &'static str;

    fn try_from(led: Led) -> Result<Self, Self::Error> {
        let Led { key, name, owner } = led;
        let key = match (key, &name) {
            (Some(key), _) => key,
            (None, None) => Key::DEFAULT,
            (None, Some(name)) => {
                let name = name.parse::<Name>();
                name.map_err(|_| "write the key of this LED too: its name cannot be one")?
                    .into()
            }
        };
        Ok(super::Led { key, name, owner })
    }
}

/// A key, as a number, as a text in hexadecimal, or as a name.
fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Key>, D::Error> {
    let expected = "a key is a number or a name";
    let text = value(deserializer, expected, |value| match value {
        Value::Number(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Switch(_) => None,
    })?;
    text.parse().map(Some).map_err(de::Error::custom)
}

/// A user, by name or number.
fn owner<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let name = value(
        deserializer,
        "use the name or the number of a user",
        |value| match value {
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            Value::Switch(_) => None,
        },
    )?;
    let user = account::user_id(&name).ok_or_else(|| de::Error::custom("there is no such user"));
    user.map(Some)
}
