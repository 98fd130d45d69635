//! The keys of the two queues.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use super::name::Name;

/// The key of a command queue, as msgget(2) takes it: 1 to 4294967294.
///
/// The key of the reply queue is the next one, [`Key::reply`]. 0 is not a key, because it is `IPC_PRIVATE`, nor is
/// 4294967295, because the next one is 0.
///
/// Written in decimal or, as ipcs(1) shows it, in hexadecimal with `0x`. A negative number is that of `key_t`, as ftok(3) gives it.
/// A [`Name`] is a key too. A key that was given as a name is written as this name, and equals the one with its number.
///
/// ```
/// use shared::Key;
///
/// assert_eq!("0x4d2".parse(), Ok(Key::DEFAULT));
/// assert_eq!(Key::DEFAULT.reply().to_string(), "1235");
/// assert_eq!("door".parse::<Key>().unwrap().get(), 0x7f6b_6e52);
/// assert!("0".parse::<Key>().is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Key {
    number: u32,
    name: Option<Name>,
}

impl Key {
    /// The default key: 1234, as in the textbook.
    pub const DEFAULT: Key = Key::of_number(1234);

    /// The key with this number; none for 0 and 4294967295.
    #[must_use]
    pub const fn new(number: u32) -> Option<Key> {
        match number {
            0 | u32::MAX => None,
            _ => Some(Key::of_number(number)),
        }
    }

    const fn of_number(number: u32) -> Key {
        Key { number, name: None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.number
    }

    /// The name by which it was given.
    #[must_use]
    pub const fn name(self) -> Option<Name> {
        self.name
    }

    /// The key of the reply queue that belongs to this command queue. 4294967295, which can only be that of a reply queue, gives
    /// itself.
    #[must_use]
    pub const fn reply(self) -> Key {
        Key::of_number(self.number.saturating_add(1))
    }
}

/// The key as msgget(2) takes it: those from 0x80000000 on are negative.
impl From<Key> for libc::key_t {
    fn from(key: Key) -> Self {
        key.number.cast_signed()
    }
}

impl Default for Key {
    fn default() -> Self {
        Key::DEFAULT
    }
}

impl From<Name> for Key {
    fn from(name: Name) -> Key {
        Key {
            number: name.number(),
            name: Some(name),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.number == other.number
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

/// The name by which it was given, or the number in decimal.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => name.fmt(f),
            None => self.number.fmt(f),
        }
    }
}

/// The number, as ipcs(1) shows it: with `{:#010x}`.
impl fmt::LowerHex for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.number, f)
    }
}

/// Why a text is not a [`Key`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// 0, which is `IPC_PRIVATE`.
    #[error("0 is IPC_PRIVATE, a queue that no other process can find; use 1 to 4294967294")]
    Private,
    /// 4294967295, whose reply queue would have key 0.
    #[error("its reply queue would have key 0, which is IPC_PRIVATE; use 1 to 4294967294")]
    Last,
    /// Neither a number in the range nor a name.
    #[error(
        "a key is a number from 1 to 4294967294, or 0x1 to 0xfffffffe, or a name: a lower-case letter, then lower-case letters, \
         digits and -, at most 32"
    )]
    NotAKey,
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(|first: char| first.is_ascii_lowercase()) {
            return text.parse().map(|name: Name| name.into());
        }
        let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        let number = match digits.strip_prefix('-') {
            Some(_) if radix == 10 => digits.parse().map(i32::cast_unsigned),
            _ => u32::from_str_radix(digits, radix),
        };
        match number {
            _ if digits.starts_with('+') => Err(KeyError::NotAKey),
            Ok(0) => Err(KeyError::Private),
            Ok(u32::MAX) => Err(KeyError::Last),
            Ok(number) => Ok(Key::of_number(number)),
            Err(_) => Err(KeyError::NotAKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_hexadecimal_name_the_same_key() {
        assert_eq!("1234".parse(), Ok(Key::DEFAULT));
        assert_eq!("0x000004d2".parse(), Ok(Key::DEFAULT));
    }

    #[test]
    fn a_name_is_the_key_with_its_number() {
        let key: Key = "door".parse().unwrap();
        assert_eq!(key.to_string(), "door");
        assert_eq!(key.get().to_string().parse(), Ok(key));
        assert_eq!(key.reply().to_string(), (key.get() + 1).to_string());
        assert_eq!("my_led".parse::<Key>(), Err(KeyError::NotAKey));
    }

    #[test]
    fn the_ends_of_the_range_are_refused() {
        assert_eq!("0".parse::<Key>(), Err(KeyError::Private));
        assert_eq!("0x0".parse::<Key>(), Err(KeyError::Private));
        assert_eq!("4294967295".parse::<Key>(), Err(KeyError::Last));
        assert_eq!("4294967296".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!("-1".parse::<Key>(), Err(KeyError::Last));
        assert_eq!("-2147483649".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!("0x-1".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!("+1".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!("0x+1".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!("".parse::<Key>(), Err(KeyError::NotAKey));
        assert_eq!(Key::new(u32::MAX), None);
    }

    #[test]
    fn keys_from_the_upper_half_are_negative_to_the_kernel() {
        let key: Key = "0x80000000".parse().unwrap();
        assert_eq!(libc::key_t::from(key), i32::MIN);
        assert_eq!("-2147483648".parse(), Ok(key));
        assert_eq!("0x7fffffff".parse::<Key>().unwrap().reply(), key);
    }

    #[test]
    fn the_last_key_of_a_reply_queue_gives_itself() {
        let last = "4294967294".parse::<Key>().unwrap().reply();
        assert_eq!([last.get(), last.reply().get()], [u32::MAX; 2]);
    }
}
