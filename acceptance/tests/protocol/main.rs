//! The protocol between clients and controllers: a search through every order in which their steps can come.
//!
//! A step is a system call of one process, or what it does between two. Each client sends one command, and controllers start
//! at any time. At any instant, but once each, a controller is killed, a controller gets SIGTERM, and somebody removes a
//! queue. No state may violate an [`Invariant`].
//!
//! Each [`Fault`] breaks a rule that the programs need, and the search finds a violation then. To see the steps that lead to
//! it, and the numbers of states: `cargo test --package acceptance --test protocol -- --nocapture`.
//!
//! What is not here: full queues, clients that are killed, a record that is written in part. A time limit counts as longer
//! than a process takes that runs, but for that of a controller that starts: answers that a killed one left may be lost.

mod client;
mod controller;
mod kernel;
mod model;
mod search;

use model::{
    Case, Fault, Invariant,
    Verb::{self, Exit, On, Toggle},
};

/// The lock directories of three controllers.
const ONE_DIRECTORY: &[usize] = &[0, 0, 0];
const TWO_DIRECTORIES: &[usize] = &[0, 1, 0];

#[track_caller]
fn nothing_is_violated(verbs: &'static [Verb], directories: &'static [usize]) {
    match search::explore(&Case { verbs, directories, faults: &[] }) {
        Ok(states) => println!("{verbs:?}, controllers in {directories:?}: {states} states"),
        Err(violation) => panic!("{verbs:?} violates {:?}:\n{}", violation.invariant, violation.trace),
    }
}

#[track_caller]
fn violates(invariant: Invariant, verbs: &'static [Verb], directories: &'static [usize], faults: &'static [Fault]) {
    let violation = search::explore(&Case { verbs, directories, faults }).expect_err("it is a fault");
    println!("{:?}:\n{}", violation.invariant, violation.trace);
    assert_eq!(violation.invariant, invariant);
}

#[test]
fn neither_of_two_toggles_is_applied_twice() {
    nothing_is_violated(&[Toggle, Toggle], ONE_DIRECTORY);
}

#[test]
fn toggle_and_on_are_told_the_truth_in_every_order() {
    nothing_is_violated(&[Toggle, On], ONE_DIRECTORY);
}

#[test]
fn exit_ends_one_controller_beside_on() {
    nothing_is_violated(&[On, Exit], ONE_DIRECTORY);
}

#[test]
fn exit_ends_one_controller_beside_toggle() {
    nothing_is_violated(&[Toggle, Exit], ONE_DIRECTORY);
}

#[test]
fn two_exits_end_one_controller_each() {
    nothing_is_violated(&[Exit, Exit], ONE_DIRECTORY);
}

#[test]
fn controllers_with_two_lock_directories_remove_no_queue_of_each_other() {
    for verbs in [&[Toggle], &[On], &[Exit]] {
        nothing_is_violated(verbs, TWO_DIRECTORIES);
    }
}

// Millions of states: without optimisation they take minutes.
#[test]
#[cfg(not(debug_assertions))]
fn controllers_with_two_lock_directories_serve_two_clients() {
    for verbs in [&[Toggle, Toggle], &[Toggle, On], &[On, On], &[On, Exit], &[Toggle, Exit], &[Exit, Exit]] {
        nothing_is_violated(verbs, TWO_DIRECTORIES);
    }
    nothing_is_violated(&[On, On], ONE_DIRECTORY);
}

#[test]
fn a_restart_that_answers_nothing_and_waits_for_nobody_loses_commands() {
    let faults = &[Fault::DrainsWithoutAnswer, Fault::EndsAtOnce, Fault::TogglesAgain];
    violates(Invariant::RestartLosesNothing, &[Toggle], ONE_DIRECTORY, faults);
    violates(Invariant::RestartLosesNothing, &[Toggle], ONE_DIRECTORY, &[Fault::DrainsWithoutAnswer]);
    violates(Invariant::RestartLosesNothing, &[Toggle], ONE_DIRECTORY, &[Fault::EndsAtOnce]);
}

#[test]
fn a_toggle_that_is_sent_again_is_applied_twice() {
    violates(Invariant::ToggleIsAppliedOnce, &[Toggle], ONE_DIRECTORY, &[Fault::TogglesAgain]);
}

#[test]
fn an_exit_that_is_sent_again_ends_two_controllers() {
    violates(Invariant::ExitEndsOneController, &[Exit], ONE_DIRECTORY, &[Fault::ExitsAgain]);
}

#[test]
fn a_controller_that_does_not_heed_its_record_removes_a_live_queue() {
    violates(Invariant::LiveQueuesStay, &[On], TWO_DIRECTORIES, &[Fault::IgnoresRecord]);
}

#[test]
fn a_controller_that_does_not_wait_for_a_queue_in_the_making_removes_a_live_queue() {
    violates(Invariant::LiveQueuesStay, &[On], TWO_DIRECTORIES, &[Fault::DoesNotWaitForMaker]);
}

#[test]
fn an_answer_that_is_lost_with_its_queue_leaves_a_client_waiting() {
    let faults = &[Fault::DropsAnswer, Fault::DoesNotProd];
    violates(Invariant::NobodyWaitsForEver, &[Toggle], ONE_DIRECTORY, faults);
    violates(Invariant::NobodyWaitsForEver, &[Toggle], ONE_DIRECTORY, &[Fault::DropsAnswer]);
    violates(Invariant::NobodyWaitsForEver, &[Toggle], ONE_DIRECTORY, &[Fault::DoesNotProd]);
}

#[test]
fn a_client_that_finds_no_reply_queue_and_sends_nothing_waits_for_ever() {
    violates(Invariant::NobodyWaitsForEver, &[Toggle], ONE_DIRECTORY, &[Fault::DoesNotRouse]);
}

#[test]
fn a_client_that_does_not_look_back_waits_at_the_queue_of_another_controller() {
    violates(Invariant::NobodyWaitsForEver, &[Toggle], ONE_DIRECTORY, &[Fault::DoesNotLookBack]);
}
