//! The steps of a controller. Each is a system call, or the work between two.

use super::model::*;

/// Takes the next step of the main thread, and says what it was; none if it sleeps.
pub(crate) fn serve(state: &mut State, me: usize, fault: Fault) -> Option<&'static str> {
    let it = state.controllers[me];
    let (next, action) = match it.main {
        Main::Absent | Main::RemoveStale | Main::Done => return None,
        Main::FindCommands => match find(state, me, COMMANDS, fault)? {
            Found::Nothing => (Main::FindReplies, "finds no command queue"),
            Found::Stale => (Main::FindReplies, "finds a stale command queue"),
            Found::Foreign => (Main::Absent, "finds a foreign command queue, and ends"),
        },
        Main::FindReplies => match find(state, me, REPLIES, fault)? {
            Found::Nothing if it.ids[COMMANDS] == Id::None => {
                (Main::CreateCommands, "finds no reply queue")
            }
            Found::Nothing => (Main::RemoveStale, "finds no reply queue"),
            Found::Stale => (Main::RemoveStale, "finds a stale reply queue"),
            Found::Foreign => (Main::Absent, "finds a foreign reply queue, and ends"),
        },
        // A controller that served has a reply queue, where clients wait.
        Main::CreateCommands => match (create(state, me, COMMANDS), it.ids[REPLIES] != Id::None) {
            (true, false) => (Main::CreateReplies, "creates the command queue"),
            (true, true) => (Main::RemoveRepliesAgain, "creates another command queue"),
            (false, false) => (Main::Absent, "finds the command key taken, and ends"),
            (false, true) => (Main::Done, "finds the command key taken, and stops serving"),
        },
        Main::CreateReplies if create(state, me, REPLIES) => {
            (Main::Record, "creates the reply queue")
        }
        Main::CreateReplies => (Main::Undo, "finds the reply key taken"),
        Main::Undo => {
            remove(state, me, COMMANDS);
            (Main::Absent, "removes its command queue, and ends")
        }
        Main::Record => {
            if fault != Fault::DoesNotRecord {
                state.records[me] = it.ids;
            }
            (Main::OpenReplies, "records both identifiers")
        }
        Main::OpenReplies if it.ids[REPLIES] == Id::Gone => {
            (Main::RemoveCommandsAgain, "finds its reply queue removed")
        }
        Main::OpenReplies => {
            change(state, me, REPLIES, |queue| queue.is_open = true);
            (Main::OpenCommands, "opens the reply queue to clients")
        }
        Main::OpenCommands => {
            change(state, me, COMMANDS, |queue| queue.is_open = true);
            (Main::Receive, "opens the command queue to clients")
        }
        Main::Receive if it.has(COMMANDS) => {
            let message = state.receive()?;
            state.controllers[me].message = Some(message);
            if message.is_status {
                (Main::Reply, "receives STATUS")
            } else if state.clients[message.client].verb == Verb::Exit {
                state.apply(message);
                (Main::Done, "receives the exit command")
            } else {
                (Main::Apply, "receives the command")
            }
        }
        Main::Receive if it.is_ending() => (Main::Done, "stops serving"),
        Main::Receive => (Main::CreateCommands, "finds its command queue removed"),
        Main::Apply => {
            state.apply(it.message?);
            (Main::Reply, "applies it")
        }
        Main::Reply if it.has(REPLIES) => {
            state.reply(it.message?, Reply::Ok);
            (Main::Receive, "replies OK")
        }
        Main::Reply if it.is_ending() => (Main::Receive, "finds its reply queue removed"),
        Main::Reply => (Main::RecreateReplies, "finds its reply queue removed"),
        Main::RecreateReplies if create(state, me, REPLIES) => {
            (Main::RecordReplies, "creates another reply queue")
        }
        Main::RecreateReplies => {
            state.controllers[me].message = None;
            (Main::Done, "finds the reply key taken, and stops serving")
        }
        Main::RecordReplies => {
            state.records[me][REPLIES] = it.ids[REPLIES];
            (Main::ReopenReplies, "records its identifier")
        }
        Main::ReopenReplies => {
            change(state, me, REPLIES, |queue| queue.is_open = true);
            let next = match fault {
                Fault::DropsReply => Main::Receive,
                _ => Main::Reply,
            };
            (next, "opens it to clients")
        }
        Main::RemoveCommandsAgain => {
            remove(state, me, COMMANDS);
            (Main::CreateCommands, "removes its command queue")
        }
        Main::RemoveRepliesAgain => {
            remove(state, me, REPLIES);
            (Main::CreateReplies, "removes its reply queue")
        }
    };
    state.controllers[me].main = next;
    match next {
        Main::Absent => end(state, me),
        Main::Receive => state.controllers[me].message = None,
        Main::Done => state.controllers[me].must_end = true,
        _ => {}
    }
    Some(action)
}

