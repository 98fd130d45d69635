//! How long to wait before the next attempt to connect.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(60);
/// The longest delay after a connection that the broker accepted: a broker that is restarting is back soon.
const LAST_ACCEPTED: Duration = Duration::from_secs(3);
/// A connection that lasts this long resets the backoff.
const LASTED: Duration = Duration::from_secs(30);

/// Exponential backoff: up to 1 min after refused attempts, up to 3 s after connections that were accepted and then lost.
#[derive(Debug)]
pub(crate) struct Backoff {
    refused: Duration,
    accepted: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            refused: FIRST,
            accepted: FIRST,
        }
    }
}

impl Backoff {
    /// The delay after a connection of this duration, which is none if the broker did not accept it.
    ///
    /// It includes up to 50 % at random, so that not all clients of a broker return at once after its restart.
    pub(crate) fn after(&mut self, lasted: Option<Duration>) -> Duration {
        let (next, last) = match lasted {
            None => (&mut self.refused, LAST),
            Some(lasted) => {
                self.refused = FIRST;
                if lasted >= LASTED {
                    self.accepted = FIRST;
                }
                (&mut self.accepted, LAST_ACCEPTED)
            }
        };
        let wait = *next;
        *next = (wait * 2).min(last);
        wait + random_up_to(wait / 2)
    }
}

/// The delay after another client has taken over our client identifier or our node name. Reconnecting at once would make the two
/// evict each other endlessly.
pub(crate) fn after_takeover() -> Duration {
    LAST + random_up_to(LAST / 4)
}

/// A random time from 0 to this one.
pub(crate) fn random_up_to(limit: Duration) -> Duration {
    // Each hasher is seeded with random keys.
    let [random, ..] = RandomState::new().hash_one(()).to_le_bytes();
    limit * random.into() / u8::MAX.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(wait: Duration, seconds: u64) {
        let seconds = Duration::from_secs(seconds);
        assert!(wait >= seconds && wait <= seconds * 3 / 2, "{wait:?}");
    }

    #[test]
    fn waits_double_until_a_connection_is_accepted() {
        let mut backoff = Backoff::default();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_near(backoff.after(None), seconds);
        }
        assert_near(backoff.after(Some(Duration::ZERO)), 1);
        assert_near(backoff.after(None), 1);
    }

    #[test]
    fn a_broker_that_restarts_several_times_is_found_again_soon() {
        let mut backoff = Backoff::default();
        for seconds in [1, 2, 3, 3, 3] {
            assert_near(backoff.after(Some(Duration::from_secs(15))), seconds);
        }
        assert_near(backoff.after(Some(LASTED)), 1);
    }
}
