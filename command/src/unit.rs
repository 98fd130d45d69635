//! Finds the systemd unit that starts the controller of a key.

use std::{fmt, fs, path::Path};

use shared::Key;

/// The folders of units that people and packages install, see systemd.unit(5).
const FOLDERS: [&str; 4] = [
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The folder with the files that have the options of the units.
const OPTIONS: &str = "/etc/default";

/// `led-controller`, which serves the default key, or an instance of `led-controller@`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unit {
    instance: Option<String>,
}

impl Unit {
    /// The unit of a key: the instance that has this key in its options, or else the instance with the key's name. Without either,
    /// `led-controller` for the default key, and none for another one.
    pub(crate) fn of(key: Key) -> Option<Unit> {
        Self::of_key_in(Path::new(OPTIONS), key)
    }

    fn of_key_in(options: &Path, key: Key) -> Option<Unit> {
        let files = fs::read_dir(options).into_iter().flatten().flatten();
        let mut instances: Vec<String> = files
            .filter_map(|file| {
                Some(
                    file.file_name()
                        .to_str()?
                        .strip_prefix("led-controller-")?
                        .to_owned(),
                )
            })
            .filter(|instance| key_of_instance(options, instance) == Some(key))
            .collect();
        instances.sort();
        let instance = instances.into_iter().next();
        match (instance, key.name()) {
            (instance @ Some(_), _) => Some(Unit { instance }),
            (None, Some(name)) => Some(Unit {
                instance: Some(name.to_string()),
            }),
            (None, None) => (key == Key::DEFAULT).then_some(Unit { instance: None }),
        }
    }

    /// Whether systemd runs and has the unit.
    pub(crate) fn is_installed(&self) -> bool {
        let file = match &self.instance {
            None => "led-controller.service",
            Some(_) => "led-controller@.service",
        };
        systemd_runs()
            && FOLDERS
                .iter()
                .any(|folder| Path::new(folder).join(file).exists())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("led-controller")?;
        self.instance
            .as_ref()
            .map_or(Ok(()), |instance| write!(f, "@{instance}"))
    }
}

/// Whether systemd manages this machine, see sd_booted(3).
pub(crate) fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// The key that an instance of the template serves: the key in its options, or its name.
fn key_of_instance(options: &Path, instance: &str) -> Option<Key> {
    let text = fs::read_to_string(options.join(format!("led-controller-{instance}"))).ok()?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("OPTIONS="));
    let words = lines
        .next_back()?
        .trim_matches(['"', '\''])
        .replace("--key=", "--key ");
    let mut words = words.split_whitespace();
    let mut key = None;
    while words.find(|word| *word == "--key").is_some() {
        key = words.next();
    }
    key.unwrap_or(instance).parse().ok()
}

#[cfg(test)]
mod tests {
    use shared::Name;

    use super::*;

    #[test]
    fn the_options_name_the_unit_of_a_key() {
        let folder = tempfile::tempdir().unwrap();
        for (file, options) in [
            ("led-controller", "OPTIONS=\"--active-low\"\n"),
            (
                "led-controller-my_led",
                "# first\nOPTIONS=\"--key 1 --line GPIO5 --key=1300\"\n",
            ),
            (
                "led-controller-shed",
                "#OPTIONS=\"--key 7\"\nOPTIONS='--line GPIO6'\n",
            ),
            ("led-controller-bad_name", "OPTIONS=\"\"\n"),
        ] {
            fs::write(folder.path().join(file), options).unwrap();
        }
        let unit = |key: &str| {
            let unit = Unit::of_key_in(folder.path(), key.parse().unwrap());
            unit.map(|unit| unit.to_string())
        };
        let shed: Name = "shed".parse().unwrap();
        for (key, expected) in [
            ("1234", Some("led-controller")),
            ("1300", Some("led-controller@my_led")),
            ("shed", Some("led-controller@shed")),
            (&*shed.number().to_string(), Some("led-controller@shed")),
            ("door", Some("led-controller@door")),
            ("1", None),
            ("7", None),
        ] {
            assert_eq!(unit(key).as_deref(), expected, "{key}");
        }
    }
}
