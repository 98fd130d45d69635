//! The steps of a client.

use super::model::{ClientStep::*, *};

/// Takes the next step, and says what it was; none if the client sleeps. A look that finds nothing new is not a step.
pub(crate) fn step(state: &mut State, me: usize, fault: Fault) -> Option<&'static str> {
    let it = state.clients[me];
    let is_on = it.verb == Verb::On;
    let is_served = it.ids[COMMANDS] == Id::There;
    let first = state.replies.get(&(me, Question::First)).copied();
    let (next, action) = match it.next {
        Confirmed | Unconfirmed | NotApplied => return None,
        Look if state.queues[COMMANDS].is_none() => (NotApplied, "finds no command queue"),
        // The lock is free, and the next controller must not get the exit.
        LookAgain if has_ended(it.server, fault) => (Confirmed, "finds its controller ended"),
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
        FindReplies if is_served && is_stale(&state.queues) => not_applied(&it, fault),
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
            let queue = state.queues[COMMANDS]?;
            let client = &mut state.clients[me];
            (client.sent, client.received_before) = (state.second, queue.last_received);
            client.server = match queue.creator {
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
        AskAgain if !is_served => without_reply(state, me, fault),
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
        AwaitOtherReplies => without_reply(state, me, fault),
        // The reply queue is that of the next controller, which does not have the second message.
        CheckCommands if !is_served && fault != Fault::DoesNotCheckAgain => {
            without_reply(state, me, fault)
        }
        CheckCommands if fault == Fault::DoesNotAskAgain => (AwaitFirst, "waits for its reply"),
        CheckCommands => (AwaitSecond, "waits for the second reply"),
        AwaitSecond => match state.replies.remove(&(me, Question::Second)) {
            Some(Reply::Ok) => (TakeFirst(Reply::Ok), "receives the second reply, OK"),
            Some(reply) => (TakeFirst(reply), "receives the second reply, NOT_APPLIED"),
            None if it.ids[REPLIES] == Id::There => return None,
            None => (AskAgain, "finds the reply queue removed"),
        },
        // Both messages are ON: that one is not applied says nothing of the other.
        TakeFirst(Reply::Ok) if is_on && fault != Fault::TrustsRefusal => {
            with_reply(it.verb, Reply::Ok)
        }
        TakeFirst(_) if is_on && first.is_none() && fault != Fault::TrustsRefusal => {
            without_reply(state, me, fault)
        }
        TakeFirst(second) => match first {
            Some(reply) => with_reply(it.verb, reply),
            None if is_on => with_reply(it.verb, second),
            None if (fault, second) == (Fault::TrustsStatus, Reply::Ok) => {
                with_reply(it.verb, second)
            }
            // STATUS is OK, but the thread that ends the controller may have drained the command.
            None => without_reply(state, me, fault),
        },
        CheckEnded if !has_ended(it.server, fault) => (Unconfirmed, "does not find it ended"),
        CheckEnded if fault == Fault::LooksAtQueueFirst => not_applied(&it, fault),
        CheckEnded => (CheckUnread, "finds its controller ended"),
        CheckUnread if !is_unread(state, &it, fault) => (Unconfirmed, "finds its command received"),
        CheckUnread if fault == Fault::LooksAtQueueFirst => (CheckEnded, "finds its command there"),
        CheckUnread => not_applied(&it, fault),
    };
    if next == LookAgain || next.is_end() {
        leave(state, me, next, fault);
    }
    state.clients[me].next = next;
    Some(action)
}

/// The time of a client is over.
pub(crate) fn time_out(state: &mut State, me: usize, fault: Fault) {
    let it = state.clients[me];
    let next = match it.next {
        Look | LookAgain | FindReplies | RequestReply | AwaitReplies | Send => {
            not_applied(&it, fault).0
        }
        AwaitFirst if fault == Fault::LooksAtQueueFirst => CheckUnread,
        AwaitFirst => CheckEnded,
        _ => Unconfirmed,
    };
    if next.is_end() {
        leave(state, me, next, fault);
    }
    state.clients[me].next = next;
}

/// Whether the kernel says that the controller has ended.
fn has_ended(server: Server, fault: Fault) -> bool {
    server == Server::Gone || server != Server::None && fault == Fault::MissesLocks
}

fn is_stale(queues: &[Option<Queue>; 2]) -> bool {
    matches!(queues, [Some(commands), None] if matches!(commands.creator, Creator::Killed(_)))
}

/// Whether certainly nothing was received since it sent its command: the last receive is the same, and in an earlier second.
fn is_unread(state: &State, it: &Client, fault: Fault) -> bool {
    let queue = state.queues[COMMANDS].filter(|_| it.ids[COMMANDS] == Id::There);
    let is_older = it.received_before < it.sent || fault == Fault::TrustsSameSecond;
    let is_same = queue.is_some_and(|queue| queue.last_received == it.received_before);
    is_same && is_older && !state.waiting.is_empty()
}

/// This attempt was not applied.
fn not_applied(it: &Client, fault: Fault) -> (ClientStep, &'static str) {
    match it.may_be_applied && fault != Fault::ForgetsAttempt {
        true => (Unconfirmed, "does not know of an attempt before"),
        false => (NotApplied, "reports that its command is not applied"),
    }
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
fn without_reply(state: &mut State, me: usize, fault: Fault) -> (ClientStep, &'static str) {
    let it = &mut state.clients[me];
    it.may_be_applied = it.verb == Verb::On;
    match it.verb {
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
    (client.sent, client.received_before) = (None, None);
    if next.is_end() || it.verb != Verb::Exit || fault == Fault::ExitsAgain {
        client.server = Server::None;
    }
}
