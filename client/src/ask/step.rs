//! What to do with a command after each attempt.

use shared::Command;

use crate::{
    Error,
    attempt::{Fate, Lost},
};

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The reply, or the reason why there is none, is the result.
    Finish,
    /// Send the command again, to the queues that exist then.
    Retry,
    /// Wait until the controller has ended.
    AwaitEnd,
    /// Check whether the controller has ended. If it serves new queues, the command was removed with the old ones: send it again.
    CheckEnd,
    /// Do not send the command again. Ask for the state of the LED, which the error reports.
    AskState,
}

/// Decides whether a command is sent again after this fate. This rule makes each command take effect at most once.
pub(super) fn next_step(command: Command, fate: &Fate) -> Step {
    let is_exit = command == Command::Exit;
    match fate {
        Fate::Replied(_) => Step::Finish,
        Fate::NotApplied if is_exit => Step::AwaitEnd,
        Fate::NotApplied => Step::Retry,
        // The limit of the queue does not change by itself.
        Fate::NotSent(Error::TooSmall { .. }) => Step::Finish,
        Fate::NotSent(error) if error.is_temporary() => Step::Retry,
        Fate::NotSent(_) => Step::Finish,
        Fate::Unknown(Lost::Queues) if command.is_idempotent() => Step::Retry,
        Fate::Unknown(Lost::Queues) if is_exit => Step::CheckEnd,
        Fate::Unknown(Lost::Queues) => Step::AskState,
        Fate::Unknown(
            Lost::Reply(_) | Lost::Timeout | Lost::Controller(_) | Lost::Unreadable(_),
        ) => Step::Finish,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::{Blink, Brightness, Fade, Key, Message, MessageType, State};

    use super::*;

    #[test]
    fn only_what_cannot_have_been_applied_or_may_be_applied_twice_is_sent_again() {
        let key = Key::DEFAULT;
        let second = Duration::from_secs(1);
        let blink = Blink::new(second, second, Some(1)).unwrap();
        let fade = Fade::new(second);
        let dim = Command::On {
            brightness: Brightness::new(40),
            fade,
        };
        let fates = [
            Fate::Replied(Box::new(Message::empty(MessageType::LED))),
            Fate::NotApplied,
            Fate::NotSent(Error::NotReady { key }),
            Fate::NotSent(Error::Stale { key, messages: 1 }),
            Fate::NotSent(Error::ReplyQueue { key }),
            Fate::Unknown(Lost::Queues),
            Fate::Unknown(Lost::Reply(State::On.into())),
            Fate::Unknown(Lost::Timeout),
            Fate::Unknown(Lost::Controller(1)),
            Fate::Unknown(Lost::Unreadable(Error::NoReplies { key })),
        ];
        use Step::{AskState, AwaitEnd, CheckEnd, Finish, Retry};
        let idempotent = [
            Finish, Retry, Retry, Retry, Finish, Retry, Finish, Finish, Finish, Finish,
        ];
        let once = [
            Finish, Retry, Retry, Retry, Finish, AskState, Finish, Finish, Finish, Finish,
        ];
        let exit = [
            Finish, AwaitEnd, Retry, Retry, Finish, CheckEnd, Finish, Finish, Finish, Finish,
        ];
        for (command, steps) in [
            (Command::ON, idempotent),
            (Command::OFF, idempotent),
            (dim, idempotent),
            (Command::Off { fade }, idempotent),
            (Command::Status, idempotent),
            (Command::Watch(None), idempotent),
            (Command::Toggle, once),
            (Command::Blink(blink), once),
            (Command::Flash(blink), once),
            (Command::Exit, exit),
        ] {
            for (fate, step) in fates.iter().zip(steps) {
                assert_eq!(next_step(command, fate), step, "{command} {fate:?}");
            }
        }
    }
}
