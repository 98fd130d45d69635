//! The protocol between clients and controllers: a search through all orders of their steps.
//!
//! A step is a system call of one process, or its work between two. Each client sends one command, and controllers start at
//! any time. At any time, but at most once each, a controller is killed, a controller gets SIGTERM, and another process
//! removes a queue. No state may violate an [`Invariant`].
//!
//! Each [`Fault`] breaks a rule that the programs need, and the search then finds a violation. `cargo test --package
//! acceptance protocol:: -- --nocapture` prints the steps that lead to it, and the numbers of states.
//!
//! A new rule is a field of [`State`], an arm of a step in `client.rs` or `controller.rs`, and a [`Fault`] with its line in
//! `each_rule_is_needed`.
//!
//! Without a clock, time limits count as longer than a running process takes, except that of a controller that starts: replies
//! that a killed one left may be lost. With a clock, the time of one client can be over at any time. The clock is that of
//! the kernel, which keeps whole seconds; the second ends at most once.
//!
//! Watchers have a model of their own, in `watchers.rs`.
//!
//! Not modelled: full command queues, killed clients, records that are written in part, and processes of which the kernel says
//! nothing.

mod client;
mod controller;
mod kernel;
mod model;
mod processes;
mod search;
mod watchers;

use model::{
    Fault, Invariant, Setting, State,
    Verb::{self, Exit, On, Toggle},
};
use search::Model;
use watchers::Watching;

const ONE_LOCK: Setting = (&[0, 0, 0], None);
const TWO_LOCKS: Setting = (&[0, 1, 0], None);
const CLOCK: Setting = (&[0, 0], Some(1));

#[track_caller]
fn assert_no_violation(verbs: &[Verb], setting: Setting) {
    let states = assert_holds(State::new(verbs, setting));
    println!("{verbs:?}, {setting:?}: {states} states");
}

/// Returns the number of states.
#[track_caller]
fn assert_holds(start: impl Model) -> usize {
    search::explore(start, Fault::None)
        .unwrap_or_else(|(invariant, trace)| panic!("violates {invariant:?}:\n{trace}"))
}

#[track_caller]
fn assert_violation(start: impl Model, fault: Fault, expected: Invariant) {
    let result = search::explore(start, fault);
    let (violated, trace) = result.expect_err("the fault leads to a violation");
    println!("{fault:?} violates {violated:?}:\n{trace}");
    assert_eq!(violated, expected, "{fault:?}");
}

// One test for each, as they run beside each other.
#[test]
fn two_toggles() {
    assert_no_violation(&[Toggle, Toggle], ONE_LOCK);
}

#[test]
fn toggle_and_on() {
    assert_no_violation(&[Toggle, On], ONE_LOCK);
}

#[test]
fn on_and_exit() {
    assert_no_violation(&[On, Exit], ONE_LOCK);
}

#[test]
fn toggle_and_exit() {
    assert_no_violation(&[Toggle, Exit], ONE_LOCK);
}

#[test]
fn two_exits() {
    assert_no_violation(&[Exit, Exit], ONE_LOCK);
}

#[test]
fn one_client_of_controllers_with_two_locks() {
    for verb in [Toggle, On, Exit] {
        assert_no_violation(&[verb], TWO_LOCKS);
    }
}

#[test]
fn one_client_with_a_clock() {
    for verb in [Toggle, On] {
        assert_no_violation(&[verb], CLOCK);
    }
}

#[test]
fn watchers() {
    let states = assert_holds(Watching::default());
    println!("watchers: {states} states");
}

// Millions of states, which take minutes without optimisation.
#[test]
#[cfg(not(debug_assertions))]
fn two_clients_of_controllers_with_two_locks() {
    for other in [Toggle, On, Exit] {
        assert_no_violation(&[Toggle, other], TWO_LOCKS);
    }
    for verbs in [[On, On], [On, Exit], [Exit, Exit]] {
        assert_no_violation(&verbs, TWO_LOCKS);
    }
    assert_no_violation(&[On, On], ONE_LOCK);
}

#[test]
#[cfg(not(debug_assertions))]
fn two_clients_with_a_clock() {
    for verbs in [[Toggle, Toggle], [Toggle, On], [On, On]] {
        assert_no_violation(&verbs, CLOCK);
    }
}

#[test]
fn each_rule_is_needed() {
    use {Fault::*, Invariant::*};
    const RULES: [(Fault, Invariant, &[Verb], Setting); 18] = [
        (DrainsWithoutReply, RestartLosesNothing, &[Toggle], ONE_LOCK),
        (EndsAtOnce, RestartLosesNothing, &[Toggle], ONE_LOCK),
        (TogglesAgain, ToggleIsAppliedOnce, &[Toggle], ONE_LOCK),
        (ExitsAgain, ExitEndsOneController, &[Exit], ONE_LOCK),
        (IgnoresRecord, LiveQueuesStay, &[On], TWO_LOCKS),
        (DoesNotRecord, NoQueueIsLeft, &[On], ONE_LOCK),
        (DoesNotWaitForCreator, LiveQueuesStay, &[On], TWO_LOCKS),
        (DropsReply, NoProcessHangs, &[Toggle], ONE_LOCK),
        (DoesNotAskAgain, NoProcessHangs, &[Toggle], ONE_LOCK),
        (DoesNotCheckAgain, NoProcessHangs, &[Toggle], ONE_LOCK),
        (TrustsStatus, ResultsAreTrue, &[Toggle, On], ONE_LOCK),
        (SendsNoStatus, NoProcessHangs, &[Toggle], ONE_LOCK),
        (MissesLocks, ResultsAreTrue, &[Toggle], CLOCK),
        (MissesLocks, ResultsAreTrue, &[Exit], ONE_LOCK),
        (TrustsSameSecond, ResultsAreTrue, &[Toggle, On], CLOCK),
        (LooksAtQueueFirst, ResultsAreTrue, &[Toggle], CLOCK),
        (TrustsRefusal, ResultsAreTrue, &[On], CLOCK),
        (ForgetsAttempt, ResultsAreTrue, &[On], CLOCK),
    ];
    for (fault, invariant, verbs, setting) in RULES {
        assert_violation(State::new(verbs, setting), fault, invariant);
    }
    for (fault, invariant) in [
        (ForgetsUnsentReply, WatchersAreTold),
        (ForgetsLostReply, WatchersAreTold),
        (RepeatsAtOnce, TellingEnds),
    ] {
        assert_violation(Watching::default(), fault, invariant);
    }
}
