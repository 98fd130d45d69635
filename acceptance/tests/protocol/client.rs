//! The steps of a client.

use crate::model::*;

type Did = Option<&'static str>;

/// Takes the next step, if the client does not sleep. It is no step to look again and find nothing new.
pub(crate) fn step(state: &mut State, me: usize, case: &Case) -> Did {
    let (client, ids, server) = (state.clients[me], state.client_ids[me], state.servers[me]);
    let verb = *case.verbs.get(me)?;
    let is_served = ids[COMMANDS] == Id::There;
    let (next, did) = match client {
        Client::Told | Client::Unknown | Client::NoController => return None,
        Client::Look if state.queues[COMMANDS].is_none() => {
            return end(state, me, verb, Client::NoController, "finds no command queue, and gives up");
        }
        // The lock is free, and exit is not for the next controller.
        Client::LookAgain if verb == Verb::Exit && server == Server::Gone => {
            return end(state, me, verb, Client::Told, "finds that the controller has ended");
        }
        Client::Look | Client::LookAgain => {
            let maker = state.queues[COMMANDS]?.maker;
            let is_other = matches!(server, Server::Running(directory) if maker != Maker::Running(directory));
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
        Client::FindReplies if !case.has(Fault::DoesNotRouse) => {
            (Client::Rouse, "finds no reply queue that it may use")
        }
        Client::FindReplies | Client::AwaitReplies if is_served => return None,
        Client::FindReplies | Client::AwaitReplies => {
            return look_again(state, me, server, "finds the command queue removed, and looks again");
        }
        Client::Rouse | Client::Send if !is_served || !state.is_usable(COMMANDS) => {
            return look_again(state, me, server, "finds the command queue closed or removed, and looks again");
        }
        Client::Rouse => {
            state.send(Message { client: me, is_status: true, reply_to: ReplyTo::Nobody });
            (Client::AwaitReplies, "sends STATUS, so that there will be a reply queue")
        }
        Client::Send => {
            state.send(Message { client: me, is_status: false, reply_to: ReplyTo::First });
            state.servers[me] = match state.queues[COMMANDS]?.maker {
                Maker::Running(directory) => Server::Running(directory),
                Maker::Killed(_) => Server::Gone,
            };
            (Client::AwaitFirst, "sends its command")
        }
        Client::AwaitFirst => match state.answers[me][0] {
            Answer::None if ids[REPLIES] == Id::There => return None,
            Answer::None => (Client::Prod, "finds the reply queue removed"),
            answer => return understand(state, me, verb, answer),
        },
        Client::Prod if !is_served => return do_without(state, me, case),
        Client::Prod if case.has(Fault::DoesNotProd) => (Client::AwaitOtherReplies, "waits for another reply queue"),
        // It is closed, and removed soon.
        Client::Prod if !state.is_usable(COMMANDS) => return None,
        Client::Prod => {
            state.forget(me, ReplyTo::Second);
            state.send(Message { client: me, is_status: verb != Verb::On, reply_to: ReplyTo::Second });
            (Client::AwaitOtherReplies, "sends a second message, so that there will be another reply queue")
        }
        Client::AwaitOtherReplies if state.is_usable(REPLIES) => {
            state.client_ids[me][REPLIES] = Id::There;
            (Client::LookBack, "opens the other reply queue")
        }
        Client::AwaitOtherReplies if is_served => return None,
        Client::AwaitOtherReplies => return do_without(state, me, case),
        // The reply queue is that of the next controller, then, and that does not have the second message.
        Client::LookBack if !is_served && !case.has(Fault::DoesNotLookBack) => return do_without(state, me, case),
        Client::LookBack if case.has(Fault::DoesNotProd) => (Client::AwaitFirst, "waits there for its answer"),
        Client::LookBack => (Client::AwaitSecond, "waits there for the second answer"),
        Client::AwaitSecond => match state.answers[me][1] {
            Answer::None if ids[REPLIES] == Id::There => return None,
            Answer::None => (Client::Prod, "finds the reply queue removed"),
            Answer::Ok => (Client::TakeFirstAfterOk, "takes the second answer, OK"),
            Answer::NotApplied => (Client::TakeFirstAfterRefusal, "takes the second answer, NOT_APPLIED"),
        },
        Client::TakeFirstAfterOk | Client::TakeFirstAfterRefusal => {
            let is_ok = client == Client::TakeFirstAfterOk;
            return match (state.answers[me][0], verb) {
                // The second message is ON too.
                (Answer::None, Verb::On) if is_ok => understand(state, me, verb, Answer::Ok),
                (Answer::None, Verb::On) => understand(state, me, verb, Answer::NotApplied),
                // STATUS is OK, and yet the thread that ends the controller may have taken the command off.
                (Answer::None, _) => do_without(state, me, case),
                (answer, _) => understand(state, me, verb, answer),
            };
        }
    };
    if client == Client::AwaitSecond {
        state.answers[me][1] = Answer::None;
    }
    state.clients[me] = next;
    Some(did)
}

fn understand(state: &mut State, me: usize, verb: Verb, answer: Answer) -> Did {
    match (answer, verb) {
        (Answer::Ok, _) => end(state, me, verb, Client::Told, "takes the answer OK"),
        (_, Verb::Exit) => end(state, me, verb, Client::Told, "takes NOT_APPLIED for the end of the controller"),
        _ => look_again(state, me, Server::None, "takes the answer NOT_APPLIED, and looks again"),
    }
}

/// There will be no answer to the command.
fn do_without(state: &mut State, me: usize, case: &Case) -> Did {
    match case.verbs[me] {
        verb @ Verb::Toggle if !case.has(Fault::TogglesAgain) => {
            end(state, me, verb, Client::Unknown, "says that its command may have been applied")
        }
        Verb::Exit if !case.has(Fault::ExitsAgain) => {
            let server = state.servers[me];
            look_again(state, me, server, "has no answer, and looks whether that controller still serves")
        }
        _ => look_again(state, me, Server::None, "has no answer, and looks again"),
    }
}

fn look_again(state: &mut State, me: usize, server: Server, did: &'static str) -> Did {
    leave(state, me, Client::LookAgain);
    state.servers[me] = server;
    Some(did)
}

fn end(state: &mut State, me: usize, verb: Verb, how: Client, did: &'static str) -> Did {
    let is_true = match state.servers[me] {
        Server::Running(directory) if verb == Verb::Exit => state.controllers[directory].is_to_end,
        _ => verb == Verb::Exit || state.applied[me] > 0,
    };
    if how == Client::Told && !is_true {
        state.violated = Some(Invariant::WhatIsToldIsTrue);
    }
    leave(state, me, how);
    Some(did)
}

fn leave(state: &mut State, me: usize, next: Client) {
    state.forget(me, ReplyTo::First);
    state.forget(me, ReplyTo::Second);
    (state.clients[me], state.client_ids[me], state.servers[me]) = (next, [Id::None; 2], Server::None);
}
