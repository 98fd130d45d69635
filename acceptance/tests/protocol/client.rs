//! The steps of a client.

use super::model::{ClientStep::*, *};

/// Takes the next step, and says what it was; none if the client sleeps. A look that finds nothing new is not a step.
pub(crate) fn step(state: &mut State, me: usize, fault: Fault) -> Option<&'static str> {
    let it = state.clients[me];
    let is_served = it.ids[COMMANDS] == Id::There;
    let first = state.replies.get(&(me, Question::First)).copied();
    let (next, action) = match it.next {
        Confirmed | Unconfirmed | NoController => return None,
        Look if state.queues[COMMANDS].is_none() => (NoController, "finds no command queue"),
        // The lock is free, and the next controller must not get the exit.
        LookAgain if it.server == Server::Gone => (Confirmed, "finds its controller ended"),
        Look | LookAgain => {
            let creator = state.queues[COMMANDS]?.creator;
            let is_other =
                matches!(it.server, Server::Running(server) if creator != Creator::Running(server));
            if is_other || !state.is_usable(COMMANDS) {
                return None;
            }
            state.clients[me].ids[COMMANDS] = Id::There;
            (FindReplies, "opens the command queue")
        }
        FindReplies | AwaitReplies if state.is_usable(REPLIES) => {
            state.clients[me].ids[REPLIES] = Id::There;
            (Send, "opens the reply queue")
        }
        FindReplies if fault != Fault::SendsNoStatus => (RequestReply, "finds no open reply queue"),
        FindReplies | AwaitReplies if is_served => return None,
        FindReplies | AwaitReplies => (LookAgain, "finds no command queue, and looks again"),
        RequestReply | Send if !is_served || !state.is_usable(COMMANDS) => {
            (LookAgain, "cannot send, and looks again")
        }
        RequestReply => {
            send(state, me, true, None);
            (AwaitReplies, "sends STATUS, for a reply queue")
        }
        Send => {
            send(state, me, false, Some(Question::First));
            state.clients[me].server = match state.queues[COMMANDS]?.creator {
                Creator::Running(directory) => Server::Running(directory),
                Creator::Killed(_) => Server::Gone,
            };
            (AwaitFirst, "sends its command")
        }
        AwaitFirst => match first {
            Some(reply) => with_reply(it.verb, reply),
            None if it.ids[REPLIES] == Id::There => return None,
            None => (AskAgain, "finds the reply queue removed"),
        },
        AskAgain if !is_served => without_reply(it.verb, fault),
        AskAgain if fault == Fault::DoesNotAskAgain => (AwaitOtherReplies, "does not ask again"),
        // It is closed, and removed soon.
        AskAgain if !state.is_usable(COMMANDS) => return None,
        AskAgain => {
            state.forget(me, Question::Second);
            send(state, me, it.verb != Verb::On, Some(Question::Second));
            (AwaitOtherReplies, "sends a second message")
        }
        AwaitOtherReplies if state.is_usable(REPLIES) => {
            state.clients[me].ids[REPLIES] = Id::There;
            (CheckCommands, "opens the other reply queue")
        }
        AwaitOtherReplies if is_served => return None,
        AwaitOtherReplies => without_reply(it.verb, fault),
        // The reply queue is that of the next controller, which does not have the second message.
        CheckCommands if !is_served && fault != Fault::DoesNotCheckAgain => {
            without_reply(it.verb, fault)
        }
        CheckCommands if fault == Fault::DoesNotAskAgain => (AwaitFirst, "waits for its reply"),
        CheckCommands => (AwaitSecond, "waits for the second reply"),
        AwaitSecond => match state.replies.remove(&(me, Question::Second)) {
            Some(Reply::Ok) => (TakeFirst(Reply::Ok), "receives the second reply, OK"),
            Some(reply) => (TakeFirst(reply), "receives the second reply, NOT_APPLIED"),
            None if it.ids[REPLIES] == Id::There => return None,
            None => (AskAgain, "finds the reply queue removed"),
        },
        TakeFirst(second) => match first {
            Some(reply) => with_reply(it.verb, reply),
            // The second message is ON too.
            None if it.verb == Verb::On => with_reply(it.verb, second),
            None if (fault, second) == (Fault::TrustsStatus, Reply::Ok) => {
                with_reply(it.verb, second)
            }
            // STATUS is OK, but the thread that ends the controller may have drained the command.
            None => without_reply(it.verb, fault),
        },
    };
    if next == LookAgain || next.is_end() {
        leave(state, me, next, fault);
    }
    state.clients[me].next = next;
    Some(action)
}

fn send(state: &mut State, client: usize, is_status: bool, question: Option<Question>) {
    state.waiting.push(Message {
        client,
        is_status,
        question,
    });
}

fn with_reply(verb: Verb, reply: Reply) -> (ClientStep, &'static str) {
    match (reply, verb) {
        (Reply::Ok, _) => (Confirmed, "receives the reply OK"),
        (_, Verb::Exit) => (Confirmed, "receives NOT_APPLIED, and the controller ends"),
        _ => (LookAgain, "receives the reply NOT_APPLIED, and looks again"),
    }
}

/// There will be no reply to the command.
fn without_reply(verb: Verb, fault: Fault) -> (ClientStep, &'static str) {
    match verb {
        Verb::Toggle if fault != Fault::TogglesAgain => (Unconfirmed, "has no reply, and ends"),
        Verb::Exit => (LookAgain, "has no reply, and looks for that controller"),
        _ => (LookAgain, "has no reply, and looks again"),
    }
}

/// Gives up its queues and replies. Only exit remembers who has it.
fn leave(state: &mut State, me: usize, next: ClientStep, fault: Fault) {
    let it = state.clients[me];
    let is_true = match (it.verb, it.server) {
        (Verb::Exit, Server::Running(directory)) => state.controllers[directory].must_end,
        (Verb::Exit, _) => true,
        _ => it.applied > 0,
    };
    if next == Confirmed && !is_true {
        state.violated = Some(Invariant::ResultsAreTrue);
    }
    state.forget(me, Question::First);
    state.forget(me, Question::Second);
    let client = &mut state.clients[me];
    client.ids = [Id::None; 2];
    if next.is_end() || it.verb != Verb::Exit || fault == Fault::ExitsAgain {
        client.server = Server::None;
    }
}
