//! Writes what bash, zsh and fish complete after `led`, the name this program is installed by, into a folder:
//! `led.bash`, `_led`, `led.fish`.
#![forbid(unsafe_code)]

use std::{env, fs, io};

use clap::{Arg, CommandFactory, ValueHint};
use clap_complete::{Shell, generate_to};
use command::Options;

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .ok_or_else(|| io::Error::other("usage: completions FOLDER"))?;
    fs::create_dir_all(&folder)?;
    // The options' values are numbers, and no names of files. Said here, as it would cost each start of the program a little.
    let number = |argument: Arg| match argument.get_long() {
        Some(_) if argument.get_action().takes_values() => argument.value_hint(ValueHint::Other),
        _ => argument,
    };
    let mut command = Options::command()
        .mut_args(number)
        .mut_subcommands(|verb| verb.mut_args(number));
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "led", &folder)?;
    }
    Ok(())
}
