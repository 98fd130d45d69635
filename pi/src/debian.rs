//! A whole Debian for the Pi, with the package installed by apt, as a file system in memory.
//!
//! Needs root: it runs programs for arm64 in a chroot, with qemu-user and binfmt_misc.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::{apt::Apt, archive, run, suite::Suite};
use crate::Error;

const PACKAGES: &str = "systemd-sysv,udev,dbus,libpam-systemd,gpiod,procps,util-linux,kmod,mosquitto,mosquitto-clients";

/// A root shell on the mini UART, where the scenes type.
const SHELL: &str = "\
[Unit]
Description=Shell on the mini UART
DefaultDependencies=no
After=sysinit.target

[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
ExecStart=/bin/sh -c 'stty raw -echo -opost; dmesg -n 1; cd /root; while :; do cat | sh; done'
Environment=HOME=/root SYSTEMD_COLORS=0
KillMode=process

[Install]
WantedBy=basic.target
";

/// A program that takes the line before the service does, if the kernel's command line requests it.
const HOLD_LINE: &str = "\
[Unit]
Description=Hold GPIO17
ConditionKernelCommandLine=hold_line
DefaultDependencies=no
After=sysinit.target
Before=led-controller.service

[Service]
ExecStart=/usr/bin/HOLD
ExecStartPost=/bin/sh -c 'until INFO | grep -q gpioset; do sleep 0.1; done'

[Install]
WantedBy=basic.target
";

/// Longer timeouts: the emulator is many times slower than a Pi, and the machine may be shared. For all services, because a
/// file with the package's name would look like a file that the package left.
const SLOW: &str = "\
[Unit]
StartLimitIntervalSec=150

[Service]
TimeoutStartSec=90
";

/// The packages that the scenes install.
pub(crate) struct Packages<'a> {
    pub(crate) first: &'a Path,
    /// An upgrade of the first.
    pub(crate) second: &'a Path,
    pub(crate) mqtt: &'a Path,
}

impl<'a> Packages<'a> {
    pub(crate) fn new(first: &'a str, second: &'a str, mqtt: &'a str) -> Packages<'a> {
        Packages {
            first: Path::new(first),
            second: Path::new(second),
            mqtt: Path::new(mqtt),
        }
    }
}

/// Installs the first package into a fresh Debian, adds the others, and packs the file system.
pub(crate) fn pack(suite: Suite, cache: &Path, packages: &Packages<'_>) -> Result<PathBuf, Error> {
    let root = Root::copy(suite, cache, "debian-with-package")?;
    let Packages {
        first,
        second,
        mqtt,
    } = packages;
    for (name, package) in [("first", first), ("second", second), ("mqtt", mqtt)] {
        root.put(&format!("root/{name}.deb"), &fs::read(package)?)?;
    }
    println!("installing the package");
    root.chroot("DEBIAN_FRONTEND=noninteractive apt-get install --yes /root/first.deb")?;
    root.chroot("useradd --create-home pi && usermod --append --groups gpio pi && useradd --create-home eve")?;
    let gpiod = suite.gpiod();
    let hold_line = HOLD_LINE
        .replace("HOLD", &gpiod.hold(0))
        .replace("INFO", &gpiod.info("gpiochip0"));
    root.enable("hold-line", &hold_line)?;
    root.archive(cache)
}

/// A copy of the Debian, to change and pack.
pub(crate) struct Root(PathBuf);

impl Root {
    /// A copy with a shell on the mini UART.
    pub(crate) fn copy(suite: Suite, cache: &Path, name: &str) -> Result<Root, Error> {
        let root = Root(cache.join(name));
        if root.0.exists() {
            fs::remove_dir_all(&root.0)?;
        }
        run(Command::new("cp")
            .arg("--archive")
            .arg(debian(suite, cache)?)
            .arg(&root.0))?;
        root.enable("shell", SHELL)?;
        root.put("etc/systemd/system/service.d/slow.conf", SLOW.as_bytes())?;
        // No login prompt on the shell's console.
        root.chroot("systemctl mask serial-getty@ttyS1")?;
        Ok(root)
    }

    pub(crate) fn chroot(&self, line: &str) -> Result<(), Error> {
        run(Command::new("chroot")
            .arg(&self.0)
            .args(["/bin/sh", "-ec", line]))
        .map(drop)
    }

    pub(crate) fn put(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().ok_or("a file is in a folder")?)?;
        Ok(fs::write(path, content)?)
    }

    /// Enables a systemd unit at boot.
    pub(crate) fn enable(&self, name: &str, unit: &str) -> Result<(), Error> {
        self.put(
            &format!("etc/systemd/system/{name}.service"),
            unit.as_bytes(),
        )?;
        self.chroot(&format!("systemctl enable {name}"))
    }

    pub(crate) fn archive(&self, cache: &Path) -> Result<PathBuf, Error> {
        // systemd's work at the first boot of a new /usr takes half a minute here.
        self.put("etc/.updated", b"")?;
        self.put("var/.updated", b"")?;
        archive(&self.0, &cache.join("debian.cpio"))
    }
}

/// A Debian without changes, created once.
fn debian(suite: Suite, cache: &Path) -> Result<PathBuf, Error> {
    let root = cache.join("debian");
    register_qemu()?;
    if fs::read_to_string(root.join("complete")).is_ok_and(|packages| packages == PACKAGES) {
        return Ok(root);
    }
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    println!(
        "creating a Debian {} for arm64; this takes some minutes",
        suite.name()
    );
    let apt = Apt::update(suite, cache)?;
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args([
        "--quiet",
        "--arch=arm64",
        "--variant=minbase",
        "--format=directory",
    ]);
    mmdebstrap
        .arg(format!("--include={PACKAGES}"))
        .args(["--dpkgopt=path-exclude=/usr/share/man/*"]);
    mmdebstrap.args([
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
    ]);
    run(mmdebstrap.arg(suite.name()).arg(&root).arg(&apt.sources))?;
    // The kernel starts /init in an initramfs, and no file system is on a disk.
    symlink("lib/systemd/systemd", root.join("init"))?;
    fs::write(root.join("etc/fstab"), "")?;
    // Debian's installer writes these too.
    fs::write(
        root.join("etc/hosts"),
        "127.0.0.1 localhost\n::1 localhost\n",
    )?;
    // The package lists are most of the size, and nothing here reads them.
    for folder in ["var/lib/apt/lists", "var/cache/apt"] {
        fs::remove_dir_all(root.join(folder))?;
        fs::create_dir_all(root.join(folder).join("partial"))?;
    }
    fs::create_dir_all(root.join("var/cache/apt/archives/partial"))?;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755))?;
    // A scene starts the broker.
    let root = Root(root);
    root.chroot("systemctl disable mosquitto")?;
    root.put("complete", PACKAGES.as_bytes())?;
    Ok(root.0)
}

/// Lets the kernel run programs for arm64 with qemu-user, in a chroot too.
fn register_qemu() -> Result<(), Error> {
    let registered = Path::new("/proc/sys/fs/binfmt_misc");
    if !registered.join("status").exists() {
        run(Command::new("mount")
            .args(["-t", "binfmt_misc", "binfmt_misc"])
            .arg(registered))?;
    }
    if !registered.join("qemu-aarch64").exists() {
        run(Command::new("update-binfmts").args(["--enable", "qemu-aarch64"]))?;
    }
    Ok(())
}
