//! The search through every order of the steps. It is breadth first, so no shorter trace leads to a violation.

use std::{
    collections::{HashSet, VecDeque},
    fmt::Write,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{client, controller, model::*};

#[derive(Clone, Copy)]
enum Actor {
    Client(usize),
    Controller(usize),
    Somebody,
}

type Step = (Actor, &'static str, State);
type Take = fn(&mut State, usize, &Case) -> Option<&'static str>;

/// It mixes the bits of numbers that are all different, and is fast without optimisation.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }
}

pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    /// The steps that lead to it, one on a line.
    pub(crate) trace: String,
}

/// Returns the number of states, if no step leads to a violation.
pub(crate) fn explore(case: &Case) -> Result<usize, Violation> {
    let start = State::new(case);
    let mut seen: HashSet<(u64, u64), BuildHasherDefault<Mixer>> = HashSet::from_iter([start.packed()]);
    let mut ahead = VecDeque::from([start]);
    // For each state, the one that it was reached from, and by which step.
    let mut origins = vec![(0, 0)];
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(state) = ahead.pop_front() {
        let is_asleep = list(&state, case, &mut steps) == 0;
        if let Some(invariant) = violated(&state, case, is_asleep) {
            return Err(Violation { invariant, trace: trace(&origins, at, case) });
        }
        for (number, (.., next)) in steps.iter().enumerate() {
            if seen.insert(next.packed()) || next.violated.is_some() {
                origins.push((at, number));
                ahead.push_back(*next);
            }
        }
        at += 1;
    }
    Ok(seen.len())
}

/// Lists what may happen next: first what the processes do, whose number it returns, and then what may be done to them.
fn list(state: &State, case: &Case, steps: &mut Vec<Step>) -> usize {
    steps.clear();
    for me in 0..2 {
        let own: [(_, Take); 3] = [
            (Actor::Client(me), client::step),
            (Actor::Controller(me), controller::serve),
            (Actor::Controller(me), controller::clear),
        ];
        for (actor, take) in own {
            let mut next = *state;
            if let Some(did) = take(&mut next, me, case) {
                steps.push((actor, did, next));
            }
        }
    }
    let own = steps.len();
    for me in (0..2).filter(|&me| state.controllers[me].main != Main::Absent) {
        if !state.was_killed {
            let mut next = State { was_killed: true, ..*state };
            controller::kill(&mut next, me);
            steps.push((Actor::Controller(me), "is killed", next));
        }
        if !state.was_terminated && !state.controllers[me].is_to_end {
            let mut next = State { was_terminated: true, ..*state };
            next.controllers[me].is_to_end = true;
            steps.push((Actor::Controller(me), "gets SIGTERM", next));
        }
    }
    for (key, did) in [(COMMANDS, "removes the command queue"), (REPLIES, "removes the reply queue")] {
        if !state.was_removed && state.queues[key].is_some() {
            let mut next = State { was_removed: true, ..*state };
            next.remove(key);
            steps.push((Actor::Somebody, did, next));
        }
    }
    // A controller that finds the lock taken ends at once, and changes nothing.
    if let Some(&me) = case.directories.get(state.started)
        && state.controllers[me].main == Main::Absent
    {
        let mut next = State { started: state.started + 1, ..*state };
        next.controllers[me].main = Main::FindCommands;
        steps.push((Actor::Controller(me), "starts, and takes the lock", next));
    }
    own
}

/// The invariant that a state violates. Asleep, no process takes a step until something is done to it.
fn violated(state: &State, case: &Case, is_asleep: bool) -> Option<Invariant> {
    let has_ended = |client: Client| matches!(client, Client::Told | Client::Unknown | Client::NoController);
    let serves = |it: &Controller| it.main == Main::Receive && !it.is_to_end;
    let is_served = state.controllers.iter().any(serves);
    let is_stuck = state.controllers.iter().any(|it| it.main != Main::Absent && !serves(it));
    for (me, &verb) in case.verbs.iter().enumerate() {
        let (client, applied) = (state.clients[me], state.applied[me]);
        // The time limit of a client ends where all sleep and nothing serves: then it says that it had no answer.
        let is_over = has_ended(client) || is_asleep && !is_served;
        let is_lost = client == Client::Unknown || is_over && client != Client::Told && applied > 0;
        match verb {
            Verb::Toggle if applied > 1 => return Some(Invariant::ToggleIsAppliedOnce),
            Verb::Exit if applied > 1 => return Some(Invariant::ExitEndsOneController),
            _ if is_lost && !state.was_killed && !state.was_removed => return Some(Invariant::RestartLosesNothing),
            _ if is_asleep && is_served && !has_ended(client) => return Some(Invariant::NobodyWaitsForEver),
            _ => {}
        }
    }
    state.violated.or((is_asleep && is_stuck).then_some(Invariant::NobodyWaitsForEver))
}

fn trace(origins: &[(usize, usize)], mut at: usize, case: &Case) -> String {
    let mut numbers = VecDeque::new();
    while at != 0 {
        numbers.push_front(origins[at].1);
        at = origins[at].0;
    }
    let (mut state, mut steps, mut text) = (State::new(case), Vec::new(), String::new());
    // Which controller runs in each lock directory.
    let mut names = [0; 2];
    for number in numbers {
        list(&state, case, &mut steps);
        let (actor, did, next) = steps[number];
        let _ = match actor {
            Actor::Client(me) => writeln!(text, "client {} ({:?}) {did}", me + 1, case.verbs[me]),
            Actor::Somebody => writeln!(text, "somebody {did}"),
            Actor::Controller(me) => {
                if next.started > state.started {
                    names[me] = next.started;
                }
                let taken = |state: &State| state.controllers[me].message.or(state.controllers[me].refused);
                match taken(&next).filter(|_| taken(&state).is_none()) {
                    Some(message) => writeln!(text, "controller {} {did} of client {}", names[me], message.client + 1),
                    None => writeln!(text, "controller {} {did}", names[me]),
                }
            }
        };
        state = next;
    }
    text
}
