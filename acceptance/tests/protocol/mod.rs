//! The protocol between clients and controllers: a search through all orders of their steps.
//!
//! A step is a system call of one process, or its work between two. Each client sends one command, and controllers start at
//! any time. At any time, but at most once each, a controller is killed, a controller gets SIGTERM, and another process
//! removes a queue. No state may violate an [`Invariant`].
//!
//! Each [`Fault`] breaks a rule that the programs need, and the search then finds a violation. `cargo test --package
//! acceptance protocol:: -- --nocapture` prints the steps that lead to it, and the numbers of states.
//!
//! Not modelled: full queues, killed clients, and records that are written in part. Time limits count as longer than a
//! running process takes, except that of a controller that starts: replies that a killed one left may be lost.

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
fn assert_no_violation(verbs: &'static [Verb], directories: &'static [usize]) {
    match search::explore(&Case {
        verbs,
        directories,
        faults: &[],
    }) {
        Ok(states) => println!("{verbs:?}, controllers in {directories:?}: {states} states"),
        Err(violation) => panic!(
            "{verbs:?} violates {:?}:\n{}",
            violation.invariant, violation.trace
        ),
    }
}

#[track_caller]
fn assert_violates(
    invariant: Invariant,
    verbs: &'static [Verb],
    directories: &'static [usize],
    faults: &'static [Fault],
) {
    let violation = search::explore(&Case {
        verbs,
        directories,
        faults,
    })
    .expect_err("the fault leads to a violation");
    println!("{:?}:\n{}", violation.invariant, violation.trace);
    assert_eq!(violation.invariant, invariant);
}

#[test]
fn neither_of_two_toggles_is_applied_twice() {
    assert_no_violation(&[Toggle, Toggle], ONE_DIRECTORY);
}

#[test]
fn toggle_and_on_get_true_replies() {
    assert_no_violation(&[Toggle, On], ONE_DIRECTORY);
}

#[test]
fn exit_ends_one_controller_beside_on() {
    assert_no_violation(&[On, Exit], ONE_DIRECTORY);
}

#[test]
fn exit_ends_one_controller_beside_toggle() {
    assert_no_violation(&[Toggle, Exit], ONE_DIRECTORY);
}

#[test]
fn two_exits_end_one_controller_each() {
    assert_no_violation(&[Exit, Exit], ONE_DIRECTORY);
}

#[test]
fn controllers_with_two_lock_directories_remove_no_queue_of_each_other() {
    for verbs in [&[Toggle], &[On], &[Exit]] {
        assert_no_violation(verbs, TWO_DIRECTORIES);
    }
}

// Millions of states, which take minutes without optimisation.
#[test]
#[cfg(not(debug_assertions))]
fn controllers_with_two_lock_directories_serve_two_clients() {
    for verbs in [
        &[Toggle, Toggle],
        &[Toggle, On],
        &[On, On],
        &[On, Exit],
        &[Toggle, Exit],
        &[Exit, Exit],
    ] {
        assert_no_violation(verbs, TWO_DIRECTORIES);
    }
    assert_no_violation(&[On, On], ONE_DIRECTORY);
}

#[test]
fn a_restart_without_replies_or_waiting_loses_commands() {
    let faults = &[
        Fault::DrainsWithoutReply,
        Fault::EndsAtOnce,
        Fault::TogglesAgain,
    ];
    assert_violates(
        Invariant::RestartLosesNothing,
        &[Toggle],
        ONE_DIRECTORY,
        faults,
    );
    assert_violates(
        Invariant::RestartLosesNothing,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::DrainsWithoutReply],
    );
    assert_violates(
        Invariant::RestartLosesNothing,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::EndsAtOnce],
    );
}

#[test]
fn a_toggle_that_is_sent_again_is_applied_twice() {
    assert_violates(
        Invariant::ToggleIsAppliedOnce,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::TogglesAgain],
    );
}

#[test]
fn an_exit_that_is_sent_again_ends_two_controllers() {
    assert_violates(
        Invariant::ExitEndsOneController,
        &[Exit],
        ONE_DIRECTORY,
        &[Fault::ExitsAgain],
    );
}

#[test]
fn a_controller_that_ignores_its_record_removes_a_live_queue() {
    assert_violates(
        Invariant::LiveQueuesStay,
        &[On],
        TWO_DIRECTORIES,
        &[Fault::IgnoresRecord],
    );
}

#[test]
fn a_controller_that_does_not_wait_for_a_closed_queue_removes_a_live_queue() {
    assert_violates(
        Invariant::LiveQueuesStay,
        &[On],
        TWO_DIRECTORIES,
        &[Fault::DoesNotWaitForCreator],
    );
}

#[test]
fn a_reply_that_is_lost_with_its_queue_makes_a_client_hang() {
    let faults = &[Fault::DropsReply, Fault::DoesNotAskAgain];
    assert_violates(Invariant::NoProcessHangs, &[Toggle], ONE_DIRECTORY, faults);
    assert_violates(
        Invariant::NoProcessHangs,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::DropsReply],
    );
    assert_violates(
        Invariant::NoProcessHangs,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::DoesNotAskAgain],
    );
}

#[test]
fn a_client_that_finds_no_reply_queue_and_sends_nothing_hangs() {
    assert_violates(
        Invariant::NoProcessHangs,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::SendsNoStatus],
    );
}

#[test]
fn a_client_that_does_not_check_the_command_queue_again_hangs() {
    assert_violates(
        Invariant::NoProcessHangs,
        &[Toggle],
        ONE_DIRECTORY,
        &[Fault::DoesNotCheckAgain],
    );
}
