//! `--setup`: asks for the settings of the broker, writes the configuration and the password, and checks them.

mod text;

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, BufRead, IsTerminal, Write},
    net::Ipv6Addr,
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, PermissionsExt},
    },
    path::Path,
};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use shared::file;

use self::text::Text;
use crate::{Error, Options, check, config::Config};

/// The file of the password, in the directory `secrets` beside the configuration.
const PASSWORD: &str = "password";

/// The answers, from the options or from the person at the terminal.
struct Answers {
    broker: String,
    user: String,
    /// None keeps the file.
    password: Option<String>,
    node: String,
}

/// Asks, writes the two files, and checks them. Other settings and the comments of the configuration stay.
///
/// # Errors
///
/// An answer is wrong, in which case nothing was written; a file cannot be read or written; or the checks found problems.
pub(crate) async fn run(options: &Options) -> Result<(), Error> {
    let path = &options.config;
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(Error::read(path, source));
        }
    };
    let wrong = |problem: String| Error::config(path, problem);
    let text = Text::parse(&text).map_err(wrong)?;
    let answers = answers(options, &text).map_err(Error::Answer)?;
    let text = changed(text, &answers, options.ca.as_deref()).map_err(wrong)?;
    // Before anything is written.
    Config::from_text(text.as_str(), path).map_err(wrong)?;
    write(path, text.as_str(), 0o644)?;
    if let Some(password) = &answers.password {
        let secrets = path.parent().unwrap_or(Path::new(".")).join("secrets");
        match DirBuilder::new().mode(0o700).create(&secrets) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::write(&secrets, error));
            }
            _ => {}
        }
        write(&secrets.join(PASSWORD), &format!("{password}\n"), 0o600)?;
    }
    check::run(path).await?;
    say("now run: sudo systemctl restart led-controller-mqtt\n");
    Ok(())
}

/// The answers: those of the options, else of the person at the terminal, else what the configuration has.
fn answers(options: &Options, text: &Text) -> io::Result<Answers> {
    let asks = io::stdin().is_terminal();
    let answer = |option: &Option<String>, question: &str, none: &str, name: &str| {
        let now = text.get(name).unwrap_or_default();
        match option {
            Some(value) => Ok(value.clone()),
            None if asks => ask(&prompt(question, none, now), now),
            None => Ok(now.to_owned()),
        }
    };
    let broker = answer(
        &options.broker,
        "Broker: its host name or address",
        "",
        "broker",
    )?;
    let broker = if broker.contains("://") {
        broker
    } else if broker.parse::<Ipv6Addr>().is_ok() {
        format!("mqtt://[{broker}]")
    } else {
        format!("mqtt://{broker}")
    };
    let user = answer(
        &options.user,
        "User at the broker",
        ", empty for none",
        "user",
    )?;
    let password = match &options.password_file {
        Some(path) if path == Path::new("-") => Some(io::read_to_string(io::stdin())?),
        Some(path) => Some(fs::read_to_string(path)?),
        None if asks && !user.is_empty() => ask_password()?,
        None => None,
    };
    let password = password.map(|password| password.trim_end().to_owned());
    let node = options.node.clone().flatten();
    let node = answer(
        &node,
        "Name of this machine on the broker",
        ", empty for its host name",
        "node",
    )?;
    Ok(Answers {
        broker,
        user,
        password,
        node,
    })
}

/// A question, with what an empty answer means: what the setting is now, or none.
fn prompt(question: &str, none: &str, now: &str) -> String {
    if now.is_empty() {
        format!("{question}{none}: ")
    } else {
        format!("{question} [{}]: ", logging::escape(now))
    }
}

/// The line that was typed, or what is the case now if it is empty.
fn ask(prompt: &str, now: &str) -> io::Result<String> {
    say(prompt);
    let line = line()?;
    Ok(if line.is_empty() {
        now.to_owned()
    } else {
        line
    })
}

/// The password that the person types, without echo; none if it is empty.
fn ask_password() -> io::Result<Option<String>> {
    say("Password, empty to keep the one before: ");
    let stdin = io::stdin().as_raw_fd();
    let shown = tcgetattr(stdin)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(stdin, SetArg::TCSANOW, &hidden)?;
    let typed = line();
    tcsetattr(stdin, SetArg::TCSANOW, &shown)?;
    say("\n");
    Ok(typed.ok().filter(|password| !password.is_empty()))
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim().to_owned()),
    }
}

/// Prints a text. If nobody can read it, the answers and the exit status still count.
fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The configuration with these answers.
fn changed(text: Text, answers: &Answers, ca: Option<&Path>) -> Result<Text, String> {
    let Answers {
        broker,
        user,
        password,
        node,
    } = answers;
    let set = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    let password_file = match text.get("password_file") {
        _ if user.is_empty() => None,
        // One that has the password already.
        Some(file) if password.is_none() => Some(file.to_owned()),
        _ => Some(PASSWORD.to_owned()),
    };
    let settings = [
        ("node", set(node)),
        ("password_file", password_file),
        ("user", set(user)),
        ("broker", set(broker)),
    ];
    let ca = ca.map(|ca| ("ca", Some(ca.display().to_string())));
    let mut settings = settings.into_iter().chain(ca);
    settings.try_fold(text, |text, (name, value)| text.set(name, value.as_deref()))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    // What a symbolic link leads to is replaced, and not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let replaced = file::replace(&target, text, |file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    });
    replaced.map_err(|source| Error::write(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_what_an_empty_answer_means() {
        for (now, expected) in [
            ("", "User, empty for none: "),
            ("pi", "User [pi]: "),
            ("\u{1b}[2J", "User [\\u{1b}[2J]: "),
        ] {
            assert_eq!(prompt("User", ", empty for none", now), expected);
        }
    }
}
