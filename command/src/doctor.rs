//! `doctor`: all that is between the person at the terminal and the LED, looked at in order.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::{Command as Process, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use gpiod::{Chip, LineInfo};
use shared::{
    Access, Info, Key, Line, TEXT_MAX,
    account::{self, Group, User},
    lock::Holder,
};

use crate::{
    Error, error,
    queues::{Failure, Target},
    status::{self, Sight, Words},
};

const UNIT: &str = "led-controller.service";
/// How long systemctl is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the LED is if nobody says otherwise.
const DEFAULT_LINE: &str = "GPIO17";

/// What a check has found.
enum Finding {
    /// It is well.
    Well(String),
    /// It does not apply here.
    Absent(String),
    /// What is wrong, and what to do.
    Unwell(String),
}

use Finding::{Absent, Unwell, Well};

/// Prints a line for each check.
pub(crate) fn run(target: &Target, timeout: Duration) -> Result<(), Error> {
    let key = target.key;
    let sight = Sight::of(target);
    let (mut unwell, mut printed) = (0, Ok(()));
    let mut tell = |name: &str, finding: Finding| {
        let (style, mark, text) = match finding {
            Well(text) => (AnsiColor::Green.on_default(), "ok", text),
            Absent(text) => (Style::new().dimmed(), "-", text),
            Unwell(text) => {
                unwell += 1;
                (AnsiColor::Red.on_default().bold(), "FAIL", text)
            }
        };
        let line = writeln!(anstream::stdout(), "{style}{mark:<5}{style:#}{name:<12}{text}");
        // All is looked at for the exit status, also where nobody reads to the end.
        if printed.is_ok() {
            printed = line;
        }
    };
    tell("queue", queue(target, &sight));
    tell("send", permission(target, &sight, Access::Send));
    tell("receive", permission(target, &sight, Access::Receive));
    let (answer, finding) = controller(target, &sight, timeout);
    tell("controller", finding);
    let info = answer.as_deref().and_then(Info::decode);
    tell("unit", unit(key, info.is_some()));
    tell("line", line(info.as_ref()));
    tell("group", group(&sight));
    tell("limits", limits(&sight));
    if unwell == 0 { printed.map_err(Error::Output) } else { Err(Error::Unwell(unwell)) }
}

fn queue(target: &Target, sight: &Sight) -> Finding {
    let Some(status) = sight.queue else { return Unwell(Error::NotRunning { key: sight.key }.to_string()) };
    if !target.trusts(status.creator) {
        return Unwell(Error::Untrusted { key: sight.key, creator: status.creator }.to_string());
    }
    let (owner, group) = (User(status.permissions.owner), Group(status.permissions.group));
    let text = format!(
        "key {}: owner {owner}, group {group}, mode {}; {}",
        sight.key,
        status.permissions.mode,
        error::waiting(&status)
    );
    let room = status.limit.saturating_sub(status.bytes);
    if status.limit < 16 * TEXT_MAX as u64 {
        Unwell(format!("{text}; it holds {} bytes only: restart its controller", status.limit))
    } else if room < TEXT_MAX as u64 {
        Unwell(format!("{text}, and it is full; {}", error::last_received(&status)))
    } else {
        Well(text)
    }
}

/// Whether commands may be sent, or answers received.
fn permission(target: &Target, sight: &Sight, access: Access) -> Finding {
    let key = if access == Access::Send { sight.key } else { sight.key.reply() };
    if sight.queue.is_none() {
        return Absent("there is no queue".into());
    }
    let opened = match access {
        Access::Send => target.open_commands().map(Some),
        _ => target.open_replies(),
    };
    match opened {
        Ok(Some(_)) => Well(format!("permitted (key {key})")),
        Err(Failure::Final(error)) => Unwell(error.to_string()),
        Ok(None) | Err(Failure::NoReplies(_)) => Unwell(Error::NoReplies { key: sight.key }.to_string()),
        Err(Failure::Gone | Failure::NotReady) => Absent("the controller starts or ends just now".into()),
    }
}

