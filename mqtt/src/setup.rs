//! `--setup`: asks for the broker, writes the configuration and the password, and checks them.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, BufRead, IsTerminal, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, PermissionsExt},
    },
    path::Path,
};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use shared::file;

use crate::{Error, Options, check, config::Config};

/// The file of the password, in the directory `secrets` beside the configuration.
const PASSWORD: &str = "password";

/// What it asks for, or takes from the options.
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
/// An answer is wrong, and nothing was written; a file cannot be written; or the checks found problems.
pub(crate) async fn run(options: &Options) -> Result<(), Error> {
    let path = &options.config;
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(Error::Read {
                path: path.clone(),
                source,
            });
        }
    };
    let answers = answers(options, &text).map_err(Error::Answer)?;
    let mut text = changed(&text, &answers);
    if let Some(ca) = &options.ca {
        text = with_setting(&text, "ca", Some(&ca.display().to_string()));
    }
    // Before anything is written.
    Config::from_text(&text, path).map_err(|problem| Error::Config {
        path: path.clone(),
        problem,
    })?;
    write(path, &text, 0o644)?;
    if let Some(password) = &answers.password {
        let secrets = path.parent().unwrap_or(Path::new(".")).join("secrets");
        match DirBuilder::new().mode(0o700).create(&secrets) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::Write {
                    path: secrets,
                    source: error,
                });
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
fn answers(options: &Options, text: &str) -> io::Result<Answers> {
    let asks = io::stdin().is_terminal();
    let answer = |option: &Option<String>, question: &str, name: &str| {
        let now = setting(text, name).unwrap_or_default();
        match option {
            Some(value) => Ok(value.clone()),
            None if asks => ask(question, now),
            None => Ok(now.to_owned()),
        }
    };
    let broker = answer(
        &options.broker,
        "Broker: its host name or address",
        "broker",
    )?;
    let broker = if broker.contains("://") {
        broker
    } else {
        format!("mqtt://{broker}")
    };
    let user = answer(&options.user, "User at the broker, empty for none", "user")?;
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
        "Name of this machine on the broker, empty for its host name",
        "node",
    )?;
    Ok(Answers {
        broker,
        user,
        password,
        node,
    })
}

/// The line that was typed, or what is the case now if it is empty.
fn ask(question: &str, now: &str) -> io::Result<String> {
    let hint = if now.is_empty() {
        String::new()
    } else {
        format!(" [{now}]")
    };
    say(&format!("{question}{hint}: "));
    let line = line()?;
    Ok(if line.is_empty() {
        now.to_owned()
    } else {
        line
    })
}

/// The password that was typed, which is not shown; none if it is empty.
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

/// Shows a text. If nobody can read it, the answers and the exit status still count.
fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The value of a setting before the first table, if it is a text and not a comment.
fn setting<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let top = text.lines().take_while(|line| !line.starts_with('['));
    let mut values = top.filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
    values.next()?.split('"').nth(1)
}

/// The configuration with these answers: each replaces the line of its setting, also one that is a comment.
fn changed(text: &str, answers: &Answers) -> String {
    let has_user = !answers.user.is_empty();
    let has_node = !answers.node.is_empty();
    let settings = [
        ("broker", &*answers.broker, true),
        ("user", &*answers.user, has_user),
        ("password_file", PASSWORD, has_user),
        ("node", &*answers.node, has_node),
    ];
    settings
        .into_iter()
        .fold(text.to_owned(), |text, (name, value, is_set)| {
            with_setting(&text, name, is_set.then_some(value))
        })
}

fn with_setting(text: &str, name: &str, value: Option<&str>) -> String {
    let is_line = |line: &&str| {
        let rest = line.strip_prefix('#').unwrap_or(line).strip_prefix(name);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    // A string of JSON is one of TOML.
    let new = value.map(|value| format!("{name} = {}", serde_json::Value::from(value)));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let top = lines
        .iter()
        .position(|line| line.trim_start_matches('#').starts_with('['))
        .unwrap_or(lines.len());
    let found = lines[..top].iter().position(|line| is_line(&line.as_str()));
    match (found, new) {
        (Some(index), Some(new)) => lines[index] = new,
        (Some(index), None) if !lines[index].starts_with('#') => lines[index].insert(0, '#'),
        (None, Some(new)) => lines.insert(0, new),
        _ => {}
    }
    lines.join("\n") + "\n"
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let replaced = file::replace(path, text, |file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    });
    replaced.map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_replace_the_lines_of_their_settings_and_nothing_else() {
        let text = "# comment\nbroker = \"mqtt://localhost\"\n#user = \"pi\"\n#node = \"%H\"\n[[led]]\nuser = 1\n";
        let mut answers = Answers {
            broker: "mqtt://192.0.2.1".into(),
            user: "a\"b".into(),
            password: None,
            node: String::new(),
        };
        let with_user = changed(text, &answers);
        let expected = "password_file = \"password\"\n# comment\nbroker = \"mqtt://192.0.2.1\"\nuser = \"a\\\"b\"\n\
                        #node = \"%H\"\n[[led]]\nuser = 1\n";
        assert_eq!(with_user, expected);
        answers.user = String::new();
        let without = changed(&with_user, &answers);
        assert!(
            without.contains("\n#user = ") && without.starts_with("#password_file"),
            "{without}"
        );
        assert_eq!(setting(&with_user, "broker"), Some("mqtt://192.0.2.1"));
        assert_eq!(setting(&without, "user"), None);
    }
}
