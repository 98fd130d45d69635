//! The thread that blinks: it owns the LED from the first flash until it is told to stop.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use shared::Blink;

use crate::{
    Led, Light,
    quota::{self, Quota},
};

/// A thread that blinks, and how far it has come.
pub(crate) struct Blinker {
    blink: Blink,
    /// How often the LED is to be lit yet; 0 when the thread is done. One that has no end stays at 1.
    left: Arc<AtomicU32>,
    /// The LED goes to the thread through this channel; its closing is the word to stop.
    led: Sender<Box<dyn Led>>,
    thread: JoinHandle<Option<(Box<dyn Led>, Light)>>,
}

impl Blinker {
    /// Starts a thread that waits for its LED: whatever keeps it from starting, no LED is lost with it.
    pub(crate) fn start(blink: Blink) -> io::Result<Blinker> {
        let left = Arc::new(AtomicU32::new(blink.count().unwrap_or(1)));
        let (led, given) = channel();
        let progress = Arc::clone(&left);
        let thread = thread::Builder::new().name("blink".into()).spawn(move || {
            let led = given.recv().ok()?;
            Some(run(led, &given, blink, &progress))
        });
        let thread = thread.map_err(|error| io::Error::new(error.kind(), format!("no thread to blink in: {error}")))?;
        Ok(Blinker { blink, left, led, thread })
    }

    /// Gives it the LED, which is lit already.
    pub(crate) fn give(&self, led: Box<dyn Led>) {
        // It waits for nothing else, and cannot have ended.
        let _ = self.led.send(led);
    }

    /// What is left to be done; none if it is done.
    pub(crate) fn left(&self) -> Option<Blink> {
        let left = self.left.load(Ordering::Relaxed);
        // 0 is no count.
        Blink::new(self.blink.on(), self.blink.off(), Some(left)).map(|with_end| match self.blink.count() {
            Some(_) => with_end,
            None => self.blink,
        })
    }

    /// Takes the LED back at once, as lit as it is; none if the thread panicked.
    pub(crate) fn stop(self) -> Option<(Box<dyn Led>, Light)> {
        drop(self.led);
        self.thread.join().ok().flatten()
    }
}

/// Blinks until it is told to stop, or is done, or the LED fails; gives the LED back, and says whether it is lit.
fn run(mut led: Box<dyn Led>, stop: &Receiver<Box<dyn Led>>, blink: Blink, left: &AtomicU32) -> (Box<dyn Led>, Light) {
    let mut light = Light::On;
    let result = alternate(&mut *led, &mut light, stop, blink, left);
    if let Err(error) = result
        && quota::allows(Quota::Led)
    {
        log::error!("the LED cannot be changed, and blinks no more: {error}");
    }
    left.store(0, Ordering::Relaxed);
    (led, light)
}