/// Who holds the lock, and how fast it answers.
fn controller(target: &Target, sight: &Sight, timeout: Duration) -> (Option<Box<shared::Message>>, Finding) {
    if sight.queue.is_none() {
        return match sight.server {
            Holder::Process(pid) => (
                None,
                Unwell(format!(
                    "PID {pid} holds the lock of key {}, and has no queue: it starts or ends just now, or stands still",
                    sight.key
                )),
            ),
            _ => (None, Absent("nobody holds its lock".into())),
        };
    }
    let start = Instant::now();
    let answer = status::ask(target, timeout);
    let took = start.elapsed();
    match (answer, sight.server) {
        (Ok(answer), server) => {
            let told = Info::decode(&answer);
            let state = told.map(|info| Words(info.state).to_string()).unwrap_or_default();
            let who = match server {
                Holder::Process(pid) => format!("PID {pid}"),
                _ => told.map(|info| format!("PID {} by its own count", info.pid)).unwrap_or_default(),
            };
            let text = format!("{who} answers within {:.1} ms: {state}", took.as_secs_f64() * 1000.0);
            (Some(answer), Well(text))
        }
        (Err(error), _) => (None, Unwell(error.to_string())),
    }
}

/// The unit, where systemd runs: it serves the default key.
fn unit(key: Key, is_answered: bool) -> Finding {
    if !Path::new("/run/systemd/system").exists() {
        return Absent("systemd does not run here".into());
    }
    if key != Key::DEFAULT {
        return Absent(format!("{UNIT} serves key {}", Key::DEFAULT));
    }
    let properties = "--property=LoadState,UnitFileState,ActiveState,SubState,Result";
    let shown = match output_in_time(Process::new("systemctl").args(["show", UNIT, properties])) {
        Ok(Some(output)) if output.stdout.is_empty() => {
            return Unwell(format!("systemctl: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(Some(output)) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(None) => return Unwell(format!("systemctl does not answer within {PATIENCE:?}")),
        Err(error) => return Unwell(format!("systemctl: {error}")),
    };
    let get = |name| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    let state = format!("{} ({})", get("ActiveState"), get("SubState"));
    match (get("LoadState"), get("ActiveState")) {
        ("not-found", _) if is_answered => Absent(format!("{UNIT} is not installed; this controller runs without it")),
        ("not-found", _) => Unwell(format!("{UNIT} is not installed: it is in the package led-controller")),
        (_, "active") => Well(format!("{UNIT} is {state}, {} at boot", get("UnitFileState"))),
        // Between two attempts it is activating.
        (_, "failed" | "activating") => Unwell(format!(
            "{UNIT} is {state}, {}: `journalctl -u led-controller -n 20` says why, `sudo systemctl restart \
             led-controller` tries again",
            get("Result")
        )),
        _ if is_answered => Absent(format!("{UNIT} is {state}; this controller runs without it")),
        _ => Unwell(format!("{UNIT} is {state}: `sudo systemctl start led-controller` starts it")),
    }
}

/// What a program prints, if it ends in time. It prints less than a pipe holds.
fn output_in_time(program: &mut Process) -> io::Result<Option<Output>> {
    let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.wait_with_output().map(Some)
}

/// Where a line is, and who holds it.
struct Found {
    place: String,
    info: LineInfo,
}

/// The controller's line, or the default one.
fn line(info: Option<&Info<'_>>) -> Finding {
    let told = match info {
        Some(Info { line: None, .. }) => return Absent("the LED is simulated".into()),
        Some(Info { line, .. }) => *line,
        None => None,
    };
    let name = told.map_or(DEFAULT_LINE, |line| line.name);
    let mut paths = Chip::list_devices().unwrap_or_default();
    if paths.is_empty() && told.is_none() {
        return Unwell("there is no GPIO chip (no /dev/gpiochip*); `controller --simulate` runs without one".into());
    }
    paths.sort();
    let (mut looked_at, mut found) = (Vec::new(), Vec::new());
    for path in paths {
        match Chip::new(&path) {
            Ok(chip) => {
                found.extend(find(&chip, name, told));
                looked_at.push(format!("{} ({}, {} lines)", chip.name(), chip.label(), chip.num_lines()));
            }
            Err(error) => looked_at.push(format!("{}: {error}", path.display())),
        }
    }
    let looked_at = looked_at.join(", ");
    match (&found[..], told) {
        ([found], _) => holder(found, told),
        // That this user may not open the chip is no trouble: only the controller needs it.
        (_, Some(line)) => {
            Absent(format!("the controller has {name} of {} ({}); seen from here: {looked_at}", line.chip, line.label))
        }
        // The controller knows more than a name: which chip is a Pi's header, and its numbers where it has no names.
        (found, None) => Absent(format!("{} lines are named {name}; looked at {looked_at}", found.len())),
    }
}

fn find(chip: &Chip, name: &str, told: Option<Line<'_>>) -> Option<Found> {
    let is_it = |offset: u32, info: &LineInfo| match told {
        Some(line) => (chip.name(), offset) == (line.chip, line.offset),
        None => info.name == name,
    };
    (0..chip.num_lines()).find_map(|offset| {
        let info = chip.line_info(offset).ok().filter(|info| is_it(offset, info))?;
        Some(Found { place: format!("{name} (offset {offset} of {}, {})", chip.name(), chip.label()), info })
    })
}

fn holder(found: &Found, told: Option<Line<'_>>) -> Finding {
    let Found { place, info } = found;
    match told {
        Some(_) if info.used && info.consumer == Line::CONSUMER => {
            Well(format!("{place} is held by \"{}\"", info.consumer))
        }
        Some(_) => Unwell(format!("{place} is not held by the controller that says so: restart it")),
        None if info.used => {
            Unwell(format!("{place} is held by \"{}\": end that, or give the controller another --line", info.consumer))
        }
        None => Well(format!("{place} is free")),
    }
}

/// Whether this session is in the group that the queue is for.
fn group(sight: &Sight) -> Finding {
    let (user, groups) = (account::own_user(), account::own_groups());
    let Some(permissions) = sight.queue.map(|queue| queue.permissions) else {
        return Absent("there is no queue".into());
    };
    let group = Group(permissions.group);
    if user == 0 || user == permissions.owner {
        Absent(format!("{} needs none", User(user)))
    } else if permissions.mode.bits() & 0o002 != 0 {
        Absent("the queue is for everybody".into())
    } else if permissions.mode.bits() & 0o020 == 0 {
        Absent(format!("the queue is not for its group, {group}"))
    } else if groups.contains(&group.0) {
        Well(format!("this session is in group {group}"))
    } else if group.has(User(user)) {
        Unwell(format!("{} is in group {group}, but this session is older than that: log in again", User(user)))
    } else {
        Unwell(format!("{} is not in group {group}: {}", User(user), error::advice(&permissions, 0o020)))
    }
}

/// The kernel's limits on queues, see sysvipc(7).
fn limits(sight: &Sight) -> Finding {
    let limit = |name| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.ok().and_then(|text| text.trim().parse::<usize>().ok())
    };
    let (Some(msgmax), Some(msgmnb), Some(msgmni)) = (limit("msgmax"), limit("msgmnb"), limit("msgmni")) else {
        return Unwell("/proc/sys/kernel/msg* cannot be read".into());
    };
    let queues = fs::read_to_string("/proc/sysvipc/msg").map_or(0, |list| list.lines().skip(1).count());
    if msgmax < TEXT_MAX {
        Unwell(format!("a message has {msgmax} bytes at most: `sudo sysctl kernel.msgmax=8192`"))
    } else if msgmnb < 16 * TEXT_MAX {
        Unwell(format!("a new queue holds {msgmnb} bytes only: `sudo sysctl kernel.msgmnb=16384`"))
    } else if sight.queue.is_none() && queues + 2 > msgmni {
        Unwell(format!(
            "{queues} queues of {msgmni} are there: `ipcs -q` lists them, `sudo sysctl kernel.msgmni=32000`"
        ))
    } else {
        Well(format!("kernel.msgmax {msgmax}, kernel.msgmnb {msgmnb}, {queues} queues of kernel.msgmni {msgmni}"))
    }
}
