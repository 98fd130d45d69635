//! A second model: clients that watch the state, and what the controller remembers of each.
//!
//! A watcher sends WATCH with the state that it knows, sleeps until the reply comes, and sends it again. It does not confirm what
//! it knows here: that would hide what it is not told. The reply queue has room for one reply.

use super::{
    model::{Fault, Invariant},
    search::{Model, Step},
};

const LAST_STATE: u8 = 3;
const NAMES: [&str; 2] = ["watcher 1", "watcher 2"];

#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Watching {
    /// The state of the LED: each change is to another one.
    led: u8,
    watchers: [Watcher; 2],
    /// The reply queue: a watcher, and the state that it is told. None if it has a reply to another client, or is empty.
    reply: Option<(usize, u8)>,
    /// The controller replies to the watchers after a change.
    is_telling: bool,
    violated: Option<Invariant>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Watcher {
    knows: Option<u8>,
    watch: Watch,
    memory: Memory,
    /// While a change is told: what is to be done, what has to be done, and what was done.
    is_next: bool,
    must_be_told: bool,
    was_told: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Watch {
    #[default]
    NotSent,
    InQueue,
    /// The controller has it.
    Received,
}

/// What the controller knows of a watcher.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Memory {
    #[default]
    Nothing,
    /// It is to be told the next change.
    Waits,
    /// Its reply was sent.
    Replied,
    /// Its reply was not sent, or pushed out.
    Owed,
}

impl Watching {
    /// Another reply takes the place of the one in the queue.
    fn push_out(&mut self, fault: Fault) {
        let Some((other, _)) = self.reply.take() else {
            return;
        };
        let other = &mut self.watchers[other];
        match fault {
            Fault::ForgetsLostReply => other.memory = Memory::Nothing,
            Fault::RepeatsAtOnce if self.is_telling => other.is_next = true,
            _ => other.memory = Memory::Owed,
        }
    }

    /// The controller replies to a watcher, if it can.
    fn reply(&mut self, me: usize, is_sent: bool, fault: Fault) {
        if is_sent {
            self.push_out(fault);
            self.reply = Some((me, self.led));
        }
        let it = &mut self.watchers[me];
        if self.is_telling && it.was_told {
            self.violated = Some(Invariant::TellingEnds);
        }
        it.watch = Watch::Received;
        (it.is_next, it.must_be_told, it.was_told) = (false, false, self.is_telling);
        it.memory = match fault {
            _ if is_sent => Memory::Replied,
            Fault::ForgetsUnsentReply => Memory::Nothing,
            _ => Memory::Owed,
        };
    }

    fn begin_telling(&mut self) {
        (self.led, self.is_telling) = (self.led + 1, true);
        for (me, it) in self.watchers.iter_mut().enumerate() {
            let has_reply = self.reply.is_some_and(|(to, _)| to == me);
            it.is_next = matches!(it.memory, Memory::Waits | Memory::Owed);
            it.must_be_told = it.watch == Watch::Received && !has_reply;
        }
    }

    fn end_telling(&mut self) {
        self.is_telling = false;
        for it in &mut self.watchers {
            if it.must_be_told {
                self.violated = Some(Invariant::WatchersAreTold);
            }
            (it.must_be_told, it.was_told) = (false, false);
        }
    }
}

impl Model for Watching {
    fn steps(&self, fault: Fault) -> Vec<Step<Watching>> {
        let mut steps = Vec::new();
        let mut add = |actor, action, change: &dyn Fn(&mut Watching)| {
            let mut next = self.clone();
            change(&mut next);
            steps.push((actor, action, next));
        };
        for (me, it) in self.watchers.iter().enumerate() {
            let name = NAMES[me];
            let is_received = it.watch == Watch::InQueue && !self.is_telling;
            if it.watch == Watch::NotSent {
                add(name, "sends WATCH", &|next| {
                    next.watchers[me].watch = Watch::InQueue;
                });
            }
            if let Some((to, state)) = self.reply.filter(|_| it.watch == Watch::Received)
                && to == me
            {
                add(name, "receives its reply", &|next| {
                    next.reply = None;
                    next.watchers[me].knows = Some(state);
                    next.watchers[me].watch = Watch::NotSent;
                });
            }
            if is_received && it.knows == Some(self.led) {
                add(name, "is one who waits", &|next| {
                    next.watchers[me].watch = Watch::Received;
                    next.watchers[me].memory = Memory::Waits;
                });
            } else if is_received || it.is_next {
                add(name, "is sent a reply", &|next| next.reply(me, true, fault));
                add(name, "cannot be sent its reply", &|next| {
                    next.reply(me, false, fault);
                });
            }
        }
        let is_done = self.watchers.iter().all(|it| !it.is_next);
        match self.is_telling {
            true if is_done => add("controller", "has told the change", &Watching::end_telling),
            true => {}
            false => {
                add("controller", "replies to another client", &|next| {
                    next.push_out(fault);
                });
                if self.led < LAST_STATE {
                    add("controller", "changes the state", &Watching::begin_telling);
                }
            }
        }
        steps
    }

    fn violated(&self, _all_sleep: bool) -> Option<Invariant> {
        self.violated
    }
}
