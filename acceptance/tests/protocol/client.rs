//! The steps of a client.

use super::model::*;

type Step = Option<&'static str>;

/// Takes the next step, unless the client sleeps. A look that finds nothing new is not a step.
pub(crate) fn step(state: &mut State, me: usize, case: &Case) -> Step {
    let (client, ids, server) = (state.clients[me], state.client_ids[me], state.servers[me]);
    let verb = *case.verbs.get(me)?;
    let is_served = ids[COMMANDS] == Id::There;
    let (next, action) = match client {
        Client::Confirmed | Client::Unconfirmed | Client::NoController => return None,
        Client::Look if state.queues[COMMANDS].is_none() => {
            return end(
                state,
                me,
                verb,
                Client::NoController,
                "finds no command queue, and ends",
            );
        }
        // The lock is free, and the next controller must not get the exit.
        Client::LookAgain if verb == Verb::Exit && server == Server::Gone => {
            return end(
                state,
                me,
                verb,
                Client::Confirmed,
                "finds that the controller has ended",
            );
        }
        Client::Look | Client::LookAgain => {
            let creator = state.queues[COMMANDS]?.creator;
            let is_other = matches!(server, Server::Running(directory) if creator != Creator::Running(directory));
            if !state.is_usable(COMMANDS) || is_other {
                return None;
            }
            state.client_ids[me][COMMANDS] = Id::There;
            (Client::FindReplies, "opens the command queue")
        }
        Client::FindReplies | Client::AwaitReplies if state.is_usable(REPLIES) => {
            state.client_ids[me][REPLIES] = Id::There;
            (Client::Send, "opens the reply queue")
        }
        Client::FindReplies if !case.has(Fault::SendsNoStatus) => {
            (Client::RequestReply, "finds no open reply queue")
        }
        Client::FindReplies | Client::AwaitReplies if is_served => return None,
        Client::FindReplies | Client::AwaitReplies => {
            return look_again(
                state,
                me,
                server,
                "finds the command queue removed, and looks again",
            );
        }
        Client::RequestReply | Client::Send if !is_served || !state.is_usable(COMMANDS) => {
            return look_again(
                state,
                me,
                server,
                "finds the command queue closed or removed, and looks again",
            );
        }
        Client::RequestReply => {
            state.send(Message {
                client: me,
                is_status: true,
                reply_to: ReplyTo::None,
            });
            (Client::AwaitReplies, "sends STATUS, for a reply queue")
        }
        Client::Send => {
            state.send(Message {
                client: me,
                is_status: false,
                reply_to: ReplyTo::First,
            });
            state.servers[me] = match state.queues[COMMANDS]?.creator {
                Creator::Running(directory) => Server::Running(directory),
                Creator::Killed(_) => Server::Gone,
            };
            (Client::AwaitFirst, "sends its command")
        }
        Client::AwaitFirst => match state.replies[me][0] {
            Reply::None if ids[REPLIES] == Id::There => return None,
            Reply::None => (Client::AskAgain, "finds the reply queue removed"),
            reply => return handle_reply(state, me, verb, reply),
        },
        Client::AskAgain if !is_served => return continue_without_reply(state, me, case),
        Client::AskAgain if case.has(Fault::DoesNotAskAgain) => {
            (Client::AwaitOtherReplies, "waits for another reply queue")
        }
        // It is closed, and removed soon.
        Client::AskAgain if !state.is_usable(COMMANDS) => return None,
        Client::AskAgain => {
            state.forget(me, ReplyTo::Second);
            state.send(Message {
                client: me,
                is_status: verb != Verb::On,
                reply_to: ReplyTo::Second,
            });
            (
                Client::AwaitOtherReplies,
                "sends a second message, for another reply queue",
            )
        }
        Client::AwaitOtherReplies if state.is_usable(REPLIES) => {
            state.client_ids[me][REPLIES] = Id::There;
            (Client::CheckCommands, "opens the other reply queue")
        }
        Client::AwaitOtherReplies if is_served => return None,
        Client::AwaitOtherReplies => return continue_without_reply(state, me, case),
        // The reply queue is that of the next controller, which does not have the second message.
        Client::CheckCommands if !is_served && !case.has(Fault::DoesNotCheckAgain) => {
            return continue_without_reply(state, me, case);
        }
        Client::CheckCommands if case.has(Fault::DoesNotAskAgain) => {
            (Client::AwaitFirst, "waits for its reply")
        }
        Client::CheckCommands => (Client::AwaitSecond, "waits for the second reply"),
        Client::AwaitSecond => match state.replies[me][1] {
            Reply::None if ids[REPLIES] == Id::There => return None,
            Reply::None => (Client::AskAgain, "finds the reply queue removed"),
            Reply::Ok => (Client::TakeFirstAfterOk, "receives the second reply, OK"),
            Reply::NotApplied => (
                Client::TakeFirstAfterRefusal,
                "receives the second reply, NOT_APPLIED",
            ),
        },
        Client::TakeFirstAfterOk | Client::TakeFirstAfterRefusal => {
            let is_ok = client == Client::TakeFirstAfterOk;
            return match (state.replies[me][0], verb) {
                // The second message is ON too.
                (Reply::None, Verb::On) if is_ok => handle_reply(state, me, verb, Reply::Ok),
                (Reply::None, Verb::On) => handle_reply(state, me, verb, Reply::NotApplied),
                // STATUS is OK, but the thread that ends the controller may have drained the command.
                (Reply::None, _) => continue_without_reply(state, me, case),
                (reply, _) => handle_reply(state, me, verb, reply),
            };
        }
    };
    if client == Client::AwaitSecond {
        state.replies[me][1] = Reply::None;
    }
    state.clients[me] = next;
    Some(action)
}

