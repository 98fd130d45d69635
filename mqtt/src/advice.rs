//! What the administrator of this machine can do after a [`client::Error`].
//!
//! The publisher of a command cannot do it, so a response has only the cause.

use std::fmt;

use client::{Error, NamedPermissions, Waiting};
use shared::{Access, Key};

/// An error for the log and `--check`: the cause and the next step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advised<'a>(pub(crate) &'a Error);

impl fmt::Display for Advised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Advised(error) = self;
        write!(f, "{error}")?;
        advice(error).map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

fn advice(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotRunning { key } | Error::Stale { key, .. } if *key == Key::DEFAULT => {
            "run \"sudo systemctl start led-controller\"".into()
        }
        Error::NotRunning { key } | Error::Stale { key, .. } => match key.name() {
            Some(name) => format!("run \"sudo systemctl enable --now led-controller@{name}\""),
            None => format!("start the controller with --key {key}"),
        },
        Error::Untrusted { key, creator, .. } => format!(
            "remove it with \"sudo ipcrm -Q {}\", or trust that user with owner = \"{creator}\" in the configuration",
            key.get()
        ),
        Error::Unmapped { .. } => "run led-mqtt outside of the user namespace".into(),
        Error::NotPermitted {
            permissions: Some(permissions),
            access,
            ..
        } => permission(permissions, *access),
        Error::NoReply { queue, .. } => wake(queue)?,
        Error::Full { queue, .. } if !queue.is_read() => wake(queue)?,
        Error::NoReplies { key } => format!("remove it with \"sudo ipcrm -Q {}\"", key.get()),
        Error::TooSmall { .. } => {
            "run \"sudo sysctl kernel.msgmnb=16384\" and restart the controller".into()
        }
        Error::ReplyQueue { key } => format!("set key = {} in the configuration", key.get() - 1),
        Error::Older { .. } => "upgrade the controller, or restart it after an upgrade".into(),
        Error::Malformed { .. } => "restart controller and led-mqtt after an upgrade".into(),
        _ => return None,
    })
}

fn wake(queue: &Waiting) -> Option<String> {
    let pid = queue.pid?;
    Some(format!("if it was stopped, run \"sudo kill -CONT {pid}\""))
}

/// How to give the service the permission that a queue gives to its group.
fn permission(permissions: &NamedPermissions, access: Access) -> String {
    let group = &permissions.group;
    if !permissions.permit_group(access) {
        "its mode does not permit its group: give the controller another --mode".into()
    } else if permissions.permissions.group == 0 {
        "give the controller a --group".into()
    } else {
        format!(
            "run \"sudo systemctl edit led-controller-mqtt\" and add SupplementaryGroups={group} below [Service]"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use client::LastReceived;
    use shared::{Mode, Permissions};

    use super::*;

    fn queue(pid: Option<u32>, received: LastReceived) -> Waiting {
        Waiting {
            messages: 1,
            received,
            pid,
        }
    }

    fn not_permitted(access: Access, mode: u16, group: (u32, &str)) -> Error {
        Error::NotPermitted {
            key: Key::DEFAULT,
            access,
            permissions: Some(NamedPermissions {
                permissions: Permissions {
                    owner: 999,
                    group: group.0,
                    mode: Mode::new(mode).unwrap(),
                },
                owner: "led-controller".into(),
                group: group.1.into(),
            }),
            source: io::ErrorKind::PermissionDenied.into(),
        }
    }

    #[test]
    fn the_log_says_what_the_administrator_can_do() {
        let (key, other) = (Key::DEFAULT, Key::new(1300).unwrap());
        let (gpio, root) = ((997, "gpio"), (0, "root"));
        let no_reply = |pid| Error::NoReply {
            key,
            timeout: Duration::from_secs(2),
            queue: queue(pid, LastReceived::Never),
        };
        let full = |received| Error::Full {
            key,
            timeout: None,
            queue: queue(Some(640), received),
        };
        let start = "run \"sudo systemctl start led-controller\"";
        let wake = "if it was stopped, run \"sudo kill -CONT 640\"";
        let mode = "its mode does not permit its group: give the controller another --mode";
        for (error, expected) in [
            (Error::NotRunning { key }, start),
            (Error::Stale { key, messages: 1 }, start),
            (
                Error::NotRunning { key: other },
                "start the controller with --key 1300",
            ),
            (
                Error::Untrusted {
                    key,
                    creator: 1001,
                    name: "eve".into(),
                },
                "remove it with \"sudo ipcrm -Q 1234\", or trust that user with owner = \"1001\" in the configuration",
            ),
            // ipcrm(1) knows numbers only.
            (
                Error::NoReplies {
                    key: "door".parse().unwrap(),
                },
                "remove it with \"sudo ipcrm -Q 2137747026\"",
            ),
            (
                Error::Unmapped {
                    key,
                    creator: 65534,
                },
                "run led-mqtt outside of the user namespace",
            ),
            (not_permitted(Access::Send, 0o600, gpio), mode),
            (not_permitted(Access::Receive, 0o720, gpio), mode),
            (
                not_permitted(Access::Send, 0o660, root),
                "give the controller a --group",
            ),
            (
                not_permitted(Access::Send, 0o660, gpio),
                "run \"sudo systemctl edit led-controller-mqtt\" and add SupplementaryGroups=gpio below [Service]",
            ),
            (no_reply(Some(640)), wake),
            (full(LastReceived::Never), wake),
            (
                Error::ReplyQueue {
                    key: Key::DEFAULT.reply(),
                },
                "set key = 1234 in the configuration",
            ),
            // It passes by itself, or nothing is known that would help.
            (no_reply(None), ""),
            (full(LastReceived::Ago(Duration::ZERO)), ""),
            (Error::NotReady { key }, ""),
            (Error::Unconfirmed { light: None }, ""),
        ] {
            let fact = error.to_string();
            let expected = match expected {
                "" => fact,
                advice => format!("{fact}; {advice}"),
            };
            assert_eq!(Advised(&error).to_string(), expected);
        }
    }
}
