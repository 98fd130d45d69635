//! The steps of a controller. Each is a system call, or what lies between two of them.

use crate::model::*;

type Did = Option<&'static str>;

/// Takes the next step of the main thread, if that does not sleep.
pub(crate) fn serve(state: &mut State, me: usize, case: &Case) -> Did {
    let it = state.controllers[me];
    let (next, did) = match it.main {
        Main::Absent | Main::Clear | Main::Done => return None,
        Main::FindCommands => match find(state, me, COMMANDS, case)? {
            Found::Nothing => (Main::FindReplies, "finds no command queue"),
            Found::LeftOver => (Main::FindReplies, "takes the command queue for left over"),
            Found::Stranger => return end(state, me, "finds a command queue of somebody else, and ends"),
        },
        Main::FindReplies => match find(state, me, REPLIES, case)? {
            Found::Nothing if it.ids[COMMANDS] == Id::None => (Main::MakeCommands, "finds no reply queue"),
            Found::Nothing => (Main::Clear, "finds no reply queue"),
            Found::LeftOver => (Main::Clear, "takes the reply queue for left over"),
            Found::Stranger => return end(state, me, "finds a reply queue of somebody else, and ends"),
        },
        // One that served has a reply queue, which clients wait at.
        Main::MakeCommands if make(state, me, COMMANDS) && it.ids[REPLIES] == Id::None => {
            (Main::MakeReplies, "makes the command queue")
        }
        Main::MakeCommands if state.controllers[me].ids[COMMANDS] == Id::There => {
            (Main::WithdrawReplies, "makes another command queue")
        }
        Main::MakeCommands if it.ids[REPLIES] == Id::None => {
            return end(state, me, "finds the command key taken, and ends");
        }
        Main::MakeCommands => {
            state.controllers[me].is_to_end = true;
            (Main::Done, "finds the command key taken, and serves no more")
        }
        Main::MakeReplies if make(state, me, REPLIES) => (Main::Record, "makes the reply queue"),
        Main::MakeReplies => (Main::Undo, "finds the reply key taken"),
        Main::Undo => {
            remove(state, me, COMMANDS);
            return end(state, me, "removes its command queue, and ends");
        }
        Main::Record => {
            state.records[me] = it.ids;
            (Main::OpenReplies, "records both identifiers")
        }
        Main::OpenReplies if it.ids[REPLIES] == Id::Gone => (Main::WithdrawCommands, "finds its reply queue removed"),
        Main::OpenReplies => {
            open(state, me, REPLIES);
            (Main::OpenCommands, "opens the reply queue to clients")
        }
        Main::OpenCommands => {
            open(state, me, COMMANDS);
            (Main::Receive, "opens the command queue to clients")
        }
        Main::Receive if it.ids[COMMANDS] != Id::There && it.is_ending() => (Main::Done, "serves no more"),
        Main::Receive if it.ids[COMMANDS] != Id::There => (Main::MakeCommands, "finds its command queue removed"),
        Main::Receive => {
            let message = state.receive()?;
            state.controllers[me].message = Some(message);
            if message.is_status {
                (Main::Answer, "takes STATUS")
            } else if case.verbs[message.client] == Verb::Exit {
                state.apply(message);
                state.controllers[me].is_to_end = true;
                (Main::Done, "takes the exit command")
            } else {
                (Main::Apply, "takes the command")
            }
        }
        Main::Apply => {
            state.apply(it.message?);
            (Main::Answer, "applies it")
        }
        Main::Answer if it.ids[REPLIES] == Id::There => {
            state.answer(it.message?, Answer::Ok);
            (Main::Receive, "answers OK")
        }
        Main::Answer if it.is_ending() => (Main::Receive, "finds its reply queue removed, and makes no other"),
        Main::Answer => (Main::RemakeReplies, "finds its reply queue removed"),
        Main::RemakeReplies if make(state, me, REPLIES) => (Main::RecordReplies, "makes another reply queue"),
        Main::RemakeReplies => {
            (state.controllers[me].message, state.controllers[me].is_to_end) = (None, true);
            (Main::Done, "finds the reply key taken, and serves no more")
        }
        Main::RecordReplies => {
            state.records[me][REPLIES] = it.ids[REPLIES];
            (Main::ReopenReplies, "records its identifier")
        }
        Main::ReopenReplies => {
            open(state, me, REPLIES);
            (if case.has(Fault::DropsAnswer) { Main::Receive } else { Main::Answer }, "opens it to clients")
        }
        Main::WithdrawCommands => {
            remove(state, me, COMMANDS);
            (Main::MakeCommands, "removes its command queue")
        }
        Main::WithdrawReplies => {
            remove(state, me, REPLIES);
            (Main::MakeReplies, "removes its reply queue")
        }
    };
    state.controllers[me].main = next;
    if next == Main::Receive {
        state.controllers[me].message = None;
    }
    Some(did)
}

