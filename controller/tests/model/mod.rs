//! The controller beside a small model of it, written from led-controller(7) and not from the code. Both get the same
//! messages, and must send the same replies.
//!
//! `Server::run` runs in a thread, with real queues: the model checks its loop, its end, and its recovery from a removed
//! queue. It has one message at a time, and a `STATUS` after it shows that it is done. Where several messages have to wait,
//! a write to the LED blocks the controller. So nothing depends on scheduling, and a failure repeats.

mod end;
mod manual;
mod modelled;
mod replies;
mod steps;

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use proptest::test_runner::{Config, RngSeed, TestRunner};

use modelled::ModelledController;
use steps::{By, steps};

/// How long to wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_controller_behaves_as_the_model() {
    let mut config = Config {
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(()));
    }
    // Shown only if the test fails.
    eprintln!(
        "to repeat this: PROPTEST_RNG_SEED={} PROPTEST_CASES={}",
        config.rng_seed, config.cases
    );
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let mut controller = ModelledController::new();
        let mut steps = steps.into_iter();
        steps.try_for_each(|step| controller.step(step))?;
        controller.collect()?;
        controller.end(&By::Signal, &[], false)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
