//! The Pi for a user: QEMU connects the terminal to its mini UART, and a line shows each change of the level of the pin.

pub(crate) mod scenes;

use std::{
    fs::File,
    io::{Write, stdout},
    thread,
    time::Duration,
};

use rustix::termios::tcgetwinsize;
use serde_json::json;

use crate::{
    Error, build,
    cache::Cache,
    device_tree, initramfs,
    machine::{self, MINI_UART_CONSOLE, Monitor, Setup},
    parts,
    steps::say,
    suite::Suite,
};

/// How often the pin is read.
const TICK: Duration = Duration::from_millis(50);

/// Connects the terminal with the machine until one of them ends.
pub(crate) fn connect_terminal() -> Result<(), Error> {
    let cache = Cache::of(Suite::chosen()?)?;
    let mut programs = build::programs()?;
    let parts = parts::fetch(&cache)?;
    programs.extend(initramfs::led_modules(&parts));
    let initramfs = initramfs::pack(&cache, &parts, "shell.cpio", &programs)?;
    let size = tcgetwinsize(stdout())?;
    // A terminal of unknown size reports 0.
    let or = |length, default| if length == 0 { default } else { length };
    let (rows, columns) = (or(size.ws_row, 24), or(size.ws_col, 80));
    // Kernel messages would mix with the input.
    let arguments = format!("{MINI_UART_CONSOLE} loglevel=1 ROWS={rows} COLUMNS={columns}");
    let folder = machine::folder()?;
    say("booting, which takes about ten seconds");

    // QEMU makes the terminal raw, and restores it at its end, also at that of this process. Its terminal does not block, so
    // this process opens it again.
    let mut terminal = File::options().write(true).open("/dev/stdout")?;
    let setup = Setup {
        device_tree: Some(device_tree::with_leds(&cache, &parts)?),
        ..Setup::new(initramfs, &arguments)
    };
    let mut qemu = setup
        .qemu(&parts, folder.path(), "TERM")?
        .args(["-serial", "mon:stdio"])
        .spawn()?;
    let mut monitor = Monitor::connect(folder.path(), &mut qemu)?;
    let mut was_high = false;
    while let Ok(pin) = monitor.pin(17) {
        if pin.high != was_high {
            was_high = pin.high;
            // The guest completes the line that it writes.
            thread::sleep(TICK);
            terminal.write_all(notice(was_high).as_bytes())?;
        }
        if machine::is_down(folder.path()) {
            let _ = monitor.execute("quit", &json!({}));
        }
        thread::sleep(TICK);
    }
    let status = qemu.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("QEMU ended with {status}").into())
    }
}

/// Inserts a line above that of the cursor, which moves down with the prompt and with what the user has typed.
fn notice(high: bool) -> String {
    let level = if high { "high" } else { "low" };
    format!("\x1bD\x1b[A\x1b7\r\x1b[Lpin 11: {level}\x1b8\x1b[B")
}
