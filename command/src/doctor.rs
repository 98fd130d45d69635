//! `doctor`: checks everything between the user and the LED, in order.

mod line;
mod unit;

use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use client::{Error, StateText, Target, advice};
use shared::{
    Access, Info, TEXT_MAX,
    account::{self, Group, User},
    lock::Holder,
};

use crate::view::QueueView;

/// The result of a check.
enum Finding {
    Good(String),
    /// The check does not apply.
    Skipped(String),
    /// What is wrong, and the next step.
    Problem(String),
}

use Finding::{Good, Problem, Skipped};

/// Prints a line for each check.
pub(crate) fn run(target: &Target, timeout: Duration) -> Result<(), crate::Error> {
    let view = QueueView::new(target);
    let (mut problems, mut printed) = (0, Ok(()));
    let mut report = |name: &str, finding: Finding| {
        let (style, mark, text) = match finding {
            Good(text) => (AnsiColor::Green.on_default(), "ok", text),
            Skipped(text) => (Style::new().dimmed(), "-", text),
            Problem(text) => {
                problems += 1;
                (AnsiColor::Red.on_default().bold(), "FAIL", text)
            }
        };
        let line = writeln!(
            anstream::stdout(),
            "{style}{mark:<5}{style:#}{name:<12}{text}"
        );
        // If the reader has gone, the checks go on for the exit status.
        if printed.is_ok() {
            printed = line;
        }
    };
    report("queue", queue(target, &view));
    report("send", permission(target, &view, Access::Send));
    report("receive", permission(target, &view, Access::Receive));
    let (info, finding) = controller(target, &view, timeout);
    report("controller", finding);
    report("unit", unit::check(target.key, info.is_some()));
    report("line", line::check(info.as_ref()));
    report("group", group(&view));
    report("limits", limits(&view));
    if problems == 0 {
        printed.map_err(crate::Error::Output)
    } else {
        Err(crate::Error::Problems(problems))
    }
}

fn queue(target: &Target, view: &QueueView) -> Finding {
    let Some(status) = view.status else {
        return Problem(Error::NotRunning { key: view.key }.to_string());
    };
    if !target.trusts(status.creator) {
        return Problem(
            Error::Untrusted {
                key: view.key,
                creator: status.creator,
            }
            .to_string(),
        );
    }
    let (owner, group) = (
        User(status.permissions.owner),
        Group(status.permissions.group),
    );
    let mode = status.permissions.mode;
    let text = format!(
        "key {}: owner {owner}, group {group}, mode {mode}; {}",
        view.key,
        advice::waiting(&status)
    );
    let room = status.limit.saturating_sub(status.bytes);
    if status.limit < 16 * TEXT_MAX as u64 {
        Problem(format!(
            "{text}; it holds only {} bytes: restart its controller",
            status.limit
        ))
    } else if room < TEXT_MAX as u64 {
        Problem(format!(
            "{text}; it is full, {}",
            advice::last_received(&status)
        ))
    } else {
        Good(text)
    }
}

/// Whether this user may send commands, or receive replies.
fn permission(target: &Target, view: &QueueView, access: Access) -> Finding {
    let key = if access == Access::Send {
        view.key
    } else {
        view.key.reply()
    };
    if view.status.is_none() {
        return Skipped("there is no queue".into());
    }
    let opened = match access {
        Access::Send => target.open_commands().map(Some),
        _ => target.open_replies(),
    };
    match opened {
        Ok(Some(_)) => Good(format!("permitted (key {key})")),
        Ok(None) => Problem(Error::NoReplies { key: view.key }.to_string()),
        Err(Error::NotRunning { .. } | Error::NotReady { .. }) => {
            Skipped("the controller is starting or ending".into())
        }
        Err(error) => Problem(error.to_string()),
    }
}

/// Which process serves the queue, and how fast it replies.
fn controller(target: &Target, view: &QueueView, timeout: Duration) -> (Option<Info>, Finding) {
    if view.status.is_none() {
        let finding = match view.holder {
            Holder::Process(pid) => {
                let key = view.key;
                Problem(format!(
                    "PID {pid} holds the lock of key {key} without a queue: it is starting, ending or stopped"
                ))
            }
            _ => Skipped("no process holds the lock".into()),
        };
        return (None, finding);
    }
    let start = Instant::now();
    let asked = client::status(target, timeout);
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    match asked {
        Ok(info) => {
            let process = match view.holder {
                Holder::Process(pid) => format!("PID {pid}"),
                _ => format!("PID {} as it reports", info.pid),
            };
            let text = format!(
                "{process} replies within {milliseconds:.1} ms: {}",
                StateText(info.state)
            );
            (Some(info), Good(text))
        }
        Err(error) => (None, Problem(error.to_string())),
    }
}

/// Whether this session is in the group of the queue.
fn group(view: &QueueView) -> Finding {
    let (user, groups) = (account::own_user(), account::own_groups());
    let Some(permissions) = view.status.map(|status| status.permissions) else {
        return Skipped("there is no queue".into());
    };
    let group = Group(permissions.group);
    if user == 0 || user == permissions.owner {
        Skipped(format!("{} needs no group", User(user)))
    } else if permissions.mode.bits() & 0o002 != 0 {
        Skipped("all users may send".into())
    } else if permissions.mode.bits() & 0o020 == 0 {
        Skipped(format!("the mode does not permit the group, {group}"))
    } else if groups.contains(&group.0) {
        Good(format!("this session is in group {group}"))
    } else if group.has(User(user)) {
        Problem(format!(
            "{} is in group {group}, but this session began before that: log in again",
            User(user)
        ))
    } else {
        Problem(format!(
            "{} is not in group {group}: {}",
            User(user),
            advice::permission_advice(&permissions, 0o020)
        ))
    }
}

/// The kernel's limits of queues, see sysvipc(7).
fn limits(view: &QueueView) -> Finding {
    let limit = |name| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.ok().and_then(|text| text.trim().parse::<usize>().ok())
    };
    let (Some(msgmax), Some(msgmnb), Some(msgmni)) =
        (limit("msgmax"), limit("msgmnb"), limit("msgmni"))
    else {
        return Problem("cannot read /proc/sys/kernel/msg*".into());
    };
    let queues =
        fs::read_to_string("/proc/sysvipc/msg").map_or(0, |list| list.lines().skip(1).count());
    if msgmax < TEXT_MAX {
        Problem(format!(
            "a message has at most {msgmax} bytes: run \"sudo sysctl kernel.msgmax=8192\""
        ))
    } else if msgmnb < 16 * TEXT_MAX {
        Problem(format!(
            "a new queue holds only {msgmnb} bytes: run \"sudo sysctl kernel.msgmnb=16384\""
        ))
    } else if view.status.is_none() && queues + 2 > msgmni {
        Problem(format!(
            "{queues} of at most {msgmni} queues exist: \"ipcs -q\" lists them, \"sudo sysctl kernel.msgmni=32000\" allows more"
        ))
    } else {
        Good(format!(
            "kernel.msgmax {msgmax}, kernel.msgmnb {msgmnb}, {queues} queues of kernel.msgmni {msgmni}"
        ))
    }
}
