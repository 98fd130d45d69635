use super::*;

fn decode(message_type: libc::c_long, text: &[u8]) -> Result<Request, Refused> {
    let message_type = MessageType::new(message_type).unwrap();
    Request::decode(&Incoming::new(message_type, text).unwrap())
}

fn refused(message_type: libc::c_long, text: &[u8]) -> Refusal {
    decode(message_type, text).unwrap_err().refusal
}

fn without_reply(command: Command) -> Result<Request, Refused> {
    Ok(Request {
        command,
        reply_to: None,
    })
}

#[test]
fn verbs_are_read_in_any_case_with_blanks_newline_and_nul_at_the_end() {
    for text in [
        "ON",
        "on",
        "oN",
        "ON\n",
        "ON  \t\r\n",
        "ON\0",
        "ON \0",
        "on\n\0",
    ] {
        assert_eq!(
            decode(1, text.as_bytes()),
            without_reply(Command::ON),
            "{text:?}"
        );
    }
}

#[test]
fn the_second_field_is_the_type_of_the_reply() {
    assert_eq!(
        decode(1, b"ON\0reply=77\0").unwrap().reply_to,
        MessageType::new(77)
    );
    assert_eq!(
        decode(1, b"ON\0reply=77\0more\0").unwrap().reply_to,
        MessageType::new(77)
    );
    assert_eq!(
        decode(2, b"\0reply=77\0").unwrap().reply_to,
        MessageType::new(77)
    );
    assert_eq!(
        decode(1, b"ON\0reply=77").unwrap().reply_to,
        MessageType::new(77)
    );
}

#[test]
fn a_reply_type_that_the_kernel_may_have_cut_is_not_heeded() {
    let mut text = vec![b' '; TEXT_MAX + 1 - 9];
    text.extend_from_slice(b"\0reply=77");
    text[..2].copy_from_slice(b"ON");
    assert_eq!(decode(1, &text), without_reply(Command::ON));
    text[TEXT_MAX + 1 - 3..].copy_from_slice(b"=7\0");
    assert_eq!(decode(1, &text).unwrap().reply_to, MessageType::new(7));
}

#[test]
fn bytes_left_over_from_an_earlier_command_request_no_reply() {
    for text in [
        &b"ON\0GLE\0"[..],
        b"ON\0",
        b"ON\0\0\0\0",
        b"ON\0\xff\x7f\0",
        b"ON\x0077\0",
        b"ON\0 reply=77\0",
        b"ON\0-5\0",
    ] {
        assert_eq!(
            decode(1, text),
            without_reply(Command::ON),
            "{}",
            text.escape_ascii()
        );
    }
}

#[test]
fn a_reply_type_that_is_none_is_refused() {
    for text in [
        &b"ON\0reply=\0"[..],
        b"ON\0reply=+1\0",
        b"ON\0reply=7 7\0",
        b"ON\0reply=x",
    ] {
        assert_eq!(
            refused(1, text),
            Refusal::ReplyType,
            "{}",
            text.escape_ascii()
        );
    }
    for text in [
        &b"ON\0reply=0\0"[..],
        b"ON\0reply=-1\0",
        b"ON\0reply=-0\0",
        b"ON\0reply=99999999999999999999\0",
    ] {
        assert_eq!(
            refused(1, text),
            Refusal::ReplyType,
            "{}",
            text.escape_ascii()
        );
    }
}

#[test]
fn any_text_of_type_2_is_exit() {
    for text in [
        &b""[..],
        b"EXIT",
        b"\xff",
        b"EXIT\0reply=0\0",
        b"\0reply=-1\0",
    ] {
        assert_eq!(
            decode(2, text),
            without_reply(Command::Exit),
            "{}",
            text.escape_ascii()
        );
    }
}

#[test]
fn a_message_that_is_refused_names_who_is_to_be_told() {
    let refused = decode(1, b"SHINE\0reply=77\0").unwrap_err();
    assert_eq!(
        refused,
        Refused {
            refusal: Refusal::UnknownVerb,
            reply_to: MessageType::new(77)
        }
    );
}

#[test]
fn a_whole_buffer_of_any_length_is_decoded_up_to_its_first_nul_or_newline() {
    for (text, reply_to) in [
        (&b"ON\n"[..], None),
        (b"ON\0", None),
        (b"ON \nGLE\n\0OFF\0", None),
        (b"ON\n\0reply=77\0", MessageType::new(77)),
        (b"ON\0reply=77\0", MessageType::new(77)),
        // Only what follows the first NUL.
        (b"ON\nreply=77\0", None),
        (b"ON\0x\0reply=77\0", None),
    ] {
        for length in [text.len(), TEXT_MAX, TEXT_MAX + 1] {
            let mut buffer = text.to_vec();
            buffer.resize(length, b'x');
            for (message_type, command) in [(1, Command::ON), (2, Command::Exit)] {
                assert_eq!(
                    decode(message_type, &buffer),
                    Ok(Request { command, reply_to }),
                    "{}",
                    text.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn what_is_no_command_is_refused_with_its_reason() {
    assert_eq!(refused(1, b""), Refusal::Empty);
    assert_eq!(refused(1, b" \n"), Refusal::Empty);
    assert_eq!(refused(1, b"\0ON"), Refusal::Empty);
    assert_eq!(refused(1, b"\xff\xfe"), Refusal::NotText);
    assert_eq!(refused(1, b"ON OFF"), Refusal::On);
    assert_eq!(refused(1, b" ON"), Refusal::UnknownVerb);
    assert_eq!(refused(1, b"EXIT"), Refusal::UnknownVerb);
    assert_eq!(refused(1, b"BLINKER 500 500"), Refusal::UnknownVerb);
    assert_eq!(refused(1, b"BLINK"), Refusal::Blink);
    assert_eq!(refused(1, b"blink 500\0"), Refusal::Blink);
    assert_eq!(refused(1, b"BLINK 0 500"), Refusal::Blink);
    assert_eq!(refused(1, b"s:2:\"ON\";"), Refusal::Serialized);
    assert_eq!(refused(3, b"ON"), Refusal::UnknownType);
    // What `pack("l a*")` instead of `"l! a*"` makes of type 1 and `ON` in Perl.
    assert_eq!(
        refused(5_136_161_122_235_187_201, b"ON"),
        Refusal::UnknownType
    );
}

#[test]
fn the_longest_legal_text_is_read() {
    let mut text = b"ON".to_vec();
    text.resize(TEXT_MAX, b' ');
    assert_eq!(decode(1, &text), without_reply(Command::ON));
    text.push(b' ');
    assert_eq!(refused(1, &text), Refusal::TooLong);
    assert_eq!(refused(2, &text), Refusal::TooLong);
}

#[test]
fn the_reason_for_an_unknown_command_names_the_known_ones() {
    assert_eq!(
        Refusal::UnknownVerb.to_string(),
        "unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK, FLASH"
    );
}
