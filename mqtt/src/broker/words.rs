//! Reason codes of MQTT as people read them.

use std::fmt::Debug;

/// `QuotaExceeded` as `quota exceeded`.
pub(super) fn of(code: impl Debug) -> String {
    let mut words = String::new();
    for c in format!("{code:?}").chars() {
        // QoS is one word.
        if c.is_ascii_uppercase() && !words.is_empty() && !words.ends_with("qo") {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use rumqttc::PubAckReason;

    #[test]
    fn a_reason_code_is_words() {
        assert_eq!(super::of(PubAckReason::QuotaExceeded), "quota exceeded");
    }
}
