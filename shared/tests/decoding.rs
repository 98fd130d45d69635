//! Any message is decoded or refused, and what is encoded is decoded to the same.

use std::{ffi::c_long, time::Duration};

use proptest::{collection::vec, option::of, prelude::*, sample::select};
use shared::{
    Blink, Brightness, Command, Fade, Incoming, Info, Known, Line, Message, MessageType, Place,
    Request, State, TEXT_MAX,
};
use testing::decoding::{check_reply, check_request};

const REQUEST: &str = r"(?i)((on|off)( (-|[0-9]{1,3})){0,2}|toggle|status|watch( (on( [0-9]{0,3})?|off|blink 1 1 ?1?))?|(blink|flash)([ \t][0-9]{1,7}){0,4})[ \n]{0,2}(\x00(reply=)?-?[0-9]{0,20}\x00?)?.{0,3}( {0,250}|x{0,250})";
const REPLY: &str = r"(OK (ON|OFF|BLINK( [0-9]{1,8}){1,4})|ERR .{0,99})(\r?\n([a-z_]{1,9} .{0,9}|(brightness|levels) [0-9]{1,3})){0,9}";

/// Texts that match the expression, and any bytes, cut to the longest length.
fn text(expression: &'static str, longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        expression.prop_map(String::into_bytes),
        vec(any::<u8>(), 0..=longest)
    ]
    .prop_map(move |mut text| {
        text.truncate(longest);
        text
    })
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::On),
        Just(State::Off),
        blink().prop_map(State::Blink)
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let without_arguments = [
        Command::ON,
        Command::OFF,
        Command::Toggle,
        Command::Status,
        Command::Exit,
    ];
    prop_oneof![
        select(without_arguments.to_vec()),
        blink().prop_map(Command::Blink),
        (blink(), Blink::COUNT).prop_map(|(blink, count)| Command::Flash(
            Blink::new(blink.on(), blink.off(), Some(count)).unwrap()
        )),
        of(known()).prop_map(Command::Watch),
        (of(brightness()), of(fade()))
            .prop_map(|(brightness, fade)| Command::On { brightness, fade }),
        of(fade()).prop_map(|fade| Command::Off { fade }),
    ]
}

fn known() -> impl Strategy<Value = Known> {
    prop_oneof![
        state().prop_map(Known::from),
        brightness().prop_map(|brightness| Known {
            state: State::On,
            brightness: Some(brightness),
        })
    ]
}

fn brightness() -> impl Strategy<Value = Brightness> {
    (1..=100_u32).prop_map(|percent| Brightness::new(percent).unwrap())
}

fn fade() -> impl Strategy<Value = Fade> {
    prop_oneof![1..=3_600_000_u64, Just(3_600_000)]
        .prop_map(|ms| Fade::new(Duration::from_millis(ms)).unwrap())
}

fn blink() -> impl Strategy<Value = Blink> {
    let phase = || prop_oneof![1..=3_600_000_u64, Just(3_600_000)].prop_map(Duration::from_millis);
    let count = prop_oneof![Blink::COUNT, Just(*Blink::COUNT.end())];
    (phase(), phase(), of(count)).prop_map(|(on, off, count)| Blink::new(on, off, count).unwrap())
}

fn message_type() -> impl Strategy<Value = MessageType> {
    prop_oneof![Just(1), Just(2), Just(c_long::MAX), 1..=c_long::MAX]
        .prop_map(|number| MessageType::new(number).unwrap())
}

proptest! {
    #[test]
    fn any_message_is_a_request_or_refused(message_type in message_type(), text in text(REQUEST, TEXT_MAX + 1)) {
        check_request(&Incoming::new(message_type, &text).unwrap());
    }

    #[test]
    fn a_request_is_decoded_as_it_was_encoded(command in command(), reply_to in of(message_type())) {
        let request = Request { command, reply_to };
        let message = request.encode();
        assert_eq!(Request::decode(&Incoming::new(message.message_type(), message.text()).unwrap()), Ok(request));
    }

    #[test]
    fn any_message_is_a_reply_or_ignored(text in text(REPLY, TEXT_MAX)) {
        check_reply(&Message::new(MessageType::LED, &text).unwrap());
    }

    #[test]
    fn a_status_is_decoded_as_it_was_encoded_unless_it_does_not_fit(
        state in state(),
        (pid, uptime, offset) in any::<(u32, u64, u32)>(),
        (applied, refused, replies_dropped) in any::<(u64, u64, u64)>(),
        version in "[!-~]{0,40}",
        (brightness, levels) in (of(brightness()), of(any::<u32>())),
        names in [r"[^\n]{0,31}", r"[^\n]{0,31}", r"[^\n]{0,31}"],
        place: u8,
    ) {
        let [name, chip, label] = names;
        let place = match place % 3 {
            0 => Place::Simulated,
            1 => Place::Led(name),
            _ => Place::Line(Line { name, offset, chip, label }),
        };
        let uptime = Duration::from_secs(uptime);
        let info = Info { state, pid, version, uptime, applied, refused, replies_dropped, place, brightness, levels };
        let message = info.encode(MessageType::LED);
        let read = Info::decode(&message);
        assert!(read == Some(info) || message.text().len() > TEXT_MAX - 4, "{message}");
        check_reply(&message);
    }
}
