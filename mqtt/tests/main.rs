//! The real `led-mqtt` between real controllers and a real Mosquitto.

mod availability;
mod bad_input;
mod broker;
mod commands;
mod connections;
mod ending;
mod outages;
mod responses;
