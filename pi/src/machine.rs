//! The machine: power, serial console, and a probe on the pin.

mod monitor;
mod serial;

use std::{
    fmt, fs,
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use super::{gpiod::Gpiod, parts::Parts, text};
use crate::Error;
use monitor::Monitor;
use serial::Serial;

/// How long to wait for a boot, a command or a level. The machine may be shared.
const PATIENCE: Duration = Duration::from_secs(240);

/// Makes the mini UART a console of the kernel too: otherwise QEMU's stops working after an init opened and closed it.
pub(crate) const MINI_UART_CONSOLE: &str = "console=ttyS1,115200 quiet";

/// GPIO registers of the BCM2837: from the first one on the functions of ten pins each, three bits for each; and the levels of
/// pins 0 to 31.
const GPFSEL0: u32 = 0x3f20_0000;
const GPLEV0: u32 = 0x3f20_0034;

/// Level and direction of the pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pin {
    pub(crate) high: bool,
    pub(crate) function: Function,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    Input,
    Output,
    Other(u32),
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}, {}", u8::from(self.high), self.function)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Function::Input => f.write_str("input"),
            Function::Output => f.write_str("output"),
            Function::Other(function) => write!(f, "function {function}"),
        }
    }
}

/// A running Pi. It is switched off when this is dropped.
pub(crate) struct Machine {
    /// The version of gpiod on it.
    pub(crate) gpiod: Gpiod,
    qemu: Child,
    serial: Serial,
    monitor: Monitor,
    console: PathBuf,
    _folder: TempDir,
}

impl Machine {
    /// Boots this file system in memory, and waits for the shell. `arguments` are for the kernel.
    pub(crate) fn boot(
        parts: &Parts,
        device_tree: &Path,
        initramfs: &Path,
        arguments: &str,
    ) -> Result<Machine, Error> {
        Machine::boot_with(parts, device_tree, initramfs, arguments, &[])
    }

    /// The same with an SD card, whose content is this file.
    pub(crate) fn boot_with_card(
        parts: &Parts,
        initramfs: &Path,
        arguments: &str,
        card: &Path,
    ) -> Result<Machine, Error> {
        let card = format!("if=sd,format=raw,file={}", text(card)?);
        Machine::boot_with(
            parts,
            &parts.device_tree,
            initramfs,
            arguments,
            &["-drive", &card],
        )
    }

    fn boot_with(
        parts: &Parts,
        device_tree: &Path,
        initramfs: &Path,
        arguments: &str,
        devices: &[&str],
    ) -> Result<Machine, Error> {
        let start = Instant::now();
        // The path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("pi-").tempdir()?;
        let [serial, monitor, console] =
            ["serial", "monitor", "console"].map(|name| folder.path().join(name));
        // If this process is killed and drops nothing, QEMU ends too.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-aarch64"]);
        qemu.args([
            "-M",
            "raspi3b",
            "-m",
            "1G",
            "-accel",
            "tcg,thread=single",
            "-display",
            "none",
            "-no-reboot",
        ]);
        qemu.args(devices);
        qemu.arg("-kernel")
            .arg(&parts.kernel)
            .arg("-dtb")
            .arg(device_tree)
            .arg("-initrd")
            .arg(initramfs);
        // A released output keeps its level, as on a Pi 5.
        let fixed =
            "console=ttyAMA0,115200 console=ttyAMA1,115200 pinctrl_bcm2835.persist_gpio_outputs=1";
        qemu.args(["-append", &format!("{fixed} {arguments}")]);
        qemu.args(["-serial", &format!("file:{}", text(&console)?)]);
        qemu.args([
            "-serial",
            &format!("unix:{},server=on,wait=on", text(&serial)?),
        ]);
        qemu.args([
            "-qmp",
            &format!("unix:{},server=on,wait=off", text(&monitor)?),
        ]);
        let qemu = qemu
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut qemu = qemu.map_err(|error| format!("setpriv: {error}"))?;
        let connected = Serial::connect(&serial, &mut qemu)
            .and_then(|serial| Ok((serial, Monitor::connect(&monitor, &mut qemu)?)));
        let (serial, monitor) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                return Err(error);
            }
        };
        let mut machine = Machine {
            gpiod: parts.suite.gpiod(),
            qemu,
            serial,
            monitor,
            console,
            _folder: folder,
        };
        if let Err(error) = machine.serial.wait_for_shell() {
            return Err(format!("{error}; the kernel's console:\n{}", machine.console()).into());
        }
        // A program reads the output of this shell.
        machine.run("export NO_COLOR=1")?;
        println!(
            "booted in {:.1} s: {}",
            start.elapsed().as_secs_f32(),
            machine.run("uname -srm")?.trim()
        );
        Ok(machine)
    }

    /// Runs a line of shell, and returns its output if it succeeds.
    pub(crate) fn run(&mut self, line: &str) -> Result<String, Error> {
        match self.try_run(line)? {
            (0, said) => Ok(said),
            (status, said) => Err(format!("{line}: exit status {status}: {said}").into()),
        }
    }

    /// Runs a line of shell, and returns its exit status and output.
    pub(crate) fn try_run(&mut self, line: &str) -> Result<(i32, String), Error> {
        self.serial.run(line)
    }

    /// Types a line whose end is not awaited, because the machine goes down.
    pub(crate) fn type_without_wait(&mut self, line: &str) -> Result<(), Error> {
        Ok(writeln!(self.serial.reader.get_ref(), "{line}")?)
    }

    /// The kernel's output on its console.
    pub(crate) fn console(&self) -> String {
        fs::read(&self.console)
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .unwrap_or_default()
    }

    /// Whether it has halted, as a Pi that waits for its power to be cut. A reboot ends here too.
    pub(crate) fn is_down(&self) -> bool {
        self.console().contains("reboot: ")
    }

    /// The other end of the mini UART, without a timeout, for a user.
    pub(crate) fn serial(&self) -> Result<UnixStream, Error> {
        let serial = self.serial.reader.get_ref().try_clone()?;
        serial.set_read_timeout(None)?;
        Ok(serial)
    }

    /// Cuts the power: the emulator is killed.
    pub(crate) fn cut_power(&mut self) -> Result<(), Error> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    /// Reads the level and direction of GPIO17 from outside.
    pub(crate) fn pin(&mut self) -> Result<Pin, Error> {
        self.pin_of(17)
    }

    /// Reads another pin from outside, 0 to 31.
    pub(crate) fn pin_of(&mut self, number: u32) -> Result<Pin, Error> {
        let functions = self.monitor.register(GPFSEL0 + number / 10 * 4)?;
        let function = match functions >> (number % 10 * 3) & 0b111 {
            0 => Function::Input,
            1 => Function::Output,
            other => Function::Other(other),
        };
        Ok(Pin {
            high: self.monitor.register(GPLEV0)? >> number & 1 == 1,
            function,
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.monitor.execute("quit", &json!({}));
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn connect(path: &Path, qemu: &mut Child) -> Result<UnixStream, Error> {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if start.elapsed() > PATIENCE => {
                return Err(format!("{}: {error}", path.display()).into());
            }
            Err(_) if qemu.try_wait()?.is_some() => return Err("QEMU did not start".into()),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
