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
//! Not modelled: full queues, killed clients, and records that are written in part. Time limits count as longer than a
//! running process takes, except that of a controller that starts: replies that a killed one left may be lost.

mod client;
mod controller;
mod kernel;
mod model;
mod search;

use model::{
    Fault, Invariant, State,
    Verb::{self, Exit, On, Toggle},
};

/// The lock directories of three controllers.
const ONE_LOCK: &[usize] = &[0, 0, 0];
const TWO_LOCKS: &[usize] = &[0, 1, 0];

#[track_caller]
fn assert_no_violation(verbs: &[Verb], directories: &'static [usize]) {
    match search::explore(State::new(verbs, directories), Fault::None) {
        Ok(states) => println!("{verbs:?}, controllers in {directories:?}: {states} states"),
        Err((invariant, trace)) => panic!("{verbs:?} violates {invariant:?}:\n{trace}"),
    }
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
fn each_rule_is_needed() {
    use {Fault::*, Invariant::*};
    const RULES: [(Fault, Invariant, &[Verb], &[usize]); 12] = [
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
    ];
    for (fault, invariant, verbs, directories) in RULES {
        let result = search::explore(State::new(verbs, directories), fault);
        let (violated, trace) = result.expect_err("the fault leads to a violation");
        println!("{fault:?} violates {violated:?}:\n{trace}");
        assert_eq!(violated, invariant, "{fault:?}");
    }
}
