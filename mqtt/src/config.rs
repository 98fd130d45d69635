//! The configuration file.

mod broker;
mod checks;
mod problem;
mod values;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use shared::Key;

pub(crate) use broker::Broker;
pub(crate) use checks::NAME_MAX;

use crate::{Error, identity};

/// The name of a password file that stands for standard input.
pub(crate) const STDIN: &str = "-";

/// What the file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) broker: Broker,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates of the authorities that are trusted instead of those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// The certificate of this client, and its key.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) private_key: Option<PathBuf>,
    #[serde(default = "default_prefix")]
    pub(crate) prefix: String,
    #[serde(default = "default_node")]
    pub(crate) node: String,
    /// The unique identifier of the device; by default the serial number of the board.
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default = "default_discovery", deserialize_with = "values::discovery")]
    pub(crate) discovery: Option<String>,
    /// Where Home Assistant publishes that it has started.
    #[serde(default = "default_status_topic")]
    pub(crate) status_topic: String,
    /// The longest delay before everything is published again after that message.
    #[serde(default = "default_birth_delay", deserialize_with = "values::seconds")]
    pub(crate) birth_delay: Duration,
    #[serde(default, rename = "led")]
    pub(crate) leds: Vec<Led>,
}

/// One LED, and its controller.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "values::Led")]
pub(crate) struct Led {
    /// The setting `key`, or, without it, the key of the name.
    pub(crate) key: Key,
    pub(crate) name: Option<String>,
    /// A user whose queues are trusted too.
    pub(crate) owner: Option<u32>,
}

impl Config {
    /// The user of the broker, as messages name it.
    pub(crate) fn user(&self) -> String {
        self.user.as_ref().map_or_else(
            || "clients without a user".into(),
            |user| format!("user {user:?}"),
        )
    }

    /// Whom the administrator of the broker must permit what.
    pub(crate) fn permission(&self) -> String {
        format!(
            "{} to read and write the topics in led-mqtt(8)",
            self.user()
        )
    }

    /// Says that the broker refused something, why, and what to do.
    pub(crate) fn refusal(&self, what: &str, reason: &str) -> String {
        let refusal = format!("the broker refused {what}: {reason}");
        match reason {
            "not authorized" => format!("{refusal}: permit {}", self.permission()),
            _ => refusal,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or something in it is wrong.
    pub(crate) fn read(path: &Path) -> Result<Config, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::read(path, source))?;
        Config::from_text(&text, path).map_err(|problem| Error::config(path, problem))
    }

    /// Parses the text of a file. File names in it are relative to this path.
    ///
    /// # Errors
    ///
    /// The setting that is wrong, and why.
    pub(crate) fn from_text(text: &str, path: &Path) -> Result<Config, String> {
        let mut config = Config::parse(text)?;
        config.complete(path)?;
        Ok(config)
    }

    /// Replaces the name of the node.
    ///
    /// # Errors
    ///
    /// It is not a valid name.
    pub(crate) fn set_node(&mut self, path: &Path, node: &str) -> Result<(), Error> {
        self.node = node.to_owned();
        self.check_names()
            .map_err(|problem| Error::config(path, problem))
    }

    /// Replaces the user and the file of the password, where they are given. An empty user is none, and the file [`STDIN`] is
    /// standard input.
    ///
    /// # Errors
    ///
    /// There is a password without a user.
    pub(crate) fn log_in(
        &mut self,
        user: Option<&str>,
        password_file: Option<&Path>,
    ) -> Result<(), String> {
        if let Some(user) = user {
            self.user = Some(user.to_owned()).filter(|user| !user.is_empty());
        }
        if let Some(file) = password_file {
            self.password_file = Some(file.to_owned());
        }
        self.check_security()
    }

    pub(crate) fn parse(text: &str) -> Result<Config, String> {
        Config::parse_as(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// A text as a type.
    ///
    /// # Errors
    ///
    /// The line that is wrong.
    pub(crate) fn parse_as<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        toml::from_str(text).map_err(|error| problem::describe(text, &error))
    }

    fn complete(&mut self, path: &Path) -> Result<(), String> {
        for name in [Some(&mut self.node), self.user.as_mut()]
            .into_iter()
            .flatten()
        {
            if name.contains("%H") {
                let hostname = identity::hostname()
                    .ok_or("this machine has no hostname; write a name instead of %H")?;
                *name = name.replace("%H", &hostname);
            }
        }
        self.check_names()?;
        self.id = self.id.take().or_else(identity::serial_number);
        if self.leds.is_empty() {
            self.leds.push(Led {
                key: Key::DEFAULT,
                name: None,
                owner: None,
            });
        }
        self.check_leds()?;
        self.check_security()?;
        let beside = path.parent().unwrap_or(Path::new("."));
        let files = [
            &mut self.password_file,
            &mut self.ca,
            &mut self.certificate,
            &mut self.private_key,
        ];
        for file in files.into_iter().flatten() {
            if file.is_relative() && file.components().count() != 1 {
                return Err(format!(
                    "{}: the name of a file in secrets, or a path that begins with /",
                    file.display()
                ));
            }
            *file = secret(beside, file);
        }
        Ok(())
    }
}

/// The path of a file with this name: the credential that systemd passed on, or, without one, the file in `secrets` beside the
/// configuration.
fn secret(beside: &Path, file: &Path) -> PathBuf {
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let credential =
        credentials.map(|directory| directory.join(format!("secrets_{}", file.display())));
    match credential {
        Some(credential) if file.is_relative() && credential.exists() => credential,
        _ => beside.join("secrets").join(file),
    }
}

fn default_prefix() -> String {
    "led".into()
}

fn default_node() -> String {
    "%H".into()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde takes the type of the field"
)]
fn default_discovery() -> Option<String> {
    Some("homeassistant".into())
}

fn default_status_topic() -> String {
    "homeassistant/status".into()
}

fn default_birth_delay() -> Duration {
    Duration::from_secs(2)
}

#[cfg(test)]
mod tests;
