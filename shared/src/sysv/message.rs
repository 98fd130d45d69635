//! A message: a positive type and some bytes of text.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
};

use libc::c_long;

use super::sys::Layout;
use crate::count;

/// The type of a message: any positive `long`, the `mtype` of [msgop(2)].
///
/// ```
/// use shared::MessageType;
///
/// let urgent = MessageType::new(1).unwrap();
/// assert_eq!(urgent, MessageType::LED);
/// assert_eq!(MessageType::new(0), None);
/// assert_eq!(MessageType::own_pid().to_string(), std::process::id().to_string());
/// ```
///
/// [msgop(2)]: https://man7.org/linux/man-pages/man2/msgop.2.html
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageType(c_long);

impl MessageType {
    /// The type with this number; none for 0 and below, which msgsnd(2) refuses with EINVAL.
    #[must_use]
    pub const fn new(number: c_long) -> Option<MessageType> {
        if number > 0 {
            Some(MessageType(number))
        } else {
            None
        }
    }

    /// A random type, for one request and its reply: no other process can guess it.
    ///
    /// All bits but the sign are random: 63, or 31 if a `long` has 4 bytes.
    #[must_use]
    pub fn random() -> MessageType {
        // The standard library seeds each of these hashers with random bytes from the kernel.
        let bits = RandomState::new().hash_one(()).to_ne_bytes();
        let mut number = [0; size_of::<c_long>()];
        number.copy_from_slice(&bits[..size_of::<c_long>()]);
        MessageType((c_long::from_ne_bytes(number) & c_long::MAX).max(1))
    }

    /// The PID of this process, the type of replies in textbook programs. A process in another PID namespace,
    /// or a later one, may have the same PID.
    #[must_use]
    pub fn own_pid() -> MessageType {
        MessageType(c_long::from(std::process::id().cast_signed()))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> c_long {
        self.0
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message of up to `N` bytes, in the C layout of [msgop(2)], native endian:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | `size_of::<c_long>()` | `message_type` |
/// | after it | 0 to `N` | `message_text` |
///
/// The length is stored beside the layout, as msgsnd(2) takes it and msgrcv(2) returns it, without the type. A message may be
/// empty; the longest that the system sends has `kernel.msgmax` bytes, 8192 by default. The text can be any bytes. It ends in a
/// NUL only if the sender put one there.
///
/// ```
/// use std::fmt::Write;
/// use shared::{Message, MessageType};
///
/// let mut message: Message<8> = Message::new(MessageType::LED, b"ON").unwrap();
/// assert_eq!(message.to_string(), r#"type 1, 2 bytes, "ON""#);
/// write!(message, " {}", 17).unwrap();
/// assert_eq!(message.text(), b"ON 17");
/// // As much of it as fits is written.
/// assert!(message.write_str("text").is_err());
/// assert_eq!(message.text(), b"ON 17tex");
/// assert!(Message::<8>::new(MessageType::LED, b"nine char").is_none());
/// ```
///
/// [msgop(2)]: https://man7.org/linux/man-pages/man2/msgop.2.html
#[derive(Clone, Copy)]
pub struct Message<const N: usize = 256> {
    pub(super) layout: Layout<N>,
    pub(super) length: usize,
}

impl<const N: usize> Message<N> {
    /// The message of this type with this text; none if the text is longer than `N` bytes.
    #[must_use]
    pub fn new(message_type: MessageType, text: &[u8]) -> Option<Self> {
        let mut message = Self::empty(message_type);
        message
            .layout
            .message_text
            .get_mut(..text.len())?
            .copy_from_slice(text);
        message.length = text.len();
        Some(message)
    }

    /// A message of this type without text, to be written to.
    #[must_use]
    pub fn empty(message_type: MessageType) -> Self {
        Message {
            layout: Layout {
                message_type: message_type.0,
                message_text: [0; N],
            },
            length: 0,
        }
    }

    /// A message for msgrcv(2) to write.
    pub(super) fn blank() -> Self {
        Self::empty(MessageType(1))
    }

    /// Its type.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        MessageType(self.layout.message_type)
    }

    /// Its text: the bytes that were sent or received.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.layout.message_text[..self.length]
    }
}

/// Text that does not fit is cut after the last whole character that fits.
impl<const N: usize> fmt::Write for Message<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = N - self.length;
        let fits = (0..=room.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        self.layout.message_text[self.length..][..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// The most bytes of text that are displayed.
const SHOWN: usize = 40;

/// `type 1, 2 bytes, "ON"`, with escapes for all but printable ASCII: safe to log. The text is cut after 40 bytes, and after the
/// first of the NULs at its end; then `...` follows.
impl<const N: usize> fmt::Display for Message<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let nuls = text.iter().rev().take_while(|&&byte| byte == 0).count();
        let end = text.len() - nuls.saturating_sub(1);
        let shown = &text[..end.min(SHOWN)];
        let cut = if shown.len() < text.len() { "..." } else { "" };
        write!(
            f,
            "type {}, {}, \"{}\"{cut}",
            self.message_type(),
            count(text.len() as u64, "byte"),
            shown.escape_ascii()
        )
    }
}

impl<const N: usize> fmt::Debug for Message<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fmt::Write};

    use super::*;

    #[test]
    fn a_text_longer_than_the_message_is_refused() {
        assert!(Message::<3>::new(MessageType::LED, b"OFF").is_some());
        assert!(Message::<2>::new(MessageType::LED, b"OFF").is_none());
    }

    #[test]
    fn zero_and_negative_numbers_are_no_types() {
        assert_eq!(MessageType::new(0), None);
        assert_eq!(MessageType::new(-1), None);
        assert_eq!(
            MessageType::new(c_long::MAX).map(MessageType::get),
            Some(c_long::MAX)
        );
    }

    #[test]
    fn random_types_are_positive_and_do_not_repeat() {
        let types: HashSet<MessageType> = (0..1000).map(|_| MessageType::random()).collect();
        assert_eq!(types.len(), 1000);
        assert!(types.iter().all(|message_type| message_type.get() > 0));
    }

    #[test]
    fn what_is_written_beyond_the_end_is_cut_between_characters() {
        let mut message = Message::<4>::empty(MessageType::LED);
        assert!(write!(message, "abcé").is_err());
        assert_eq!(message.text(), b"abc");
    }

    #[test]
    fn a_message_is_shown_with_escapes() {
        let message: Message = Message::new(MessageType::LED, b"ON\0\xff\n").unwrap();
        assert_eq!(message.to_string(), r#"type 1, 5 bytes, "ON\x00\xff\n""#);
        let one: Message = Message::new(MessageType::LED, b"X").unwrap();
        assert_eq!(one.to_string(), r#"type 1, 1 byte, "X""#);
        for (length, dots) in [(40, ""), (41, "..."), (256, "...")] {
            let message: Message = Message::new(MessageType::LED, &[1; 256][..length]).unwrap();
            let text = r"\x01".repeat(40);
            let shown = format!("type 1, {length} bytes, \"{text}\"{dots}");
            assert_eq!(message.to_string(), shown);
        }
        for (text, shown) in [
            (&b"ON\0"[..], r#"3 bytes, "ON\x00""#),
            (b"ON\0\0\0", r#"5 bytes, "ON\x00"..."#),
            (&[0; 256], r#"256 bytes, "\x00"..."#),
        ] {
            let message: Message = Message::new(MessageType::LED, text).unwrap();
            assert_eq!(message.to_string(), format!("type 1, {shown}"));
        }
    }
}