/// Takes the next step that removes queues: stale ones at the start, its own at the end.
///
/// At the end, another thread does this beside the main thread. It does not begin while the main thread creates queues.
pub(crate) fn clean_up(state: &mut State, me: usize, fault: Fault) -> Option<&'static str> {
    let it = state.controllers[me];
    let is_start = it.main == Main::RemoveStale;
    let (next, action) = match it.cleanup {
        Cleanup::No if is_start && it.ids[COMMANDS] == Id::None => {
            // It waits for clients to receive, for a limited time: a client may be slower.
            remove(state, me, REPLIES);
            state.controllers[me].main = Main::CreateCommands;
            (Cleanup::No, "removes the stale reply queue")
        }
        Cleanup::No if is_start || it.must_end && it.has_served() => {
            change(state, me, COMMANDS, |queue| queue.is_closed = true);
            (Cleanup::Drain, "closes the command queue")
        }
        Cleanup::No => return None,
        Cleanup::Drain if it.has(COMMANDS) && fault != Fault::DrainsWithoutReply => {
            let refused = state.receive();
            state.controllers[me].refused = refused;
            match refused {
                Some(_) => (Cleanup::Refuse, "drains the message"),
                None => (Cleanup::RemoveCommands, "finds the command queue empty"),
            }
        }
        Cleanup::Drain => (Cleanup::RemoveCommands, "does not drain the command queue"),
        Cleanup::Refuse => {
            state.controllers[me].refused = None;
            if it.has(REPLIES) {
                state.reply(it.refused?, Reply::NotApplied);
            }
            (Cleanup::Drain, "replies NOT_APPLIED if it can")
        }
        Cleanup::RemoveCommands if is_start => {
            remove(state, me, COMMANDS);
            if it.ids[REPLIES] == Id::None {
                state.controllers[me].main = Main::CreateCommands;
            }
            (Cleanup::No, "removes the stale command queue")
        }
        Cleanup::RemoveCommands => {
            remove(state, me, COMMANDS);
            (Cleanup::ReplyToExit, "removes the command queue")
        }
        Cleanup::ReplyToExit if it.main != Main::Done => return None,
        Cleanup::ReplyToExit => {
            let message = state.controllers[me].message.take();
            if let Some(exit) = message.filter(|_| it.has(REPLIES)) {
                state.reply(exit, Reply::Ok);
            }
            (Cleanup::RemoveReplies, "turns the LED off, and replies")
        }
        // The time limit is longer than a client takes.
        Cleanup::RemoveReplies if !state.replies.is_empty() && fault != Fault::EndsAtOnce => {
            return None;
        }
        Cleanup::RemoveReplies => {
            remove(state, me, REPLIES);
            (Cleanup::Release, "removes the reply queue")
        }
        Cleanup::Release => {
            end(state, me);
            (Cleanup::No, "releases the lock, and ends")
        }
    };
    state.controllers[me].cleanup = next;
    Some(action)
}

enum Found {
    Nothing,
    Stale,
    Foreign,
}

/// Looks up a key; none while it waits for another controller that creates a queue there.
fn find(state: &mut State, me: usize, key: usize, fault: Fault) -> Option<Found> {
    let Some(queue) = state.queues[key] else {
        return Some(Found::Nothing);
    };
    let is_alive = matches!(queue.creator, Creator::Running(_));
    if !queue.is_open && is_alive && fault != Fault::DoesNotWaitForCreator {
        return None;
    }
    if queue.is_open && state.records[me][key] != Id::There && fault != Fault::IgnoresRecord {
        if queue.creator == Creator::Killed(me) {
            state.violated = Some(Invariant::NoQueueIsLeft);
        }
        return Some(Found::Foreign);
    }
    state.controllers[me].ids[key] = Id::There;
    Some(Found::Stale)
}

/// Creates a queue that is not open, unless the key has one.
fn create(state: &mut State, me: usize, key: usize) -> bool {
    let is_free = state.queues[key].is_none();
    if is_free {
        state.queues[key] = Some(Queue {
            creator: Creator::Running(me),
            is_open: false,
            is_closed: false,
            last_received: None,
        });
        state.controllers[me].ids[key] = Id::There;
    }
    is_free
}

/// Changes a queue, if it is not removed.
fn change(state: &mut State, me: usize, key: usize, change: fn(&mut Queue)) {
    let queue = state.queues[key].as_mut();
    queue.filter(|_| state.controllers[me].has(key)).map(change);
}

fn remove(state: &mut State, me: usize, key: usize) {
    if let (Id::There, Some(queue)) = (state.controllers[me].ids[key], state.queues[key]) {
        if let Creator::Running(creator) = queue.creator
            && creator != me
            && !state.controllers[creator].is_ending()
        {
            state.violated = Some(Invariant::LiveQueuesStay);
        }
        state.remove(key);
    }
    state.controllers[me].ids[key] = Id::None;
}

fn end(state: &mut State, me: usize) {
    let mut queues = state.queues.iter().flatten();
    if queues.any(|queue| queue.creator == Creator::Running(me)) {
        state.violated = Some(Invariant::NoQueueIsLeft);
    }
    state.end_controller(me);
}
