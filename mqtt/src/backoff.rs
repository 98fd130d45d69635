//! How long to wait before the next connection.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(60);
/// A connection that lasted so long is no failed attempt.
const LASTED: Duration = Duration::from_secs(30);
/// So many connections in succession that did not last are more than restarts of a broker.
const SHORT_MAX: u32 = 4;

/// Waits that double from 1 s to 1 min.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    /// Connections that did not last since one that did.
    short: u32,
}

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff {
            next: FIRST,
            short: 0,
        }
    }

    /// The wait after a connection that lasted so long; none if it was refused. At least 1 s, and up to half as long again at
    /// random, so that many clients of a broker that restarts do not return at once.
    pub(crate) fn after(&mut self, lasted: Option<Duration>) -> Duration {
        match lasted {
            Some(lasted) if lasted >= LASTED => *self = Backoff::new(),
            Some(_) => self.short += 1,
            None => {}
        }
        let wait = self.next;
        self.next = (wait * 2).min(LAST);
        wait + random_up_to(wait / 2)
    }

    /// Whether connections are accepted and do not last. Perhaps another client has the same identifier: some brokers do not tell.
    pub(crate) fn is_thrown_out(&self) -> bool {
        self.short >= SHORT_MAX
    }

    /// The wait after another client took over this one's identifier: both would go on for ever.
    pub(crate) fn after_takeover(&mut self) -> Duration {
        self.next = LAST;
        LAST + random_up_to(LAST / 2)
    }
}

/// A random time from 0 to this one.
pub(crate) fn random_up_to(limit: Duration) -> Duration {
    // The keys of the hasher are random.
    let [random, ..] = RandomState::new().hash_one(()).to_le_bytes();
    limit * random.into() / u8::MAX.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_a_connection_lasts() {
        let mut backoff = Backoff::new();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = backoff.after(None);
            let seconds = Duration::from_secs(seconds);
            assert!(wait >= seconds && wait <= seconds * 3 / 2, "{wait:?}");
        }
        assert!(backoff.after(Some(LASTED)) < Duration::from_secs(2));
        assert!(backoff.after(None) >= Duration::from_secs(2));
        assert!(backoff.after_takeover() >= LAST && backoff.after(None) >= LAST);
    }

    #[test]
    fn connections_that_do_not_last_are_counted() {
        let mut backoff = Backoff::new();
        for is_thrown_out in [false, false, false, true, true] {
            backoff.after(Some(Duration::ZERO));
            backoff.after(None);
            assert_eq!(backoff.is_thrown_out(), is_thrown_out);
        }
        backoff.after(Some(LASTED));
        assert!(!backoff.is_thrown_out());
    }
}
