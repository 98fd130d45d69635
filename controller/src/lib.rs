//! The daemon: takes the LED, creates the queues, serves commands until `exit` or a signal, and leaves nothing behind.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod drain;
mod error;
mod existing;
mod gpio;
mod led;
mod led_class;
mod locks;
mod notify;
mod options;
mod output;
mod queue_pair;
mod replies;
mod saved_state;
mod saver;
mod server;
mod shutdown;
mod simulated;
mod wait;
mod watchers;

pub use error::{Error, TakenBy};
pub use led::Led;
pub use led_class::LedClassError;
pub use locks::Locks;
pub use notify::notify;
pub use options::Options;
pub use output::Output;
pub use queue_pair::{NotCreated, QueueOptions, QueuePair};
pub use saved_state::SavedState;
pub use saver::Saver;
pub use server::Server;
pub use shutdown::Shutdown;

use gpio::GpioLine;
use led_class::LedClass;
use logging::RateLimit;
use options::Initial;
use shared::{Light, Place, State, lock::RecordedLed};
use simulated::Simulated;

/// The limits for log lines that clients cause, and for those of a failing LED: bad messages must not suppress the latter.
static CLIENT_LINES: RateLimit = RateLimit::new(100);
static LED_LINES: RateLimit = RateLimit::new(100);

/// Does what the options say: serves until `exit` or a signal, or cleans up after a controller that was killed, or creates the
/// queues for the service.
///
/// # Errors
///
/// The reason why it cannot start, had to end, or could not turn the LED off. It cleans up in each case.
pub fn run(options: &Options) -> Result<(), Error> {
    if options.reclaim {
        return queue_pair::reclaim(options.key);
    }
    if options.turn_off {
        return turn_off(options);
    }
    // Handle signals first, so that a signal always cleans up.
    let shutdown = Shutdown::on_signals().map_err(|source| Error::Os {
        what: "cannot handle signals",
        source,
    })?;
    let queue_options = options.queue_options()?;
    let mut locks = Locks::acquire(options.key, None)?;
    turn_off_earlier(options, &mut locks);
    let (initial, saver) = initial(options)?;
    let (output, place) = match output(options, initial, &mut locks, &shutdown) {
        // A signal ended the wait for the chip.
        Err(Error::Gpio(_)) if shutdown.requested().is_some() => return Ok(()),
        result => result?,
    };
    let mut led = Led::new(output, initial);
    match QueuePair::create(queue_options, locks) {
        Ok(queues) => Server::new(led, place, queues, shutdown)
            .saving(saver)
            .run(),
        Err(NotCreated { error, mut locks }) => {
            if let Err(error) = led.turn_off() {
                log::error!("{}", Error::TurnOff(error));
            } else {
                led.restore_trigger(&mut locks);
            }
            Err(error)
        }
    }
}

/// The output that drives the LED, with its first level, and a description of where the LED is.
fn output(
    options: &Options,
    initial: Light,
    locks: &mut Locks,
    shutdown: &Shutdown,
) -> Result<(Box<dyn Output>, Place), Error> {
    if options.simulate {
        let output = Simulated::new(initial).map_err(|source| Error::Os {
            what: "cannot write to standard output",
            source,
        })?;
        return Ok((Box::new(output), Place::Simulated));
    }
    if let Some(name) = &options.led {
        let output = LedClass::take(name, initial, locks)?;
        return Ok((Box::new(output), Place::Led(name.clone())));
    }
    let line_options = options.line_options();
    // Without a service manager do not wait: a person sees the error at once.
    let output = if notify::is_awaited() {
        GpioLine::take_at_boot(&line_options, initial, || shutdown.requested().is_some())?
    } else {
        GpioLine::take(&line_options, initial)?
    };
    let line = output.line().clone();
    Ok((Box::new(output), Place::Line(line)))
}

/// The first state of the LED; with `--initial last`, also the saver for later states.
fn initial(options: &Options) -> Result<(Light, Option<Saver>), Error> {
    match options.initial {
        Initial::On => Ok((State::On.into(), None)),
        Initial::Off => Ok((State::Off.into(), None)),
        Initial::Last => {
            let mut file = SavedState::new(options.key).ok_or(Error::NoStateDirectory)?;
            let saved = file.open();
            let saver = Saver::start(file, saved).map_err(|source| Error::Os {
                what: "cannot save the state",
                source,
            })?;
            Ok((saved.unwrap_or(State::Off.into()), Some(saver)))
        }
    }
}

/// Cleans up after a controller that was killed: its LED, and its queues. An error in one does not stop the other.
fn turn_off(options: &Options) -> Result<(), Error> {
    let mut locks = Locks::acquire(options.key, None);
    if let Ok(locks) = &mut locks {
        turn_off_earlier(options, locks);
    }
    let off = if options.simulate {
        Ok(())
    } else if let Some(name) = &options.led {
        // A controller that serves the key drives the LED.
        let locks = locks.as_mut().map_err(|_| ());
        locks.map_or(Ok(()), |locks| turn_off_led(name, locks))
    } else {
        let taken = GpioLine::take(&options.line_options(), State::Off.into()).map_err(Error::Gpio);
        taken.map(|output| log::info!("line {} is off", output.line()))
    };
    let removed = locks.and_then(|locks| existing::clean_up(options.key, &locks));
    off.and(removed)
}

/// Turns off the LED of a controller that was killed and had another `--led`, and sets its trigger again. It is tried once: its
/// record makes room for that of this controller.
fn turn_off_earlier(options: &Options, locks: &mut Locks) {
    let recorded = locks.led().cloned();
    let Some(led) = recorded.filter(|led| options.led.as_ref() != Some(&led.name)) else {
        return;
    };
    let RecordedLed { name, trigger } = led;
    if let Err(error) = turn_off_led(&name, locks) {
        log::warn!("LED {name} may be on, and does not have its trigger {trigger} again: {error}");
        locks.forget_led();
    }
}

fn turn_off_led(name: &str, locks: &mut Locks) -> Result<(), Error> {
    LedClass::take(name, State::Off.into(), locks)?.restore_trigger()?;
    log::info!("LED {name} is off");
    locks.forget_led();
    Ok(())
}