fn alternate(
    led: &mut dyn Led,
    light: &mut Light,
    stop: &Receiver<Box<dyn Led>>,
    blink: Blink,
    left: &AtomicU32,
) -> io::Result<()> {
    let is_stopped_before = |end: Instant| {
        let remaining = end.saturating_duration_since(Instant::now());
        !matches!(stop.recv_timeout(remaining), Err(RecvTimeoutError::Timeout))
    };
    let period = blink.on() + blink.off();
    // Each phase ends at its distance from the first one's begin: what one is late by does not add up.
    let mut begin = Instant::now();
    while !is_stopped_before(begin + blink.on()) {
        led.set(Light::Off)?;
        *light = Light::Off;
        if blink.count().is_some() && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Ok(());
        }
        begin += period;
        // Flashes that were missed, as by a process that was stopped, are not made up for in a burst.
        let missed = begin.elapsed().as_nanos() / period.as_nanos();
        begin += period * u32::try_from(missed).unwrap_or(u32::MAX);
        if is_stopped_before(begin) {
            break;
        }
        led.set(Light::On)?;
        *light = Light::On;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Receiver, Sender, channel},
        time::Duration,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Tells of each change, takes its time for it, and fails at the one before which there are none left.
    struct Probe {
        changes: Sender<(Light, Instant)>,
        costs: Vec<Duration>,
        left: u32,
    }

    impl Led for Probe {
        fn set(&mut self, light: Light) -> io::Result<()> {
            self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
            let _ = self.changes.send((light, Instant::now()));
            thread::sleep(self.costs.pop().unwrap_or_default());
            Ok(())
        }
    }

    fn blink(on: u64, off: u64, count: Option<u32>) -> Blink {
        Blink::new(Duration::from_millis(on), Duration::from_millis(off), count).unwrap()
    }

    fn start(blink: Blink, costs: Vec<Duration>, left: u32) -> (Blinker, Receiver<(Light, Instant)>) {
        let (sender, changes) = channel();
        let blinker = Blinker::start(blink).unwrap();
        blinker.give(Box::new(Probe { changes: sender, costs, left }));
        (blinker, changes)
    }

    fn next(changes: &Receiver<(Light, Instant)>) -> Light {
        changes.recv_timeout(PATIENCE).unwrap().0
    }

    fn wait_until_done(blinker: &Blinker) {
        let start = Instant::now();
        while blinker.left().is_some() {
            assert!(start.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }

    #[test]
    fn it_is_lit_as_often_as_asked_and_then_dark() {
        let (blinker, changes) = start(blink(1, 1, Some(3)), vec![], u32::MAX);
        // The first flash began before the LED was given.
        let all: Vec<Light> = (0..5).map(|_| next(&changes)).collect();
        assert_eq!(all, [Light::Off, Light::On, Light::Off, Light::On, Light::Off]);
        wait_until_done(&blinker);
        assert!(changes.try_recv().is_err());
        assert_eq!(blinker.stop().map(|(_, light)| light), Some(Light::Off));
    }

    #[test]
    fn it_stops_at_once_in_a_long_phase_as_lit_as_it_is() {
        let (blinker, changes) = start(blink(3_600_000, 1, None), vec![], u32::MAX);
        assert_eq!(blinker.left(), Some(blink(3_600_000, 1, None)));
        assert_eq!(blinker.stop().map(|(_, light)| light), Some(Light::On));
        assert!(changes.try_recv().is_err());
        let (blinker, changes) = start(blink(1, 3_600_000, Some(7)), vec![], u32::MAX);
        assert_eq!(next(&changes), Light::Off);
        // The count goes down an instant after the change.
        while blinker.left() == Some(blink(1, 3_600_000, Some(7))) {
            thread::yield_now();
        }
        assert_eq!(blinker.left(), Some(blink(1, 3_600_000, Some(6))));
        assert_eq!(blinker.stop().map(|(_, light)| light), Some(Light::Off));
    }

    #[test]
    fn a_led_that_fails_is_given_back_as_lit_as_it_was() {
        let (blinker, changes) = start(blink(1, 1, None), vec![], 2);
        assert_eq!([next(&changes), next(&changes)], [Light::Off, Light::On]);
        wait_until_done(&blinker);
        assert_eq!(blinker.stop().map(|(_, light)| light), Some(Light::On));
    }

    #[test]
    fn what_each_change_takes_does_not_add_up() {
        let period = Duration::from_millis(50);
        let costs = vec![Duration::from_millis(1); 100];
        let (blinker, changes) = start(blink(25, 25, Some(17)), costs, u32::MAX);
        let edges = changes.iter().filter(|(light, _)| *light == Light::On).map(|(_, at)| at);
        let edges: Vec<Instant> = edges.take(16).collect();
        drop(blinker.stop());
        // Had they added up, the later ones would be off the beat of the earlier ones by 12 ms and more; one of each that was
        // in time will do.
        let pairs = edges[..5].iter().flat_map(|early| edges[10..].iter().map(move |late| (early, late)));
        let off_beat = pairs.map(|(early, late)| {
            let late = late.duration_since(*early).as_micros() % period.as_micros();
            late.min(period.as_micros() - late)
        });
        let least = off_beat.min().unwrap();
        assert!(least < period.as_micros() / 5, "{least} µs");
    }

    #[test]
    fn flashes_that_were_missed_are_not_made_up_for_in_a_burst() {
        let (blinker, changes) = start(blink(10, 10, None), vec![Duration::from_millis(500)], u32::MAX);
        let edges: Vec<Instant> = changes.iter().map(|(_, at)| at).take(22).collect();
        drop(blinker.stop());
        // The first change took 500 ms; 20 more are ten periods.
        let total = edges[21].duration_since(edges[1]);
        assert!(total > Duration::from_millis(100), "{total:?}");
    }
}
