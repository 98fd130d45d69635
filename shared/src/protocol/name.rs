//! Names that stand for keys, and how the key of a name is computed.

use std::{fmt, str::FromStr};

use super::key::KeyError;

/// A name that stands for a key: 1 to 32 lower-case letters, digits and `-`, of which the first is a letter.
///
/// The key is computed from the name alone, see [`Name::number`], so that nobody has to look it up.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Name {
    /// The bytes of the name, then zeros.
    bytes: [u8; Name::LENGTH_MAX],
}

impl Name {
    /// The most bytes of a name.
    pub const LENGTH_MAX: usize = 32;

    /// The lowest key of a name. The highest is 0x7f7ffffe.
    const BASE: u32 = 0x7f00_0000;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0);
        let bytes = &self.bytes[..length.unwrap_or(Name::LENGTH_MAX)];
        // All of them are ASCII.
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// The key of the name: 0x7f000000 + 2 × the low 22 bits of the 32-bit FNV-1a hash of its bytes.
    ///
    /// It is even, so that the key of a reply queue is never that of another name.
    #[must_use]
    pub fn number(&self) -> u32 {
        let hash = self.as_str().bytes().fold(0x811c_9dc5, |hash: u32, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Name::BASE + 2 * (hash & 0x003f_ffff)
    }
}

impl FromStr for Name {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_of_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let mut bytes = [0; Name::LENGTH_MAX];
        match bytes.get_mut(..text.len()) {
            Some(start)
                if text.starts_with(|first: char| first.is_ascii_lowercase())
                    && text.bytes().all(is_of_name) =>
            {
                start.copy_from_slice(text.as_bytes());
                Ok(Name { bytes })
            }
            _ => Err(KeyError::NotAKey),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_words_of_lower_case() {
        let longest = "a".repeat(Name::LENGTH_MAX);
        for text in ["a", "door", "led-17", "x-", &longest] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        let too_long = "a".repeat(Name::LENGTH_MAX + 1);
        for text in [
            "", "Door", "1door", "-door", "my_led", "dö", "a b", "a\0", &too_long,
        ] {
            assert_eq!(text.parse::<Name>(), Err(KeyError::NotAKey), "{text:?}");
        }
    }

    /// These are in led-controller(7).
    #[test]
    fn names_have_the_documented_keys() {
        for (name, key) in [
            ("door", 0x7f6b_6e52),
            ("led", 0x7f55_d594),
            ("kitchen-2", 0x7f69_0ef8),
        ] {
            let name: Name = name.parse().unwrap();
            assert_eq!(name.number(), key, "{name}");
        }
    }
}
