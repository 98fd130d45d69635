//! The real `led-mqtt` between real controllers and a real Mosquitto.

pub(crate) mod acknowledgements;
mod availability;
mod bad_input;
mod brightness;
mod bursts;
mod certificates;
mod check;
mod commands;
mod configuration;
mod connections;
mod discovery;
mod ending;
mod guide;
pub(crate) mod identity;
mod idle;
pub(crate) mod log;
pub(crate) mod node;
mod one_name;
mod outages;
mod races;
mod responses;
mod security;
mod setup;

/// The topics of the node's only LED, and that of its discovery.
const SET: &str = "led/porch/set";
const STATE: &str = "led/porch/state";
const AVAILABILITY: &str = "led/porch/availability";
pub(crate) const DISCOVERY: &str = "homeassistant/device/porch/config";

/// States, as they are retained.
const ON: &str = r#"{"brightness":100,"effect":"off","state":"ON"}"#;
const OFF: &str = r#"{"effect":"off","state":"OFF"}"#;

/// Commands that alternate, each with the state after it.
const TURNS: [(&str, &str); 2] = [("on", ON), ("off", OFF)];

/// The names of two LEDs.
const DOORS: [&str; 2] = ["door", "gate"];

/// A state with this effect, as it is retained.
fn blinking(effect: &str) -> String {
    format!(r#"{{"brightness":100,"effect":"{effect}","state":"ON"}}"#)
}
