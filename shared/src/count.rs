//! Numbers of things in messages.

/// A number and its noun, which takes an s in the plural: `1 byte`, `2 bytes`.
#[must_use]
pub fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
