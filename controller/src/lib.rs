//! The daemon: takes the LED, makes the queues, serves commands until it is told to end, and leaves nothing behind.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod blinker;
mod error;
mod gpio;
mod lamp;
mod led;
mod locks;
pub mod logging;
mod lost;
mod options;
mod queues;
mod quota;
mod screen;
mod server;
mod stop;

pub use error::{Error, TakenBy};
pub use gpio::Place;
pub use lamp::Lamp;
pub use led::{Led, Light};
pub use locks::Locks;
pub use options::Options;
pub use queues::{Queues, Settings};
pub use server::Server;
pub use stop::Stop;

use gpio::Gpio;
use led::Simulated;

/// Does what the options say: serves until `exit` or a signal, or only cleans up after one that was killed.
///
/// # Errors
///
/// Why it could not begin, had to end, or could not turn the LED off. Nothing is left behind in any case, but for an LED
/// that could not be written.
pub fn run(options: &Options) -> Result<(), Error> {
    if options.reclaim {
        return queues::reclaim(options.key);
    }
    if options.turn_off {
        return turn_off(options);
    }
    // First of all, so that no signal finds this process without a way to clean up.
    let stop = Stop::on_signals().map_err(|source| Error::Os { what: "cannot handle signals", source })?;
    let settings = options.settings()?;
    let locks = Locks::acquire(settings.key, None)?;
    let (led, place): (Box<dyn Led>, _) = if options.simulate {
        let led = Simulated::new(options.initial);
        (Box::new(led.map_err(|source| Error::Os { what: "cannot write to standard output", source })?), None)
    } else {
        let gpio = Gpio::take(&options.target(), options.initial).map_err(Error::Gpio)?;
        let place = gpio.place().clone();
        (Box::new(gpio), Some(place))
    };
    let mut lamp = Lamp::new(led, options.initial);
    match Queues::create(settings, locks) {
        Ok(queues) => Server::new(lamp, place, queues, stop).run(),
        Err(error) => {
            if let Err(lit) = lamp.turn_off() {
                log::error!("{}", Error::TurnOff(lit));
            }
            Err(error)
        }
    }
}

/// Cleans up after a controller that was killed: its LED, and its queues with the commands in them; one even if the other
/// fails.
fn turn_off(options: &Options) -> Result<(), Error> {
    let dark = if options.simulate {
        Ok(())
    } else {
        let taken = Gpio::take(&options.target(), Light::Off).map_err(Error::Gpio);
        taken.map(|gpio| log::info!("{} is off", gpio.place()))
    };
    let clean = Locks::acquire(options.key, None).and_then(|locks| locks::remove_left_overs(options.key, &locks));
    dark.and(clean)
}
