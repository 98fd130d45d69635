//! The steps of all processes, what can happen to them, and the invariants.

use std::iter;

use super::{
    client, controller,
    model::*,
    search::{Model, Step},
};

const CLIENTS: [&str; 3] = ["client 1", "client 2", "client 3"];
const CONTROLLERS: [&str; 2] = ["controller with lock 1", "controller with lock 2"];
const REMOVALS: [&str; 2] = ["removes the command queue", "removes the reply queue"];

impl Model for State {
    fn steps(&self, fault: Fault) -> Vec<Step<State>> {
        let mut steps = Vec::new();
        let mut add = |actor, action: fn(&mut State, usize, Fault) -> Option<&'static str>, me| {
            let mut next = self.clone();
            if let Some(action) = action(&mut next, me, fault) {
                steps.push((actor, action, next));
            }
        };
        for me in (0..self.clients.len()).filter(|&me| !self.clients[me].next.is_end()) {
            add(CLIENTS[me], client::step, me);
        }
        for me in (0..2).filter(|&me| self.controllers[me].main != Main::Absent) {
            add(CONTROLLERS[me], controller::serve, me);
            add(CONTROLLERS[me], controller::clean_up, me);
        }
        steps
    }

    fn events(&self, fault: Fault) -> Vec<Step<State>> {
        let mut events = Vec::new();
        let mut add = |actor, action, change: &dyn Fn(&mut State)| {
            let mut next = self.clone();
            change(&mut next);
            events.push((actor, action, next));
        };
        for (me, it) in self.controllers.iter().enumerate() {
            if it.main == Main::Absent {
                // A controller that finds the lock held ends at once, and changes nothing.
                if self.to_start.first() == Some(&me) {
                    add(CONTROLLERS[me], "starts", &|next| {
                        next.to_start = &self.to_start[1..];
                        next.controllers[me].main = Main::FindCommands;
                    });
                }
                continue;
            }
            if !self.was_killed {
                add(CONTROLLERS[me], "is killed", &|next| {
                    next.was_killed = true;
                    next.kill_controller(me);
                });
            }
            if !self.was_terminated && !it.must_end {
                add(CONTROLLERS[me], "gets SIGTERM", &|next| {
                    next.was_terminated = true;
                    next.controllers[me].must_end = true;
                });
            }
        }
        if self.second == Some(1) {
            add("the clock", "ends the second", &|next| {
                next.second = Some(2)
            });
        }
        let waits = |it: &Client| !self.was_late && self.second.is_some() && !it.next.is_end();
        for me in (0..self.clients.len()).filter(|&me| waits(&self.clients[me])) {
            add(CLIENTS[me], "has no more time", &|next| {
                next.was_late = true;
                client::time_out(next, me, fault);
            });
        }
        for (key, queue) in self.queues.iter().enumerate() {
            if queue.is_some() && !self.was_removed {
                add("another process", REMOVALS[key], &|next| {
                    next.was_removed = true;
                    next.remove(key);
                });
            }
        }
        events
    }

    fn violated(&self, all_sleep: bool) -> Option<Invariant> {
        let is_served = self.controllers.iter().any(Controller::serves);
        for client in &self.clients {
            // If all sleep and no controller serves, the timeout of a client ends: it reports that there was no reply.
            let is_over = client.next.is_end() || all_sleep && !is_served;
            let is_lost = client.next == ClientStep::Unconfirmed
                || is_over && client.next != ClientStep::Confirmed && client.applied > 0;
            match client.verb {
                Verb::Toggle if client.applied > 1 => return Some(Invariant::ToggleIsAppliedOnce),
                Verb::Exit if client.applied > 1 => return Some(Invariant::ExitEndsOneController),
                _ if client.next == ClientStep::NotApplied && client.applied > 0 => {
                    return Some(Invariant::ResultsAreTrue);
                }
                _ if is_lost && self.second.is_none() && !self.was_killed && !self.was_removed => {
                    return Some(Invariant::RestartLosesNothing);
                }
                _ if all_sleep && !is_over => return Some(Invariant::NoProcessHangs),
                _ => {}
            }
        }
        let is_stuck = |it: &Controller| it.main != Main::Absent && !it.serves();
        match all_sleep && self.controllers.iter().any(is_stuck) {
            true => self.violated.or(Some(Invariant::NoProcessHangs)),
            false => self.violated,
        }
    }

    /// Whose message a controller takes in this step.
    fn detail(&self, next: &State) -> String {
        let taken = |it: &Controller| it.message.or(it.refused);
        let controllers = iter::zip(&self.controllers, &next.controllers);
        let mut new =
            controllers.filter_map(|(old, new)| taken(new).filter(|_| taken(old).is_none()));
        new.next()
            .map_or(String::new(), |it| format!(" of client {}", it.client + 1))
    }
}
