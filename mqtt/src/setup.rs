//! `--setup`: asks for the settings of the broker, writes the configuration and the password, and checks them.

mod password;
mod text;

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, BufRead, IsTerminal, Write},
    net::Ipv6Addr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use shared::file;

use self::text::Text;
use crate::{
    Error, Options, check,
    config::{Config, STDIN},
};

/// The file of the password, in the directory `secrets` beside the configuration.
const PASSWORD: &str = "password";

/// The answers, from the options or from the person at the terminal.
struct Answers {
    broker: String,
    user: String,
    /// None keeps the file.
    password: Option<String>,
    node: String,
    /// An empty one stands for none.
    ca: Option<String>,
}

/// Asks, writes the two files, and checks them. Other settings and the comments of the configuration stay.
///
/// # Errors
///
/// An answer is wrong, in which case nothing was written; a file cannot be read or written; or the checks found problems.
pub(crate) async fn run(options: &Options) -> Result<(), Error> {
    let path = &options.config;
    // Before any question.
    let text = match File::options().read(true).append(true).open(path) {
        Ok(file) => io::read_to_string(file).map_err(|error| Error::read(path, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::write(path, error)),
    };
    let text = Text::parse(&text).map_err(|problem| Error::config(path, problem))?;
    let answers = answers(options, &text)?;
    let (text, config) = changed(text, &answers)
        .and_then(|text| Config::from_text(text.as_str(), path).map(|config| (text, config)))
        .map_err(|problem| Error::Setup(without_line(&problem)))?;
    if let Some(ca) = config.ca.filter(|_| options.ca.is_some()) {
        File::open(&ca).map_err(|error| Error::read(&ca, error))?;
    }
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
    let checked = check::run(path).await;
    say(&match checked {
        Ok(()) => "now run: sudo systemctl restart led-controller-mqtt\n".to_owned(),
        Err(_) => format!(
            "{} is written, and the service reads it at its next start: correct the problem, and run this again\n",
            path.display()
        ),
    });
    checked
}

/// The answers: those of the options, else of the person at the terminal, else what the configuration has.
fn answers(options: &Options, text: &Text) -> Result<Answers, Error> {
    let asks = io::stdin().is_terminal();
    let answer = |option: Option<&String>, question: &str, none: &str, name: &str| {
        let now = text.get(name).unwrap_or_default();
        loop {
            let value = match option {
                Some(value) => value.clone(),
                None if asks => ask(&prompt(question, none, now), now).map_err(Error::Answer)?,
                None => now.to_owned(),
            };
            let value = if name == "broker" { url(value) } else { value };
            match wrong(name, &value) {
                None => return Ok(value),
                Some(problem) if asks && option.is_none() => say(&format!("{problem}\n")),
                Some(problem) => return Err(Error::Setup(problem)),
            }
        }
    };
    let broker = answer(
        options.broker.as_ref(),
        "Broker: its host name or address",
        "",
        "broker",
    )?;
    let user = answer(
        options.user.as_ref(),
        "User at the broker",
        ", empty for none",
        "user",
    )?;
    let password = match &options.password_file {
        Some(path) if path == Path::new(STDIN) => {
            Some(io::read_to_string(io::stdin()).map_err(Error::Answer)?)
        }
        Some(path) => Some(fs::read_to_string(path).map_err(|error| Error::read(path, error))?),
        None if asks && !user.is_empty() => {
            let empty = match text.get("password_file") {
                Some(_) => "to keep the one before",
                None => "for none",
            };
            password::ask(empty).map_err(Error::Answer)?
        }
        None => None,
    };
    let password = password.map(|password| password.trim_end().to_owned());
    let node = answer(
        options.node.as_ref().and_then(Option::as_ref),
        "Name of this machine on the broker",
        ", empty for its host name",
        "node",
    )?;
    Ok(Answers {
        broker,
        user,
        password,
        node,
        ca: options.ca.clone(),
    })
}

/// The URL of a broker, of which `mqtt://` may be left out.
fn url(broker: String) -> String {
    if broker.contains("://") || broker.is_empty() {
        broker
    } else if broker.parse::<Ipv6Addr>().is_ok() {
        format!("mqtt://[{broker}]")
    } else {
        format!("mqtt://{broker}")
    }
}

/// What is wrong with an answer, if anything is. An empty one stands for the default, but for that of the broker.
fn wrong(name: &str, value: &str) -> Option<String> {
    let others = match name {
        "broker" => "",
        _ if value.is_empty() => return None,
        _ => "broker = \"mqtt://localhost\"\n",
    };
    let value = serde_json::Value::from(value);
    let text = format!("{others}{name} = {value}\n");
    let problem = Config::from_text(&text, Path::new("")).err()?;
    Some(without_line(&problem))
}

/// A problem without the number of its line, in a text that was not written.
fn without_line(problem: &str) -> String {
    match problem.split_once(": ") {
        Some((line, problem)) if line.starts_with("line ") => problem.to_owned(),
        _ => problem.to_owned(),
    }
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
fn changed(text: Text, answers: &Answers) -> Result<Text, String> {
    let Answers {
        broker,
        user,
        password,
        node,
        ca,
    } = answers;
    let set = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    let password_file = match text.get("password_file") {
        _ if user.is_empty() => None,
        // One that has the password already.
        file if password.is_none() => file.map(str::to_owned),
        _ => Some(PASSWORD.to_owned()),
    };
    let ca = ca.as_ref().map(|ca| ("ca", set(ca)));
    // Without TLS there is nothing to trust, and nobody who asks for a certificate.
    let is_tls = broker.starts_with("mqtts://");
    let tls = ["ca", "certificate", "private_key"].map(|name| (name, None));
    let tls = tls.into_iter().filter(|_| !is_tls).chain(ca);
    let settings = [
        ("node", set(node)),
        ("password_file", password_file),
        ("user", set(user)),
        ("broker", set(broker)),
    ];
    let mut settings = settings.into_iter().chain(tls);
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
