//! Properties of all messages: for random ones, and for those of the fuzzer.

use shared::{
    Command, Incoming, Info, Light, Message, MessageType, Refusal, Reply, Request, TEXT_MAX,
};

const REPLY_TYPE: MessageType = MessageType::LED;

/// Any message to the controller is a request or refused, and both survive encoding and decoding.
pub fn check_request(message: &Incoming) {
    let decoded = Request::decode(message);
    let is_exit = matches!(
        decoded,
        Ok(Request {
            command: Command::Exit,
            ..
        })
    );
    let text = message.text();
    let has_end = text.len() <= TEXT_MAX || text.contains(&0) || text.contains(&b'\n');
    assert_eq!(
        is_exit,
        message.message_type() == MessageType::EXIT && has_end
    );
    let is_too_long = decoded.is_err_and(|refused| refused.refusal == Refusal::TooLong);
    assert_eq!(is_too_long, !has_end);
    match decoded {
        Ok(request) => {
            let encoded = request.encode();
            let encoded =
                Incoming::new(encoded.message_type(), encoded.text()).expect("a request fits");
            assert_eq!(Request::decode(&encoded), Ok(request));
        }
        Err(refused) => {
            let reason = refused.refusal.to_string();
            let reply = Reply::Err(&reason).encode(REPLY_TYPE);
            assert_eq!(Reply::decode(&reply), Some(Reply::Err(&*reason)));
        }
    }
}

/// Any message on the reply queue is a reply or ignored, and what is decoded survives encoding and decoding.
pub fn check_reply(message: &Message) {
    let reply = Reply::decode(message);
    if let Some(reply) = reply {
        assert_eq!(Reply::decode(&reply.encode(REPLY_TYPE)), Some(reply));
    }
    if let Some(info) = Info::decode(message) {
        // The reply has no brightness if the LED is off.
        let is_same = |light: Light| light.is_same(info.light());
        assert!(matches!(reply, Some(Reply::Ok(light)) if is_same(light)));
        assert_eq!(Info::decode(&info.encode(REPLY_TYPE)), Some(info));
    }
}
