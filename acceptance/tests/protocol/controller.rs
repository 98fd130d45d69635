//! The steps of a controller. Each is a system call, or the work between two.

use super::model::*;

type Step = Option<&'static str>;

/// Takes the next step of the main thread, unless it sleeps.
pub(crate) fn serve(state: &mut State, me: usize, case: &Case) -> Step {
    let it = state.controllers[me];
    let (next, action) = match it.main {
        Main::Absent | Main::RemoveStale | Main::Done => return None,
        Main::FindCommands => match find(state, me, COMMANDS, case)? {
            Found::Nothing => (Main::FindReplies, "finds no command queue"),
            Found::Stale => (Main::FindReplies, "finds a stale command queue"),
            Found::Foreign => {
                return end(
                    state,
                    me,
                    "finds a command queue of another program, and ends",
                );
            }
        },
        Main::FindReplies => match find(state, me, REPLIES, case)? {
            Found::Nothing if it.ids[COMMANDS] == Id::None => {
                (Main::CreateCommands, "finds no reply queue")
            }
            Found::Nothing => (Main::RemoveStale, "finds no reply queue"),
            Found::Stale => (Main::RemoveStale, "finds a stale reply queue"),
            Found::Foreign => {
                return end(
                    state,
                    me,
                    "finds a reply queue of another program, and ends",
                );
            }
        },
        // A controller that served has a reply queue, where clients wait.
        Main::CreateCommands if create(state, me, COMMANDS) && it.ids[REPLIES] == Id::None => {
            (Main::CreateReplies, "creates the command queue")
        }
        Main::CreateCommands if state.controllers[me].ids[COMMANDS] == Id::There => {
            (Main::RemoveRepliesAgain, "creates another command queue")
        }
        Main::CreateCommands if it.ids[REPLIES] == Id::None => {
            return end(state, me, "finds the command key taken, and ends");
        }
        Main::CreateCommands => {
            state.controllers[me].must_end = true;
            (Main::Done, "finds the command key taken, and stops serving")
        }
        Main::CreateReplies if create(state, me, REPLIES) => {
            (Main::Record, "creates the reply queue")
        }
        Main::CreateReplies => (Main::Undo, "finds the reply key taken"),
        Main::Undo => {
            remove(state, me, COMMANDS);
            return end(state, me, "removes its command queue, and ends");
        }
        Main::Record => {
            state.records[me] = it.ids;
            (Main::OpenReplies, "records both identifiers")
        }
        Main::OpenReplies if it.ids[REPLIES] == Id::Gone => {
            (Main::RemoveCommandsAgain, "finds its reply queue removed")
        }
        Main::OpenReplies => {
            open(state, me, REPLIES);
            (Main::OpenCommands, "opens the reply queue to clients")
        }
        Main::OpenCommands => {
            open(state, me, COMMANDS);
            (Main::Receive, "opens the command queue to clients")
        }
        Main::Receive if it.ids[COMMANDS] != Id::There && it.is_ending() => {
            (Main::Done, "stops serving")
        }
        Main::Receive if it.ids[COMMANDS] != Id::There => {
            (Main::CreateCommands, "finds its command queue removed")
        }
        Main::Receive => {
            let message = state.receive()?;
            state.controllers[me].message = Some(message);
            if message.is_status {
                (Main::Reply, "receives STATUS")
            } else if case.verbs[message.client] == Verb::Exit {
                state.apply(message);
                state.controllers[me].must_end = true;
                (Main::Done, "receives the exit command")
            } else {
                (Main::Apply, "receives the command")
            }
        }
        Main::Apply => {
            state.apply(it.message?);
            (Main::Reply, "applies it")
        }
        Main::Reply if it.ids[REPLIES] == Id::There => {
            state.reply(it.message?, Reply::Ok);
            (Main::Receive, "replies OK")
        }
        Main::Reply if it.is_ending() => (
            Main::Receive,
            "finds its reply queue removed, and creates no other",
        ),
        Main::Reply => (Main::RecreateReplies, "finds its reply queue removed"),
        Main::RecreateReplies if create(state, me, REPLIES) => {
            (Main::RecordReplies, "creates another reply queue")
        }
        Main::RecreateReplies => {
            (
                state.controllers[me].message,
                state.controllers[me].must_end,
            ) = (None, true);
            (Main::Done, "finds the reply key taken, and stops serving")
        }
        Main::RecordReplies => {
            state.records[me][REPLIES] = it.ids[REPLIES];
            (Main::ReopenReplies, "records its identifier")
        }
        Main::ReopenReplies => {
            open(state, me, REPLIES);
            (
                if case.has(Fault::DropsReply) {
                    Main::Receive
                } else {
                    Main::Reply
                },
                "opens it to clients",
            )
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
    if next == Main::Receive {
        state.controllers[me].message = None;
    }
    Some(action)
}

/// Takes the next step that removes queues: stale ones at the start, its own at the end.
///
/// At the end, another thread does this beside the main thread. It does not begin while the main thread creates queues.
pub(crate) fn clean_up(state: &mut State, me: usize, case: &Case) -> Step {
    let it = state.controllers[me];
    let is_start = it.main == Main::RemoveStale;
    let (next, action) = match it.cleanup {
        Cleanup::No if is_start && it.ids[COMMANDS] == Id::None => {
            // It waits for clients to receive, for a limited time: a client may be slower.
            remove(state, me, REPLIES);
            state.controllers[me].main = Main::CreateCommands;
            (Cleanup::No, "removes the stale reply queue")
        }
        Cleanup::No
            if is_start
                || it.must_end
                    && matches!(
                        it.main,
                        Main::Receive | Main::Apply | Main::Reply | Main::Done
                    ) =>
        {
            if let (Id::There, Some(queue)) = (it.ids[COMMANDS], &mut state.queues[COMMANDS]) {
                queue.is_closed = true;
            }
            (Cleanup::Drain, "closes the command queue")
        }
        Cleanup::No => return None,
        Cleanup::Drain if it.ids[COMMANDS] == Id::There && !case.has(Fault::DrainsWithoutReply) => {
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
            if it.ids[REPLIES] == Id::There {
                state.reply(it.refused?, Reply::NotApplied);
            }
            (
                Cleanup::Drain,
                "replies NOT_APPLIED if it has a reply queue",
            )
        }
        Cleanup::RemoveCommands => {
            remove(state, me, COMMANDS);
            if is_start && it.ids[REPLIES] == Id::None {
                state.controllers[me].main = Main::CreateCommands;
            }
            (
                if is_start {
                    Cleanup::No
                } else {
                    Cleanup::ReplyToExit
                },
                "removes the command queue",
            )
        }
        Cleanup::ReplyToExit if it.main != Main::Done => return None,
        Cleanup::ReplyToExit => {
            if let (Some(message), Id::There) = (it.message, it.ids[REPLIES]) {
                state.reply(message, Reply::Ok);
            }
            state.controllers[me].message = None;
            (
                Cleanup::RemoveReplies,
                "turns the LED off, and replies OK to an exit command",
            )
        }
        Cleanup::RemoveReplies => {
            // The time limit is longer than a client takes.
            let is_collected = state
                .replies
                .as_flattened()
                .iter()
                .all(|&reply| reply == Reply::None);
            if !is_collected && !case.has(Fault::EndsAtOnce) {
                return None;
            }
            remove(state, me, REPLIES);
            (Cleanup::Release, "removes the reply queue")
        }
        Cleanup::Release => return end(state, me, "releases the lock, and ends"),
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
fn find(state: &mut State, me: usize, key: usize, case: &Case) -> Option<Found> {
    let Some(queue) = state.queues[key] else {
        return Some(Found::Nothing);
    };
    if !queue.is_open
        && matches!(queue.creator, Creator::Running(_))
        && !case.has(Fault::DoesNotWaitForCreator)
    {
        return None;
    }
    if queue.is_open && state.records[me][key] != Id::There && !case.has(Fault::IgnoresRecord) {
        if queue.creator == Creator::Killed(me) {
            state.violated = Some(Invariant::NoQueueIsLeft);
        }
        return Some(Found::Foreign);
    }
    state.controllers[me].ids[key] = Id::There;
    Some(Found::Stale)
}

/// Creates a closed queue, unless the key has one.
fn create(state: &mut State, me: usize, key: usize) -> bool {
    if state.queues[key].is_some() {
        return false;
    }
    state.queues[key] = Some(Queue {
        creator: Creator::Running(me),
        is_open: false,
        is_closed: false,
    });
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
        if matches!(queue.creator, Creator::Running(creator) if creator != me && !state.controllers[creator].is_ending())
        {
            state.violated = Some(Invariant::LiveQueuesStay);
        }
        state.remove(key);
    }
    state.controllers[me].ids[key] = Id::None;
}

fn end(state: &mut State, me: usize, action: &'static str) -> Step {
    if state
        .queues
        .iter()
        .flatten()
        .any(|queue| queue.creator == Creator::Running(me))
    {
        state.violated = Some(Invariant::NoQueueIsLeft);
    }
    state.end_controller(me);
    Some(action)
}

/// SIGKILL.
pub(crate) fn kill(state: &mut State, me: usize) {
    for queue in state
        .queues
        .iter_mut()
        .flatten()
        .filter(|queue| queue.creator == Creator::Running(me))
    {
        queue.creator = Creator::Killed(me);
    }
    state.end_controller(me);
}
