//! `doctor`: checks everything between the user and the LED.

mod kernel_led;
mod line;
mod unit;

use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use client::{NamedPermissions, StateText, Target, Waiting, messages_waiting};
use shared::{
    Access, Info, Place, Queue, TEXT_MAX,
    account::{self, Group, User},
    count,
};

use crate::{Error, advice::permission_advice, view::QueueView};

/// The result of a check.
enum Finding {
    Good(String),
    /// The check does not apply.
    Skipped(String),
    /// What is wrong, and the next step.
    Problem(String),
}

use Finding::{Good, Problem, Skipped};

/// Prints a line for each check. A problem that only follows from that of another check is printed as skipped.
pub(crate) fn run(target: &Target, timeout: Duration) -> Result<(), Error> {
    let view = QueueView::new(target);
    let send = permission(target, Access::Send);
    let receive = permission(target, Access::Receive);
    let (info, controller) = controller(target, &view, timeout);
    let unit = unit::check(target.key, info.is_some());
    let is_served = info.is_some() || view.holder.pid().is_some();
    let line = match info.as_ref().map(|info| &info.place) {
        Some(Place::Led(name)) => kernel_led::check(name, view.status.as_ref()),
        _ => line::check(info.as_ref(), is_served),
    };
    let queue = match queue(target, &view) {
        absent if view.status.is_none() => absent.unless(&[&unit], "no queue has its key"),
        found => found,
    };
    let group = group(&view);
    let controller = controller.unless(&[&queue, &send, &receive], "it cannot be asked");
    let receive = receive.unless(&[&queue, &group, &send], "as for send");
    let send = send.unless(&[&queue], "as for queue");
    let send = send.unless(&[&group], "see group");
    let findings = [
        ("queue", queue),
        ("send", send),
        ("receive", receive),
        ("controller", controller),
        ("unit", unit),
        ("line", line),
        ("group", group),
        ("limits", limits(&view)),
    ];
    let problems = findings
        .iter()
        .filter(|(_, finding)| finding.is_problem())
        .count();
    for (name, finding) in findings {
        let (style, mark, text) = match finding {
            Good(text) => (AnsiColor::Green.on_default(), "ok", text),
            Skipped(text) => (Style::new().dimmed(), "-", text),
            Problem(text) => (AnsiColor::Red.on_default().bold(), "FAIL", text),
        };
        let line = format_args!("{style}{mark:<5}{style:#}{name:<12}{text}");
        writeln!(anstream::stdout(), "{line}").map_err(|error| match problems {
            0 => Error::Output(error),
            // The reader has closed the pipe, but the exit status is still read.
            _ => Error::Problems(problems),
        })?;
    }
    match problems {
        0 => Ok(()),
        _ => Err(Error::Problems(problems)),
    }
}

impl Finding {
    fn is_problem(&self) -> bool {
        matches!(self, Problem(_))
    }

    /// This finding, unless it is a problem that follows from one of these.
    fn unless(self, causes: &[&Finding], consequence: &str) -> Finding {
        if self.is_problem() && causes.iter().any(|cause| cause.is_problem()) {
            Skipped(consequence.into())
        } else {
            self
        }
    }
}

fn problem(error: client::Error) -> Finding {
    Problem(Error::from(error).to_string())
}

fn queue(target: &Target, view: &QueueView) -> Finding {
    let key = view.key;
    let Some(status) = view.status else {
        return problem(client::Error::NotRunning { key });
    };
    if !target.trusts(status.creator) {
        return problem(client::Error::untrusted(key, status.creator));
    }
    let (owner, group) = (
        User(status.permissions.owner),
        Group(status.permissions.group),
    );
    let mode = status.permissions.mode;
    let text = format!(
        "key {key} ({key:#010x}): owner {owner}, group {group}, mode {mode}; {}",
        messages_waiting(status.messages)
    );
    let room = status.limit.saturating_sub(status.bytes);
    if status.limit < 16 * TEXT_MAX as u64 {
        Problem(format!(
            "{text}; it holds only {}: restart its controller",
            count(status.limit, "byte")
        ))
    } else if room < TEXT_MAX as u64 {
        // A full queue is a problem only if the controller does not reply, which another check reports.
        let waiting = Waiting::new(status, &view.holder);
        Skipped(format!("{text}; it is full, {}", waiting.received))
    } else {
        Good(text)
    }
}

/// Whether this user may send commands, or receive replies.
fn permission(target: &Target, access: Access) -> Finding {
    match target.check(access) {
        Ok(key) => Good(format!("permitted (key {key})")),
        Err(client::Error::NotRunning { .. }) => Skipped("there is no queue".into()),
        Err(client::Error::NotReady { .. }) => {
            Skipped("the controller is starting or ending".into())
        }
        Err(error) => problem(error),
    }
}

/// Which process serves the queue, and how fast it replies.
fn controller(target: &Target, view: &QueueView, timeout: Duration) -> (Option<Info>, Finding) {
    if view.status.is_none() {
        return (None, Skipped("there is no queue".into()));
    }
    let start = Instant::now();
    let asked = client::ask_info(target, timeout);
    let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
    match asked {
        Ok(info) => {
            let process = match view.holder.pid() {
                Some(pid) => format!("PID {pid}"),
                None => format!("PID {} as it reports", info.pid),
            };
            let text = format!(
                "{process} replies within {milliseconds:.1} ms: {}",
                StateText(info.light())
            );
            (Some(info), Good(text))
        }
        Err(error) => (None, problem(error)),
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
        let advice = permission_advice(&NamedPermissions::from(permissions), Access::Send);
        Problem(format!("{} is not in group {group}: {advice}", User(user)))
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
    let queues = Queue::keys().map_or(0, |keys| keys.len());
    if msgmax < TEXT_MAX {
        Problem(format!(
            "a message has at most {}: run \"sudo sysctl kernel.msgmax=8192\"",
            count(msgmax as u64, "byte")
        ))
    } else if msgmnb < 16 * TEXT_MAX {
        Problem(format!(
            "a new queue holds only {}: run \"sudo sysctl kernel.msgmnb=16384\"",
            count(msgmnb as u64, "byte")
        ))
    } else if view.status.is_none() && queues + 2 > msgmni {
        Problem(format!(
            "{} of at most {msgmni}: \"ipcs -q\" lists them, \"sudo sysctl kernel.msgmni=32000\" allows more",
            count(queues as u64, "queue")
        ))
    } else {
        Good(format!(
            "kernel.msgmax {msgmax}, kernel.msgmnb {msgmnb}, {} of kernel.msgmni {msgmni}",
            count(queues as u64, "queue")
        ))
    }
}
