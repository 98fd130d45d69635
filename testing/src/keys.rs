//! The keys of tests.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use shared::{Access, Key, Queue};

/// A key that no other test has, for a pair of queues. `queues` in scripts/lib.sh knows these keys.
///
/// The next two keys stay free too: a client looks at the keys beside its own. With the highest bit set, the key is free as well.
#[must_use]
pub fn key() -> Key {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let is_free = |key: Key| Queue::open(key, Access::Find).is_err();
    loop {
        let number = COUNTER.fetch_add(4, Ordering::Relaxed);
        // One process measures thousands of nodes.
        let range = 2 + (number >> 12) % 5;
        let key = range << 28 | (process::id() & 0xffff) << 12 | (number & 0xfff);
        let key = Key::new(key).expect("neither 0 nor the last key");
        // A PID has up to 22 bits, and a killed test leaves queues.
        if is_free(key) && is_free(key.reply()) {
            return key;
        }
    }
}
