use super::*;

const AVAILABILITY: &str = "led/pi/availability";
const STATE: &str = "led/pi/door/state";
const OURS: [u8; 8] = [1; 8];

/// An outbox whose payloads the broker has acknowledged.
fn acknowledged() -> Outbox {
    let payloads = [AVAILABILITY, STATE].map(|topic| (topic.to_owned(), ONLINE));
    let mut outbox = Outbox {
        process: Some(OURS),
        ..Outbox::of(payloads)
    };
    for slot in &mut outbox.slots {
        slot.acknowledged.clone_from(&slot.wanted);
    }
    outbox
}

fn message(topic: &str, payload: &str, correlation: Option<[u8; 8]>) -> Message {
    Message {
        topic: topic.into(),
        payload: payload.into(),
        is_retained: true,
        respond: None,
        correlation: correlation.map(Vec::from),
        expiry: None,
    }
}

#[test]
fn what_others_publish_is_corrected_unless_it_is_a_second_process() {
    let other = Some([2; 8]);
    for (topic, payload, correlation, is_corrected) in [
        (AVAILABILITY, OFFLINE, None, true),
        (AVAILABILITY, OFFLINE, Some(OURS), true),
        (STATE, OFFLINE, None, true),
        (STATE, "", None, true),
        (AVAILABILITY, ONLINE, None, false),
        (STATE, OFFLINE, other, false),
        ("led/pi/gate/state", OFFLINE, None, false),
        // The last will of a machine that had the name, or its end.
        (AVAILABILITY, OFFLINE, other, true),
    ] {
        let mut outbox = acknowledged();
        outbox.correct(AVAILABILITY, &message(topic, payload, correlation));
        let case = (topic, payload, correlation);
        assert_eq!(outbox.retry().is_some(), is_corrected, "{case:?}");
    }
}

#[test]
fn further_messages_do_not_delay_the_correction() {
    let mut outbox = acknowledged();
    outbox.correct(AVAILABILITY, &message(STATE, "1", None));
    let first = outbox.retry();
    outbox.correct(AVAILABILITY, &message(STATE, "2", None));
    assert_eq!(outbox.retry(), first);
    assert!(first.is_some_and(|first| first <= Instant::now() + CORRECTION_DELAY));
}

#[test]
fn an_acknowledgement_does_not_end_a_correction_that_is_due() {
    let mut outbox = acknowledged();
    let slot = &mut outbox.slots[0];
    slot.sent.clone_from(&slot.wanted);
    outbox.correct(AVAILABILITY, &message(AVAILABILITY, OFFLINE, None));
    assert_eq!(outbox.retry(), None, "its message is on its way");
    assert!(!outbox.is_settled());
    outbox.acknowledged(0, true);
    assert!(outbox.retry().is_some());
}
