//! The file system of the Pi: busybox, the gpiod tools, and our programs, in memory.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Error,
    build::Program,
    cache::Cache,
    parts::Parts,
    run::{archive, run},
    steps::step,
};

/// The first process: a shell on the second serial port, the mini UART, where the scenes type `./command`. For a user, whose terminal has `ROWS` on the
/// kernel's command line, it is busybox's init, which has job control and `poweroff`.
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
while [ -z \"$ROWS\" ]; do sh; done
exec init
";

/// Loads the modules of the LEDs, in the order of their names.
pub(crate) const LOAD: &str = "for module in /led/modules/*; do insmod $module || exit; done";

/// The user's shell, on the same port.
const INITTAB: &str = "ttyS1::respawn:-/bin/sh\n";

/// The first commands of that shell.
const PROFILE: &str = "\
cd /led
for module in /led/modules/*; do insmod $module; done
ln -sf command led
PATH=$PATH:/led
stty rows $ROWS cols $COLUMNS
cat /etc/motd
";

const MOTD: &str = "
An emulated Raspberry Pi. Type for example:

    controller &
    led on

or `controller --led ACT &` for an LED of the kernel. A line shows each change of the level of pin 11 (GPIO 17), read from outside.
`poweroff` or Ctrl-A X ends this.

";

/// The modules of the LEDs, as files beside the programs.
pub(crate) fn led_modules(parts: &Parts) -> impl Iterator<Item = Program> {
    let modules = Parts::led_modules().enumerate();
    modules.map(|(place, name)| (format!("modules/{place}-{name}.ko.xz"), parts.module(name)))
}

/// Packs these programs under the name of a file in the cache.
pub(crate) fn pack(
    cache: &Cache,
    parts: &Parts,
    name: &str,
    programs: &[Program],
) -> Result<PathBuf, Error> {
    let mut files = vec![
        (
            "etc/passwd".to_owned(),
            b"root:x:0:0:root:/:/bin/sh\n".into(),
        ),
        ("etc/group".to_owned(), b"root:x:0:\n".into()),
        ("etc/inittab".to_owned(), INITTAB.into()),
        ("etc/profile".to_owned(), PROFILE.into()),
        ("etc/motd".to_owned(), MOTD.into()),
        ("init".to_owned(), INIT.into()),
    ];
    for (name, program) in programs {
        files.push((format!("led/{name}"), fs::read(program)?));
    }
    cache.once(name, &(parts.fetched, &files), |file| {
        step("packing the programs for the Pi", || {
            pack_files(parts, &files, file)
        })
    })
}

fn pack_files(parts: &Parts, files: &[(String, Vec<u8>)], file: &Path) -> Result<(), Error> {
    let root = file.with_file_name("root");
    run(Command::new("cp")
        .arg("--archive")
        .arg(&parts.root)
        .arg(&root))?;
    // Files that no program here reads.
    fs::remove_dir_all(root.join("usr/share"))?;
    let _ = fs::remove_dir_all(root.join("usr/lib/aarch64-linux-gnu/gconv"));
    for folder in ["etc", "led/modules"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (name, content) in files {
        let path = root.join(name);
        fs::write(&path, content)?;
        if !name.starts_with("etc/") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    archive(&root, file)
}