/// Takes the next step that clears queues: at the start those left over, and at the end its own.
///
/// At the end another thread does this beside the main thread. It does not begin while the main thread makes queues.
pub(crate) fn clear(state: &mut State, me: usize, case: &Case) -> Did {
    let it = state.controllers[me];
    let is_start = it.main == Main::Clear;
    let (next, did) = match it.clearing {
        Clearing::No if is_start && it.ids[COMMANDS] == Id::None => {
            // It waits for clients to collect, but only so long: one may be slower.
            remove(state, me, REPLIES);
            state.controllers[me].main = Main::MakeCommands;
            (Clearing::No, "removes the reply queue that was left over")
        }
        Clearing::No
            if is_start
                || it.is_to_end && matches!(it.main, Main::Receive | Main::Apply | Main::Answer | Main::Done) =>
        {
            if let (Id::There, Some(queue)) = (it.ids[COMMANDS], &mut state.queues[COMMANDS]) {
                queue.is_closed = true;
            }
            (Clearing::Take, "closes the command queue")
        }
        Clearing::No => return None,
        Clearing::Take if it.ids[COMMANDS] == Id::There && !case.has(Fault::DrainsWithoutAnswer) => {
            let refused = state.receive();
            state.controllers[me].refused = refused;
            match refused {
                Some(_) => (Clearing::Refuse, "takes, and will not apply, the message"),
                None => (Clearing::RemoveCommands, "finds nothing more in the command queue"),
            }
        }
        Clearing::Take => (Clearing::RemoveCommands, "takes nothing off the command queue"),
        Clearing::Refuse => {
            state.controllers[me].refused = None;
            if it.ids[REPLIES] == Id::There {
                state.answer(it.refused?, Answer::NotApplied);
            }
            (Clearing::Take, "answers NOT_APPLIED if it has a reply queue")
        }
        Clearing::RemoveCommands => {
            remove(state, me, COMMANDS);
            if is_start && it.ids[REPLIES] == Id::None {
                state.controllers[me].main = Main::MakeCommands;
            }
            (if is_start { Clearing::No } else { Clearing::AnswerExit }, "removes the command queue")
        }
        Clearing::AnswerExit if it.main != Main::Done => return None,
        Clearing::AnswerExit => {
            if let (Some(message), Id::There) = (it.message, it.ids[REPLIES]) {
                state.answer(message, Answer::Ok);
            }
            state.controllers[me].message = None;
            (Clearing::RemoveReplies, "turns the LED off, and answers OK to the exit command if there was one")
        }
        Clearing::RemoveReplies => {
            // The time limit for this is longer than a client takes.
            let is_collected = state.answers.as_flattened().iter().all(|&answer| answer == Answer::None);
            if !is_collected && !case.has(Fault::EndsAtOnce) {
                return None;
            }
            remove(state, me, REPLIES);
            (Clearing::Release, "removes the reply queue")
        }
        Clearing::Release => return end(state, me, "releases the lock, and is gone"),
    };
    state.controllers[me].clearing = next;
    Some(did)
}

enum Found {
    Nothing,
    LeftOver,
    Stranger,
}

/// Looks a key up; none while it waits for another controller that makes a queue there.
fn find(state: &mut State, me: usize, key: usize, case: &Case) -> Option<Found> {
    let Some(queue) = state.queues[key] else { return Some(Found::Nothing) };
    if !queue.is_open && matches!(queue.maker, Maker::Running(_)) && !case.has(Fault::DoesNotWaitForMaker) {
        return None;
    }
    if queue.is_open && state.records[me][key] != Id::There && !case.has(Fault::IgnoresRecord) {
        if queue.maker == Maker::Killed(me) {
            state.violated = Some(Invariant::NothingIsLeft);
        }
        return Some(Found::Stranger);
    }
    state.controllers[me].ids[key] = Id::There;
    Some(Found::LeftOver)
}

/// Makes a queue that clients may not use, unless the key has one.
fn make(state: &mut State, me: usize, key: usize) -> bool {
    if state.queues[key].is_some() {
        return false;
    }
    state.queues[key] = Some(Queue { maker: Maker::Running(me), is_open: false, is_closed: false });
    state.controllers[me].ids[key] = Id::There;
    true
}

fn open(state: &mut State, me: usize, key: usize) {
    if let (Id::There, Some(queue)) = (state.controllers[me].ids[key], &mut state.queues[key]) {
        queue.is_open = true;
    }
}

fn remove(state: &mut State, me: usize, key: usize) {
    if let (Id::There, Some(queue)) = (state.controllers[me].ids[key], state.queues[key]) {
        if matches!(queue.maker, Maker::Running(maker) if maker != me && !state.controllers[maker].is_ending()) {
            state.violated = Some(Invariant::LiveQueuesStay);
        }
        state.remove(key);
    }
    state.controllers[me].ids[key] = Id::None;
}

fn end(state: &mut State, me: usize, did: &'static str) -> Did {
    if state.queues.iter().flatten().any(|queue| queue.maker == Maker::Running(me)) {
        state.violated = Some(Invariant::NothingIsLeft);
    }
    state.depart(me);
    Some(did)
}

/// SIGKILL.
pub(crate) fn kill(state: &mut State, me: usize) {
    for queue in state.queues.iter_mut().flatten().filter(|queue| queue.maker == Maker::Running(me)) {
        queue.maker = Maker::Killed(me);
    }
    state.depart(me);
}