fn handle_reply(state: &mut State, me: usize, verb: Verb, reply: Reply) -> Step {
    match (reply, verb) {
        (Reply::Ok, _) => end(state, me, verb, Client::Confirmed, "receives the reply OK"),
        (_, Verb::Exit) => end(
            state,
            me,
            verb,
            Client::Confirmed,
            "receives NOT_APPLIED, and the controller ends",
        ),
        _ => look_again(
            state,
            me,
            Server::None,
            "receives the reply NOT_APPLIED, and looks again",
        ),
    }
}

/// There will be no reply to the command.
fn continue_without_reply(state: &mut State, me: usize, case: &Case) -> Step {
    match case.verbs[me] {
        verb @ Verb::Toggle if !case.has(Fault::TogglesAgain) => end(
            state,
            me,
            verb,
            Client::Unconfirmed,
            "reports that its command may have been applied",
        ),
        Verb::Exit if !case.has(Fault::ExitsAgain) => {
            let server = state.servers[me];
            look_again(
                state,
                me,
                server,
                "has no reply, and checks whether that controller still serves",
            )
        }
        _ => look_again(state, me, Server::None, "has no reply, and looks again"),
    }
}

fn look_again(state: &mut State, me: usize, server: Server, action: &'static str) -> Step {
    leave(state, me, Client::LookAgain);
    state.servers[me] = server;
    Some(action)
}

fn end(state: &mut State, me: usize, verb: Verb, how: Client, action: &'static str) -> Step {
    let is_true = match state.servers[me] {
        Server::Running(directory) if verb == Verb::Exit => state.controllers[directory].must_end,
        _ => verb == Verb::Exit || state.applied[me] > 0,
    };
    if how == Client::Confirmed && !is_true {
        state.violated = Some(Invariant::ResultsAreTrue);
    }
    leave(state, me, how);
    Some(action)
}

fn leave(state: &mut State, me: usize, next: Client) {
    state.forget(me, ReplyTo::First);
    state.forget(me, ReplyTo::Second);
    (state.clients[me], state.client_ids[me], state.servers[me]) =
        (next, [Id::None; 2], Server::None);
}
