//! The file system of the Pi: busybox, the gpiod tools, and our programs, in memory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{archive, parts::Parts, run};
use crate::Error;

/// The first process: a shell on the second serial port, the mini UART, where the scenes type. The programs are not on its
/// PATH: `command` is a builtin of the shell, and users type `./command`. For a user that shell exits, and busybox's init
/// replaces it, which adds job control and `poweroff`.
const INIT: &str = "\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo -opost
export PATH=/bin:/usr/bin HOME=/
cd /led
until sh; do :; done
exec init
";

/// The user's shell, on the same port.
const INITTAB: &str = "ttyS1::respawn:-/bin/sh\n";

/// The first commands of that shell. Kernel messages would mix with the input.
const PROFILE: &str = "\
cd /led
dmesg -n 1
clear
cat /etc/motd
";

const MOTD: &str = "\
An emulated Raspberry Pi. Type for example:

    ./controller &
    ./command on

The symbol above shows the level of the pin, read from outside.
`poweroff` or Ctrl-A X ends this.

";

pub(crate) fn pack(cache: &Path, parts: &Parts, programs: &[PathBuf]) -> Result<PathBuf, Error> {
    let root = cache.join("initramfs");
    let _ = fs::remove_dir_all(&root);
    run(Command::new("cp")
        .arg("--archive")
        .arg(&parts.root)
        .arg(&root))?;
    // Files that no program here reads.
    fs::remove_dir_all(root.join("usr/share"))?;
    let _ = fs::remove_dir_all(root.join("usr/lib/aarch64-linux-gnu/gconv"));
    fs::create_dir(root.join("led"))?;
    for program in programs {
        let name = program.file_name().ok_or("a program has a name")?;
        fs::copy(program, root.join("led").join(name))?;
    }
    fs::create_dir_all(root.join("etc"))?;
    for (name, content) in [
        ("passwd", "root:x:0:0:root:/:/bin/sh\n"),
        ("group", "root:x:0:\n"),
        ("inittab", INITTAB),
        ("profile", PROFILE),
        ("motd", MOTD),
    ] {
        fs::write(root.join("etc").join(name), content)?;
    }
    let init = root.join("init");
    fs::write(&init, INIT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;

    archive(&root, &cache.join("busybox.cpio"))
}
