//! What holds for any message: held here against random ones, and in fuzz/ against those that coverage leads to.

use shared::{Command, Incoming, Info, Message, MessageType, Reply, Request, TEXT_MAX};

const SENDER: MessageType = MessageType::LED;

/// What anybody may send to the controller.
pub(crate) fn request(message: &Incoming) {
    let decoded = Request::decode(message);
    let ends = matches!(decoded, Ok(Request { command: Command::Exit, .. }));
    assert_eq!(ends, message.message_type() == MessageType::EXIT && message.text().len() <= TEXT_MAX);
    match decoded {
        Ok(request) => {
            let again = request.encode();
            let again = Incoming::new(again.message_type(), again.text()).unwrap();
            assert_eq!(Request::decode(&again), Ok(request));
        }
        Err(refused) => {
            let reason = refused.refusal.to_string();
            let answer = Reply::Err(&reason).encode(SENDER);
            assert_eq!(Reply::decode(&answer), Some(Reply::Err(&*reason)));
        }
    }
}

/// What a client may find on the reply queue.
pub(crate) fn reply(message: &Message) {
    let reply = Reply::decode(message);
    if let Some(reply) = reply {
        assert_eq!(Reply::decode(&reply.encode(SENDER)), Some(reply));
    }
    if let Some(info) = Info::decode(message) {
        assert_eq!(reply, Some(Reply::Ok(info.state)));
        assert_eq!(Info::decode(&info.encode(SENDER)), Some(info));
    }
}
