//! The kernel's simulator of GPIO chips, compiled for the Pi's kernel: Debian's kernels do not include it, but their source
//! does.
//!
//! Needs root: it is compiled in a chroot, by the suite's own tools.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{apt::Apt, parts::Parts, run};
use crate::Error;

/// The modules, in the order in which they are loaded.
pub(crate) const MODULES: [&str; 3] = ["configfs.ko.xz", "interrupts.ko", "gpio-sim.ko"];

/// Debian's kernels do not include simulated interrupts either. Their source is for a part of the kernel, and calls a
/// function that modules may not call. This macro replaces it.
const INTERRUPTS: &str = r#"#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/module.h>
#define irq_to_desc(number) irq_data_to_desc(irq_get_irq_data(number))
#include "irq_sim.c"
MODULE_DESCRIPTION("Simulated interrupts");
MODULE_LICENSE("GPL");
"#;

/// Resets a released line, which a Pi 5 does not.
const RESET: &str = "\tgc->free = gpio_sim_free;\n";

/// Compiles the modules once for each kernel, and returns the folder with them.
pub(crate) fn build(cache: &Path, parts: &Parts) -> Result<PathBuf, Error> {
    let folder = cache.join(format!("gpio-sim-{}", parts.version));
    if folder.exists() {
        return Ok(folder);
    }
    println!(
        "compiling the simulator of GPIO chips for kernel {}",
        parts.version
    );
    let apt = Apt::update(parts.suite, cache)?;
    let workshop = cache.join("workshop");
    if workshop.exists() {
        fs::remove_dir_all(&workshop)?;
    }
    let release = parts.version.trim_end_matches("-arm64");
    let compiler = if ARCH == "aarch64" {
        "gcc"
    } else {
        "gcc-aarch64-linux-gnu"
    };
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--quiet", "--variant=essential", "--format=directory"]);
    mmdebstrap.arg(format!("--include=make,{compiler},linux-kbuild-{release}"));
    run(mmdebstrap
        .arg(parts.suite.name())
        .arg(&workshop)
        .arg(&apt.sources))?;
    for headers in [&parts.version, &format!("{release}-common")] {
        apt.unpack(&format!("linux-headers-{headers}"), &workshop)?;
    }

    let source = workshop.join("gpio-sim");
    fs::create_dir(&source)?;
    apt.unpack(
        &format!(
            "linux-source-6.12={}",
            package_version(&apt, &parts.version)?
        ),
        &workshop,
    )?;
    let mut tar = Command::new("tar");
    tar.arg("--extract")
        .arg("--file")
        .arg(workshop.join("usr/src/linux-source-6.12.tar.xz"));
    tar.arg("-C")
        .arg(&source)
        .args(["--strip-components=3", "--wildcards"]);
    run(tar.args(["*/drivers/gpio/gpio-sim.c", "*/kernel/irq/irq_sim.c"]))?;
    let chips = fs::read_to_string(source.join("gpio-sim.c"))?;
    if !chips.contains(RESET) {
        return Err("gpio-sim.c has changed: it does not reset a released line".into());
    }
    fs::write(source.join("gpio-sim.c"), chips.replace(RESET, ""))?;
    fs::write(source.join("interrupts.c"), INTERRUPTS)?;
    fs::write(source.join("Kbuild"), "obj-m := gpio-sim.o interrupts.o\n")?;
    let make = format!(
        "make -C /usr/src/linux-headers-{} M=/gpio-sim modules",
        parts.version
    );
    run(Command::new("chroot")
        .arg(&workshop)
        .args(["/bin/sh", "-ec", &make]))?;

    let built = cache.join("gpio-sim");
    let _ = fs::remove_dir_all(&built);
    fs::create_dir(&built)?;
    fs::copy(parts.module("configfs"), built.join(MODULES[0]))?;
    for module in &MODULES[1..] {
        fs::copy(source.join(module), built.join(module))?;
    }
    fs::remove_dir_all(&workshop)?;
    // Renamed last: the folder exists only if it is complete.
    fs::rename(built, &folder)?;
    Ok(folder)
}

/// The version of the kernel's package, and of its source.
fn package_version(apt: &Apt, kernel: &str) -> Result<String, Error> {
    let shown = run(apt.command("apt-cache").args([
        "show",
        "--no-all-versions",
        &format!("linux-image-{kernel}"),
    ]))?;
    let version = shown
        .lines()
        .find_map(|line| line.strip_prefix("Version: "));
    Ok(version
        .ok_or("apt-cache shows no version of the kernel")?
        .to_owned())
}
