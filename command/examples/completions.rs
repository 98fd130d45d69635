//! Writes what bash, zsh and fish complete after `led`, the name this program is installed by, into a folder:
//! `led.bash`, `_led`, `led.fish`.
#![forbid(unsafe_code)]

use std::{env, fs, io};

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use command::Options;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: completions FOLDER"))?;
    fs::create_dir_all(&folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut Options::command(), "led", &folder)?;
    }
    Ok(())
}
