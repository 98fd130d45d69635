//! The next step after an error.

use std::{env, fs, os::unix::fs::MetadataExt};

use client::{Error, NamedPermissions, Waiting};
use shared::{Access, Key, lock::Holder};

use crate::{list::controllers, unit::Unit};

/// The inode number of the first IPC namespace: `PROC_IPC_INIT_INO` of the kernel.
const FIRST_IPC_NAMESPACE: u64 = 0xefff_ffff;

/// The most keys of other controllers that are shown.
const OTHERS_SHOWN: usize = 3;

/// What the user can do after a [`client::Error`].
pub(crate) fn advice(error: &Error) -> Option<String> {
    Some(match error {
        Error::Malformed { .. } => "client and controller may have different versions".into(),
        Error::NotRunning { key } => find_or_start(*key),
        Error::Stale { key, .. } => start(*key),
        Error::Older { .. } => {
            "upgrade it, or restart it if it is upgraded: \"sudo systemctl restart led-controller\""
                .into()
        }
        Error::NotReady { key } => format!("try again, or {}", start(*key)),
        Error::Untrusted { key, name, .. } => format!(
            "remove it with \"sudo ipcrm -Q {}\", or trust that user with --owner {name}",
            key.get()
        ),
        Error::Unmapped { .. } => {
            "run this outside of the user namespace, or map the controller's user into it".into()
        }
        Error::NotPermitted {
            permissions: Some(permissions),
            access,
            ..
        } => permission_advice(permissions, *access),
        Error::NoReply { queue, .. } => continue_or_doctor(queue),
        Error::Unconfirmed { light: None } => {
            "run \"led status\" when a controller is running".into()
        }
        Error::NoReplies { key } => format!(
            "if that program serves it, use --no-wait; otherwise remove it with \"ipcrm -Q {}\"",
            key.get()
        ),
        Error::Full { timeout, queue, .. } if queue.is_read() => match timeout {
            Some(_) => "try a longer --timeout".into(),
            None => "try again".into(),
        },
        Error::Full { queue, .. } => continue_or_doctor(queue),
        Error::TooSmall { .. } => {
            "run \"sudo sysctl kernel.msgmnb=16384\" and restart the controller".into()
        }
        Error::ReplyQueue { key } => format!("use --key {}", key.get() - 1),
        _ => return None,
    })
}

fn continue_or_doctor(queue: &Waiting) -> String {
    match queue.pid {
        Some(pid) => format!("if it was stopped, run \"kill -CONT {pid}\""),
        None => "run \"led doctor\"".into(),
    }
}

/// How a user gets the permission that a queue gives to its group.
pub(crate) fn permission_advice(permissions: &NamedPermissions, access: Access) -> String {
    let group = &permissions.group;
    if !permissions.permit_group(access) {
        "its mode does not permit its group; run this as its owner, or give the controller another --mode".into()
    } else if permissions.permissions.group == 0 {
        "run this as root, or restart the controller with --group GROUP, of which you are a member"
            .into()
    } else {
        format!("run \"sudo usermod -aG {group} $USER\" and log in again")
    }
}

/// How to reach another controller, of this machine or outside of this IPC namespace, or to start one.
pub(crate) fn find_or_start(key: Key) -> String {
    if let Some(others) = others(key) {
        format!(
            "use a --key that \"led list\" shows ({others}), or {}",
            start(key)
        )
    } else if is_in_container() {
        "this is an IPC namespace of its own, which shows no queue from outside: to command a controller outside of this \
         container, start the container with --ipc=host"
            .into()
    } else {
        start(key)
    }
}

/// The first keys of other controllers; none if no other one is known to run.
fn others(key: Key) -> Option<String> {
    let mut others = controllers(None).ok()?;
    others.retain(|(_, view)| view.key != key && view.holder != Holder::Ended);
    let is_cut = others.len() > OTHERS_SHOWN;
    others.truncate(OTHERS_SHOWN);
    let mut shown: Vec<String> = others
        .iter()
        .map(|(_, view)| view.key.to_string())
        .collect();
    shown.extend(is_cut.then(|| "…".into()));
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// How to start a controller: its unit, or the program, which is in the directory of this program and need not be in PATH.
fn start(key: Key) -> String {
    if let Some(unit) = Unit::of(key).filter(Unit::is_installed) {
        return format!("run \"sudo systemctl start {unit}\"");
    }
    let beside = env::current_exe()
        .ok()
        .map(|program| program.with_file_name("controller"));
    let controller = beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| "controller".into());
    let controller = controller.display();
    if key == Key::DEFAULT {
        format!("run \"{controller}\", with --simulate if there is no LED")
    } else {
        // Require a line: the default one belongs to the first LED.
        format!("run \"{controller} --key {key} --line LINE\", with --simulate if there is no LED")
    }
}

/// Whether this process has an IPC namespace of its own, as in a container, see ipc_namespaces(7).
fn is_in_container() -> bool {
    fs::metadata("/proc/self/ns/ipc").is_ok_and(|found| found.ino() != FIRST_IPC_NAMESPACE)
}
