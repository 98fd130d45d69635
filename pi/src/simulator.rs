//! The kernel's simulator of GPIO chips, and its PWM on a GPIO line, compiled for the Pi's kernel: Debian's kernels do not include
//! them, but their source does.
//!
//! Needs root: it is compiled in a chroot, by the suite's own tools.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, apt::Apt, cache::Cache, debian::chroot, parts::Parts, run::run, steps::step};

/// The modules, in the order in which they are loaded.
pub(crate) const MODULES: [&str; 3] = ["configfs.ko.xz", "interrupts.ko", "gpio-sim.ko"];

/// PWM on a GPIO line, in the same folder.
pub(crate) const PWM_GPIO: &str = "pwm-gpio.ko";

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
pub(crate) fn build(cache: &Cache, parts: &Parts) -> Result<PathBuf, Error> {
    let made_from = (&parts.version, INTERRUPTS, RESET, PWM_GPIO);
    cache.once("gpio-sim", &made_from, |folder| {
        let scratch = folder.with_file_name("scratch");
        fs::create_dir(&scratch)?;
        let apt = Apt::update(parts.suite, &scratch)?;
        let name = format!(
            "compiling the simulator of GPIO chips for kernel {}",
            parts.version
        );
        step(&name, || compile(parts, &apt, &scratch, folder))
    })
}

fn compile(parts: &Parts, apt: &Apt, scratch: &Path, folder: &Path) -> Result<(), Error> {
    let workshop = scratch.join("workshop");
    let release = parts.version.trim_end_matches("-arm64");
    let compiler = if ARCH == "aarch64" {
        "gcc"
    } else {
        "gcc-aarch64-linux-gnu"
    };
    let packages = format!("make,{compiler},linux-kbuild-{release}");
    apt.install(&["--variant=essential"], &packages, &workshop)?;
    for headers in [&parts.version, &format!("{release}-common")] {
        apt.unpack(&format!("linux-headers-{headers}"), &workshop)?;
    }

    let source = workshop.join("gpio-sim");
    fs::create_dir(&source)?;
    let version = package_version(apt, &parts.version)?;
    apt.unpack(&format!("linux-source-6.12={version}"), &workshop)?;
    run(Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(workshop.join("usr/src/linux-source-6.12.tar.xz"))
        .arg("-C")
        .arg(&source)
        .args(["--strip-components=3", "--wildcards"])
        .args([
            "*/drivers/gpio/gpio-sim.c",
            "*/drivers/pwm/pwm-gpio.c",
            "*/kernel/irq/irq_sim.c",
        ]))?;
    let chips = fs::read_to_string(source.join("gpio-sim.c"))?;
    if !chips.contains(RESET) {
        return Err("gpio-sim.c has changed: it does not reset a released line".into());
    }
    fs::write(source.join("gpio-sim.c"), chips.replace(RESET, ""))?;
    fs::write(source.join("interrupts.c"), INTERRUPTS)?;
    fs::write(
        source.join("Kbuild"),
        "obj-m := gpio-sim.o interrupts.o pwm-gpio.o\n",
    )?;
    let headers = format!("/usr/src/linux-headers-{}", parts.version);
    chroot(&workshop, &format!("make -C {headers} M=/gpio-sim modules"))?;

    fs::create_dir(folder)?;
    fs::copy(parts.module("configfs"), folder.join(MODULES[0]))?;
    for module in MODULES[1..].iter().chain([&PWM_GPIO]) {
        fs::copy(source.join(module), folder.join(module))?;
    }
    Ok(())
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
