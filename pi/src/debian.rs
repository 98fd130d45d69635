//! A whole Debian for the Pi, as a file system in memory.
//!
//! Needs root: it runs programs for arm64 in a chroot, with qemu-user and binfmt_misc.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    apt::Apt,
    cache::Cache,
    run::{archive, run, text},
    steps::step,
};

const PACKAGES: &str = "systemd-sysv,udev,dbus,libpam-systemd,gpiod,procps,util-linux,kmod,mosquitto,mosquitto-clients";

/// Without what takes long and nothing here reads. A large part of the time would be udev's database of hardware.
const OPTIONS: [&str; 7] = [
    "--arch=arm64",
    "--variant=minbase",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/lib/udev/hwdb.d/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
];

/// No file system is on a disk. Debian's installer writes names too, and not those of this machine.
const FILES: [(&str, &str); 4] = [
    ("etc/fstab", ""),
    ("etc/hostname", "raspberrypi\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/systemd/system/service.d/slow.conf", SLOW),
];

/// The package lists are most of the size, and nothing here reads them. A scene starts the broker.
const AFTER_INSTALLATION: &str = "\
rm -rf /var/lib/apt/lists /var/cache/apt
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
systemctl disable mosquitto
";

/// A package that is installed makes systemd read its units several times, and each time run all of these. Only the mounts
/// come from one.
const NO_GENERATORS: &str = "\
mkdir -p /etc/systemd/system-generators
cd /usr/lib/systemd/system-generators
for name in *; do
    [ $name = systemd-fstab-generator ] || ln -s /dev/null /etc/systemd/system-generators/$name
done
cd /
";

/// systemd's work at the first boot of a new /usr takes half a minute here.
const AT_LAST: &str = "touch /etc/.updated /var/.updated";

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

/// Longer timeouts: the emulator is many times slower than a Pi, and the machine may be shared. For all services, because a
/// file with the package's name would look like a file that the package left.
const SLOW: &str = "\
[Unit]
StartLimitIntervalSec=150

[Service]
TimeoutStartSec=90
";

/// What a Debian has beyond PACKAGES.
#[derive(Hash)]
pub(crate) struct Image {
    files: Vec<(String, Vec<u8>)>,
    /// Lines of shell, which run in it.
    script: String,
}

impl Image {
    /// With a shell on the mini UART, and no login prompt there.
    pub(crate) fn new() -> Image {
        let mut image = Image {
            files: Vec::new(),
            script: format!("{NO_GENERATORS}systemctl mask serial-getty@ttyS1\n"),
        };
        for (path, content) in FILES {
            image.put(path, content);
        }
        image.enable("shell", SHELL);
        image
    }

    pub(crate) fn put(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.files.push((path.to_owned(), content.into()));
    }

    /// Enables a systemd unit at boot.
    pub(crate) fn enable(&mut self, name: &str, unit: &str) {
        self.put(&format!("etc/systemd/system/{name}.service"), unit);
        self.run(&format!("systemctl enable {name}"));
    }

    pub(crate) fn run(&mut self, line: &str) {
        self.script += line;
        self.script.push('\n');
    }

    /// Packs it under this name.
    pub(crate) fn pack(&self, cache: &Cache, name: &str) -> Result<PathBuf, Error> {
        register_qemu()?;
        let debian = debian(cache)?;
        let created = fs::metadata(&debian)?.modified()?;
        cache.once(&format!("{name}.cpio"), &(created, AT_LAST, self), |file| {
            let what = format!("packing {name} with Debian {}", cache.suite.name());
            step(&what, || self.pack_from(&debian, file))
        })
    }

    fn pack_from(&self, debian: &Path, file: &Path) -> Result<(), Error> {
        let root = file.with_file_name("root");
        run(Command::new("cp").arg("--archive").args([debian, &root]))?;
        for (path, content) in &self.files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().ok_or("a file is in a folder")?)?;
            fs::write(path, content)?;
        }
        chroot(&root, &format!("{}{AT_LAST}", self.script))?;
        archive(&root, file)
    }
}

/// A Debian without changes, created once.
fn debian(cache: &Cache) -> Result<PathBuf, Error> {
    let made_from = (PACKAGES, OPTIONS, AFTER_INSTALLATION);
    cache.once("debian", &made_from, |root| {
        let apt = Apt::update(cache.suite, root.parent().ok_or("it has a folder")?)?;
        let name = format!("creating a Debian {} for arm64", cache.suite.name());
        step(&format!("{name}, which takes some minutes"), || {
            apt.install(&OPTIONS, PACKAGES, root)?;
            // The kernel starts /init in an initramfs.
            symlink("lib/systemd/systemd", root.join("init"))?;
            chroot(root, AFTER_INSTALLATION)
        })
    })
}

/// Runs lines of shell in a Debian, until one fails.
pub(crate) fn chroot(root: &Path, script: &str) -> Result<(), Error> {
    run(Command::new("chroot").args([text(root)?, "/bin/sh", "-ec", script])).map(drop)
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
