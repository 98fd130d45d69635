//! The real `led-mqtt` between real controllers and a real Mosquitto.

mod availability;
mod bad_input;
mod broker;
mod check;
mod commands;
mod configuration;
mod connections;
mod discovery;
mod ending;
mod log;
mod outages;
mod races;
mod responses;
mod security;
