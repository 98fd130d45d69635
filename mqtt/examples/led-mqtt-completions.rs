//! Writes what bash, zsh and fish complete after `led-mqtt` into a folder: `led-mqtt.bash`, `_led-mqtt`, `led-mqtt.fish`.
#![forbid(unsafe_code)]

use std::{env, fs, io};

use clap::{CommandFactory, ValueHint};
use clap_complete::{Shell, generate_to};
use mqtt::Options;

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: led-mqtt-completions FOLDER"))?;
    fs::create_dir_all(&folder)?;
    let mut command = Options::command().mut_arg("config", |argument| {
        argument.value_hint(ValueHint::FilePath)
    });
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "led-mqtt", &folder)?;
    }
    Ok(())
}
