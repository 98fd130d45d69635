//! What error messages and `doctor` say about queues, and the next steps that they name.

use std::{
    env, fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use shared::{
    Access, Key, Permissions, Status,
    account::{Group, User},
};

/// How to start a controller. The service has the default key. The controller is in the directory of this program, which need not be in PATH.
pub(crate) fn start(key: Key) -> String {
    if key == Key::DEFAULT && has_unit() {
        return "run \"sudo systemctl start led-controller\"".into();
    }
    let beside = env::current_exe()
        .ok()
        .map(|program| program.with_file_name("controller"));
    let controller = beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| "controller".into());
    let key = if key == Key::DEFAULT {
        String::new()
    } else {
        format!(" --key {key}")
    };
    format!(
        "run \"{}{key}\", with --simulate if there is no LED",
        controller.display()
    )
}

/// Whether systemd runs and has the unit.
fn has_unit() -> bool {
    let folders = [
        "/etc/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ];
    Path::new("/run/systemd/system").exists()
        && folders
            .iter()
            .any(|folder| Path::new(folder).join("led-controller.service").exists())
}

/// `permission denied: queue 1234 belongs to root:gpio (0660); run "sudo usermod -aG gpio $USER" and log in again`
pub(crate) fn denied(
    key: Key,
    access: Access,
    permissions: Option<&Permissions>,
    source: &io::Error,
) -> String {
    let Some(permissions) = permissions else {
        return format!("queue {key}: {source}");
    };
    let (owner, group) = (
        User(permissions.owner).name(),
        Group(permissions.group).name(),
    );
    let group_bit = if access == Access::Receive {
        0o040
    } else {
        0o020
    };
    let mode = permissions.mode;
    format!(
        "permission denied: queue {key} belongs to {owner}:{group} ({mode}); {}",
        permission_advice(permissions, group_bit)
    )
}

/// How to get the permission that this bit gives to the group.
#[must_use]
pub fn permission_advice(permissions: &Permissions, group_bit: u16) -> String {
    if permissions.mode.bits() & group_bit == 0 {
        "its mode does not permit its group; run this as its owner, or give the controller another --mode".into()
    } else if permissions.group == 0 {
        "run this as root, or give the controller a --group".into()
    } else {
        format!(
            "run \"sudo usermod -aG {} $USER\" and log in again",
            Group(permissions.group).name()
        )
    }
}

/// Why a controller does not reply.
pub(crate) fn controller_state(pid: Option<u32>, status: &Status) -> String {
    let (waiting, received) = (waiting(status), last_received(status));
    match pid {
        Some(pid) => {
            let does_not = if status.messages > 0 {
                "does not read its queue"
            } else {
                "has read its queue and does not reply"
            };
            format!(
                "the controller (PID {pid}) {does_not} ({waiting}, {received}); if it was stopped, run \"kill -CONT {pid}\""
            )
        }
        None => format!(
            "no process is known to serve the queue ({waiting}, {received}); run \"led doctor\""
        ),
    }
}

/// How many messages wait in a queue.
#[must_use]
pub fn waiting(status: &Status) -> String {
    match status.messages {
        1 => "1 message is waiting".into(),
        messages => format!("{messages} messages are waiting"),
    }
}

/// When a queue's last message was received.
#[must_use]
pub fn last_received(status: &Status) -> String {
    match status.last_received {
        Some(time) => match since(time) {
            Some(ago) => format!("the last was received {} s ago", ago.as_secs()),
            None => "the last was received before the clock was set".into(),
        },
        None => "none was ever received".into(),
    }
}

/// How long ago that was; none if the clock was set since then. A Pi sets its clock some time after boot.
fn since(time: SystemTime) -> Option<Duration> {
    let ago = SystemTime::now().duration_since(time).ok()?;
    let uptime = Duration::from_secs(uptime().unwrap_or(u64::MAX));
    Some(ago).filter(|ago| *ago <= uptime)
}

pub(crate) fn was_read_lately(status: &Status) -> bool {
    status
        .last_received
        .and_then(since)
        .is_some_and(|ago| ago < Duration::from_secs(2))
}

/// How many seconds the system has run; none if /proc is not mounted.
fn uptime() -> Option<u64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    uptime.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_the_boot_or_in_the_future_is_before_the_clock_was_set() {
        let now = SystemTime::now();
        let booted = Duration::from_secs(uptime().unwrap());
        assert!(since(now - booted / 2).is_some());
        assert_eq!(since(now - booted - Duration::from_secs(60)), None);
        assert_eq!(since(now + Duration::from_secs(60)), None);
    }
}
