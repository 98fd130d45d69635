//! Repeating what fails rarely.

use std::env;

/// How often to repeat a test of a race: `endure` times if `LED_ROUNDS` is `endure`, as `make endure` sets it; `test` times if
/// it is `test`, as `make test` sets it; a tenth of that if it is not set.
#[must_use]
pub fn rounds(test: usize, endure: usize) -> usize {
    match env::var("LED_ROUNDS").as_deref() {
        Ok("endure") => endure,
        Ok("test") => test,
        Ok(other) => panic!("LED_ROUNDS is {other}: use test or endure, or do not set it"),
        Err(_) => test.div_ceil(10),
    }
}

/// Pseudo-random numbers, the same in each run: a linear congruential generator.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number, from 0 to `limit` - 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
