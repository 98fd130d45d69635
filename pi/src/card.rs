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

use super::{
    archive,
    machine::{MINI_UART_CONSOLE, Machine},
    parts::Parts,
    run,
};
use crate::Error;

/// QEMU requires a power of two.
const SIZE: &str = "64M";

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
    initramfs: PathBuf,
    card: PathBuf,
}

impl<'a> Card<'a> {
    /// Formats a card, and adds to this Debian what mounts it. The service, and one instance for each name, start at boot with
    /// these options.
    pub(crate) fn new(
        cache: &Path,
        parts: &'a Parts,
        debian: &Path,
        options: &str,
        instances: &[(&str, String)],
    ) -> Result<Card<'a>, Error> {
        let added = cache.join("card");
        let _ = fs::remove_dir_all(&added);
        let modules = added.join("usr/lib/card");
        let units = added.join("etc/systemd/system");
        let [at_sysinit, at_boot] =
            ["sysinit", "multi-user"].map(|name| units.join(format!("{name}.target.wants")));
        let defaults = added.join("etc/default");
        for folder in [&modules, &at_sysinit, &at_boot, &defaults] {
            fs::create_dir_all(folder)?;
        }
        let mut load = String::new();
        for module in Parts::card_modules() {
            fs::copy(
                parts.module(module),
                modules.join(format!("{module}.ko.xz")),
            )?;
            load += &format!("insmod /usr/lib/card/{module}.ko.xz; ");
        }
        fs::write(
            units.join("card.service"),
            MODULES.replace("LOAD", load.trim_end()),
        )?;
        symlink("../card.service", at_sysinit.join("card.service"))?;
        fs::write(added.join("etc/fstab"), MOUNTS)?;
        fs::write(
            defaults.join("led-controller"),
            format!("OPTIONS=\"{options}\"\n"),
        )?;
        for (name, options) in instances {
            fs::write(
                defaults.join(format!("led-controller-{name}")),
                format!("OPTIONS=\"{options}\"\n"),
            )?;
            let template = "/usr/lib/systemd/system/led-controller@.service";
            symlink(
                template,
                at_boot.join(format!("led-controller@{name}.service")),
            )?;
        }
        // The kernel unpacks both archives, and a file of the second one replaces one of the first.
        let initramfs = cache.join("debian-with-card.cpio");
        fs::copy(debian, &initramfs)?;
        let added = archive(&added, &cache.join("card.cpio"))?;
        io::copy(
            &mut File::open(added)?,
            &mut File::options().append(true).open(&initramfs)?,
        )?;
        let card = cache.join("card.img");
        let _ = fs::remove_file(&card);
        // No space is reserved for root, who fills the card in a scene.
        run(Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-m", "0"])
            .arg(&card)
            .arg(SIZE))?;
        Ok(Card {
            parts,
            initramfs,
            card,
        })
    }

    /// Boots the Pi. What it writes to the card is there at the next boot.
    pub(crate) fn boot(&self) -> Result<Machine, Error> {
        let quiet = format!("{MINI_UART_CONSOLE} systemd.show_status=0");
        Machine::boot_with_card(self.parts, &self.initramfs, &quiet, &self.card)
    }
}
