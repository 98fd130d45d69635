//! An SD card with a journaling file system, on which the service has its directory of states.
//!
//! The file system in memory does not survive a reboot.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    Error,
    machine::{Machine, Setup},
    parts::Parts,
    run::{archive, run},
};

/// QEMU requires a power of two. A scene fills it.
const SIZE: &str = "16M";

/// Debian loads these in its own initramfs.
const MODULES: &str = "\
[Unit]
Description=Load the modules for the SD card
DefaultDependencies=no
Before=local-fs-pre.target
Wants=local-fs-pre.target

[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'LOAD'
";

const MOUNTS: &str = "/dev/mmcblk0 /var/lib/led-controller ext4 defaults 0 0\n";

/// A Pi with a card.
pub(crate) struct Card<'a> {
    parts: &'a Parts,
    setup: Setup,
    _folder: TempDir,
}

impl<'a> Card<'a> {
    /// Formats a card, and adds to this Debian what mounts it. The service, and one instance for each name, start at boot with
    /// these options.
    pub(crate) fn new(
        parts: &'a Parts,
        debian: &Path,
        options: &str,
        instances: &[(&str, String)],
    ) -> Result<Card<'a>, Error> {
        // Beside the Debian, because /tmp may be in memory.
        let folder = tempfile::Builder::new()
            .prefix("card-")
            .tempdir_in(debian.parent().ok_or("the Debian is in a folder")?)?;
        let [added, archived, card, initramfs] =
            ["added", "added.cpio", "card.img", "debian.cpio"].map(|name| folder.path().join(name));
        add(&added, parts, options, instances)?;
        archive(&added, &archived)?;
        // The kernel unpacks both archives, and a file of the second one replaces one of the first.
        fs::copy(debian, &initramfs)?;
        io::copy(
            &mut File::open(archived)?,
            &mut File::options().append(true).open(&initramfs)?,
        )?;
        // No space is reserved for root, who fills the card in a scene.
        run(Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-m", "0"])
            .arg(&card)
            .arg(SIZE))?;
        Ok(Card {
            parts,
            setup: Setup {
                card: Some(card),
                ..Setup::of_debian(initramfs)
            },
            _folder: folder,
        })
    }

    /// Boots the Pi. What it writes to the card is there at the next boot.
    pub(crate) fn boot(&self) -> Result<Machine, Error> {
        Machine::boot(self.parts, &self.setup)
    }
}

/// Writes the files that are added.
fn add(
    root: &Path,
    parts: &Parts,
    options: &str,
    instances: &[(&str, String)],
) -> Result<(), Error> {
    let [modules, units, defaults] =
        ["usr/lib/card", "etc/systemd/system", "etc/default"].map(|name| root.join(name));
    let [at_sysinit, at_boot] =
        ["sysinit", "multi-user"].map(|name| units.join(format!("{name}.target.wants")));
    for folder in [&modules, &at_sysinit, &at_boot, &defaults] {
        fs::create_dir_all(folder)?;
    }
    let mut load = String::new();
    for module in Parts::card_modules() {
        let file = format!("{module}.ko.xz");
        fs::copy(parts.module(module), modules.join(&file))?;
        load += &format!("insmod /usr/lib/card/{file}; ");
    }
    let unit = MODULES.replace("LOAD", load.trim_end());
    fs::write(units.join("card.service"), unit)?;
    symlink("../card.service", at_sysinit.join("card.service"))?;
    fs::write(root.join("etc/fstab"), MOUNTS)?;
    let options_of =
        |name: PathBuf, options: &str| fs::write(name, format!("OPTIONS=\"{options}\"\n"));
    options_of(defaults.join("led-controller"), options)?;
    for (name, options) in instances {
        options_of(defaults.join(format!("led-controller-{name}")), options)?;
        let template = "/usr/lib/systemd/system/led-controller@.service";
        symlink(
            template,
            at_boot.join(format!("led-controller@{name}.service")),
        )?;
    }
    Ok(())
}
