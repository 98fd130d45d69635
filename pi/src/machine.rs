//! The machine: power, serial console, and a probe on the pin.

mod monitor;
mod pin;
mod serial;

use std::{
    fs,
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{Error, gpiod::Gpiod, parts::Parts, run::text};
pub(crate) use monitor::Monitor;
pub(crate) use pin::{Function, Pin};
use serial::Serial;

/// How long to wait for a boot, a command or a level. The machine may be shared.
const PATIENCE: Duration = Duration::from_secs(240);

/// Makes the mini UART a console of the kernel too: otherwise QEMU's stops working after an init opened and closed it.
pub(crate) const MINI_UART_CONSOLE: &str = "console=ttyS1,115200 quiet";

/// What a Pi boots with.
#[derive(Clone)]
pub(crate) struct Setup {
    /// The file system, in memory.
    pub(crate) initramfs: PathBuf,
    /// Arguments for the kernel.
    pub(crate) arguments: String,
    /// Instead of that of the kernel's package.
    pub(crate) device_tree: Option<PathBuf>,
    /// The content of an SD card.
    pub(crate) card: Option<PathBuf>,
}

impl Setup {
    pub(crate) fn new(initramfs: PathBuf, arguments: &str) -> Setup {
        Setup {
            initramfs,
            arguments: arguments.to_owned(),
            device_tree: None,
            card: None,
        }
    }

    pub(crate) fn of_debian(initramfs: PathBuf) -> Setup {
        // QEMU takes turns with four CPUs, and a boot takes a fifth longer than with one.
        let quiet = format!("{MINI_UART_CONSOLE} maxcpus=1 systemd.show_status=0");
        Setup::new(initramfs, &quiet)
    }

    /// QEMU with this setup. Its sockets and the output of the kernel's console are in this folder. If this process is killed
    /// and drops nothing, QEMU has this signal.
    pub(crate) fn qemu(
        &self,
        parts: &Parts,
        folder: &Path,
        signal: &str,
    ) -> Result<Command, Error> {
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", signal, "qemu-system-aarch64"])
            .args(["-M", "raspi3b", "-m", "1G", "-accel", "tcg,thread=single"])
            .args(["-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(&parts.kernel)
            .arg("-dtb")
            .arg(self.device_tree.as_ref().unwrap_or(&parts.device_tree))
            .arg("-initrd")
            .arg(&self.initramfs);
        if let Some(card) = &self.card {
            let drive = format!("if=sd,format=raw,file={}", text(card)?);
            qemu.args(["-drive", &drive]);
        }
        // A released output keeps its level, as on a Pi 5.
        let fixed =
            "console=ttyAMA0,115200 console=ttyAMA1,115200 pinctrl_bcm2835.persist_gpio_outputs=1";
        qemu.args(["-append", &format!("{fixed} {}", self.arguments)]);
        let monitor = format!(
            "unix:{},server=on,wait=off",
            text(&Monitor::socket(folder))?
        );
        qemu.args(["-qmp", &monitor]);
        let console = format!("file:{}", text(&console(folder))?);
        qemu.args(["-serial", &console]);
        Ok(qemu)
    }
}

fn console(folder: &Path) -> PathBuf {
    folder.join("console")
}

/// The kernel's output on its console.
fn said(folder: &Path) -> String {
    fs::read(console(folder))
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .unwrap_or_default()
}

/// Whether the Pi has halted, as one that waits for its power to be cut. A reboot ends here too.
pub(crate) fn is_down(folder: &Path) -> bool {
    said(folder).contains("reboot: ")
}

/// A folder for QEMU. The path of a socket must be short.
pub(crate) fn folder() -> Result<TempDir, Error> {
    Ok(tempfile::Builder::new().prefix("pi-").tempdir()?)
}

/// A running Pi. It is switched off when this is dropped.
pub(crate) struct Machine {
    /// The version of gpiod on it.
    pub(crate) gpiod: Gpiod,
    qemu: Child,
    serial: Serial,
    monitor: Monitor,
    folder: TempDir,
}

impl Machine {
    /// Boots, and waits for the shell.
    pub(crate) fn boot(parts: &Parts, setup: &Setup) -> Result<Machine, Error> {
        let folder = folder()?;
        let serial = folder.path().join("serial");
        let mut qemu = setup.qemu(parts, folder.path(), "KILL")?;
        let socket = format!("unix:{},server=on,wait=on", text(&serial)?);
        qemu.args(["-serial", &socket])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut qemu = qemu.spawn().map_err(|error| format!("setpriv: {error}"))?;
        let connected = Serial::connect(&serial, &mut qemu)
            .and_then(|serial| Ok((serial, Monitor::connect(folder.path(), &mut qemu)?)));
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
            folder,
        };
        if let Err(error) = machine.serial.wait_for_shell() {
            let said = said(machine.folder.path());
            return Err(format!("{error}; the kernel's console:\n{said}").into());
        }
        // A program reads the output of this shell.
        machine.run("export NO_COLOR=1")?;
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

    pub(crate) fn is_down(&self) -> bool {
        is_down(self.folder.path())
    }

    /// Cuts the power: the emulator is killed.
    pub(crate) fn cut_power(&mut self) -> Result<(), Error> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    /// Reads the level and direction of GPIO17 from outside.
    pub(crate) fn pin(&mut self) -> Result<Pin, Error> {
        self.monitor.pin(17)
    }

    /// Reads a word of physical memory.
    pub(crate) fn word(&mut self, address: u32) -> Result<u32, Error> {
        self.monitor.word(address)
    }

    /// Reads another pin from outside, 0 to 31.
    pub(crate) fn pin_of(&mut self, number: u32) -> Result<Pin, Error> {
        self.monitor.pin(number)
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
