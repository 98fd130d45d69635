//! The search through all orders of the steps. It is breadth first, so no shorter trace leads to a violation.

use std::{
    collections::{HashSet, VecDeque},
    fmt::Write,
    hash::{BuildHasherDefault, Hasher},
};

use super::{client, controller, model::*};

#[derive(Clone, Copy)]
enum Actor {
    Client(usize),
    Controller(usize),
    OtherProcess,
}

type Step = (Actor, &'static str, State);
type Take = fn(&mut State, usize, &Case) -> Option<&'static str>;

/// A hash for numbers that are all different. Fast without optimisation.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
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

/// Returns the number of states, if none violates an invariant.
pub(crate) fn explore(case: &Case) -> Result<usize, Violation> {
    let start = State::new(case);
    let mut seen: HashSet<(u64, u64), BuildHasherDefault<Mixer>> =
        HashSet::from_iter([start.packed()]);
    let mut pending = VecDeque::from([start]);
    // For each state, the one before it and the number of the step.
    let mut origins = vec![(0, 0)];
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(state) = pending.pop_front() {
        let all_sleep = list(&state, case, &mut steps) == 0;
        if let Some(invariant) = violated(&state, case, all_sleep) {
            return Err(Violation {
                invariant,
                trace: trace(&origins, at, case),
            });
        }
        for (number, (.., next)) in steps.iter().enumerate() {
            if seen.insert(next.packed()) || next.violated.is_some() {
                origins.push((at, number));
                pending.push_back(*next);
            }
        }
        at += 1;
    }
    Ok(seen.len())
}

/// Lists the possible steps: first those of the processes, whose number it returns, then those that happen to them.
fn list(state: &State, case: &Case, steps: &mut Vec<Step>) -> usize {
    steps.clear();
    for me in 0..2 {
        let own: [(_, Take); 3] = [
            (Actor::Client(me), client::step),
            (Actor::Controller(me), controller::serve),
            (Actor::Controller(me), controller::clean_up),
        ];
        for (actor, take) in own {
            let mut next = *state;
            if let Some(action) = take(&mut next, me, case) {
                steps.push((actor, action, next));
            }
        }
    }
    let own = steps.len();
    for me in (0..2).filter(|&me| state.controllers[me].main != Main::Absent) {
        if !state.was_killed {
            let mut next = State {
                was_killed: true,
                ..*state
            };
            controller::kill(&mut next, me);
            steps.push((Actor::Controller(me), "is killed", next));
        }
        if !state.was_terminated && !state.controllers[me].must_end {
            let mut next = State {
                was_terminated: true,
                ..*state
            };
            next.controllers[me].must_end = true;
            steps.push((Actor::Controller(me), "gets SIGTERM", next));
        }
    }
    for (key, action) in [
        (COMMANDS, "removes the command queue"),
        (REPLIES, "removes the reply queue"),
    ] {
        if !state.was_removed && state.queues[key].is_some() {
            let mut next = State {
                was_removed: true,
                ..*state
            };
            next.remove(key);
            steps.push((Actor::OtherProcess, action, next));
        }
    }
    // A controller that finds the lock held ends at once, and changes nothing.
    if let Some(&me) = case.directories.get(state.started)
        && state.controllers[me].main == Main::Absent
    {
        let mut next = State {
            started: state.started + 1,
            ..*state
        };
        next.controllers[me].main = Main::FindCommands;
        steps.push((Actor::Controller(me), "starts, and takes the lock", next));
    }
    own
}

/// The invariant that a state violates. If all processes sleep, none takes a step until something happens to it.
fn violated(state: &State, case: &Case, all_sleep: bool) -> Option<Invariant> {
    let has_ended = |client: Client| {
        matches!(
            client,
            Client::Confirmed | Client::Unconfirmed | Client::NoController
        )
    };
    let serves = |it: &Controller| it.main == Main::Receive && !it.must_end;
    let is_served = state.controllers.iter().any(serves);
    let is_stuck = state
        .controllers
        .iter()
        .any(|it| it.main != Main::Absent && !serves(it));
    for (me, &verb) in case.verbs.iter().enumerate() {
        let (client, applied) = (state.clients[me], state.applied[me]);
        // If all sleep and no controller serves, the timeout of a client ends: it reports that there was no reply.
        let is_over = has_ended(client) || all_sleep && !is_served;
        let is_lost =
            client == Client::Unconfirmed || is_over && client != Client::Confirmed && applied > 0;
        match verb {
            Verb::Toggle if applied > 1 => return Some(Invariant::ToggleIsAppliedOnce),
            Verb::Exit if applied > 1 => return Some(Invariant::ExitEndsOneController),
            _ if is_lost && !state.was_killed && !state.was_removed => {
                return Some(Invariant::RestartLosesNothing);
            }
            _ if all_sleep && is_served && !has_ended(client) => {
                return Some(Invariant::NoProcessHangs);
            }
            _ => {}
        }
    }
    state
        .violated
        .or((all_sleep && is_stuck).then_some(Invariant::NoProcessHangs))
}

fn trace(origins: &[(usize, usize)], mut at: usize, case: &Case) -> String {
    let mut numbers = VecDeque::new();
    while at != 0 {
        numbers.push_front(origins[at].1);
        at = origins[at].0;
    }
    let (mut state, mut steps, mut text) = (State::new(case), Vec::new(), String::new());
    // The controller that runs in each lock directory.
    let mut names = [0; 2];
    for number in numbers {
        list(&state, case, &mut steps);
        let (actor, action, next) = steps[number];
        let _ = match actor {
            Actor::Client(me) => {
                writeln!(text, "client {} ({:?}) {action}", me + 1, case.verbs[me])
            }
            Actor::OtherProcess => writeln!(text, "another process {action}"),
            Actor::Controller(me) => {
                if next.started > state.started {
                    names[me] = next.started;
                }
                let taken = |state: &State| {
                    state.controllers[me]
                        .message
                        .or(state.controllers[me].refused)
                };
                match taken(&next).filter(|_| taken(&state).is_none()) {
                    Some(message) => {
                        writeln!(
                            text,
                            "controller {} {action} of client {}",
                            names[me],
                            message.client + 1
                        )
                    }
                    None => writeln!(text, "controller {} {action}", names[me]),
                }
            }
        };
        state = next;
    }
    text
}
