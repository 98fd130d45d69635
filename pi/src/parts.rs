//! The parts of the Pi from Debian's packages for arm64: downloaded once by apt, and unpacked.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Error, apt::Apt, cache::Cache, run::run, steps::step, suite::Suite};

/// The packages in the initramfs, without our programs and gpiod's library.
const PACKAGES: [&str; 5] = ["busybox-static", "gpiod", "libc6", "libgcc-s1", "strace"];

/// The series of Debian's kernels that keeps the level of a released output, as a Pi 5 does.
const KERNELS: &str = r"^linux-image-6\.12\.[0-9]+\+deb[0-9]+-arm64$";

/// Modules of the kernel, in an order in which they can be loaded: for the simulator of GPIO chips, for a file system on an SD
/// card, and for LEDs that the kernel drives.
const MODULES: [&str; 10] = [
    "fs/configfs/configfs",
    "lib/crc16",
    "crypto/crc32c_generic",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "fs/ext4/ext4",
    "drivers/mmc/host/bcm2835",
    "drivers/pwm/pwm-bcm2835",
    "drivers/leds/leds-pwm",
    "drivers/leds/leds-gpio",
];

#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) suite: Suite,
    pub(crate) kernel: PathBuf,
    /// Its version, as `uname -r` prints it.
    pub(crate) version: String,
    pub(crate) device_tree: PathBuf,
    /// When they were fetched.
    pub(crate) fetched: SystemTime,
    /// The folder of the modules.
    modules: PathBuf,
    /// The packages, unpacked into one folder.
    pub(crate) root: PathBuf,
}

impl Parts {
    /// The module with this name, as compressed in the suite.
    pub(crate) fn module(&self, name: &str) -> PathBuf {
        self.modules.join(name).with_extension("ko.xz")
    }

    /// The names of the modules for a file system on an SD card, in the order in which they are loaded.
    pub(crate) fn card_modules() -> impl Iterator<Item = &'static str> {
        names(&MODULES[1..7])
    }

    /// The names of the modules for LEDs that the kernel drives, in the order in which they are loaded.
    pub(crate) fn led_modules() -> impl Iterator<Item = &'static str> {
        names(&MODULES[7..])
    }

    fn in_folder(suite: Suite, folder: &Path, version: &str) -> Result<Parts, Error> {
        Ok(Parts {
            suite,
            fetched: fs::metadata(folder)?.modified()?,
            kernel: folder.join("vmlinuz"),
            version: version.to_owned(),
            device_tree: folder.join("bcm2837-rpi-3-b.dtb"),
            modules: folder.join("modules"),
            root: folder.join("root"),
        })
    }
}

fn names(modules: &'static [&str]) -> impl Iterator<Item = &'static str> {
    modules.iter().filter_map(|path| path.rsplit('/').next())
}

pub(crate) fn fetch(cache: &Cache) -> Result<Parts, Error> {
    let suite = cache.suite;
    let library = suite.gpiod().library();
    let mut packages = PACKAGES.to_vec();
    packages.push(&library);
    let folder = cache.once("parts", &(&packages, MODULES, KERNELS), |folder| {
        let scratch = folder.with_file_name("unpacked");
        fs::create_dir(&scratch)?;
        let apt = Apt::update(suite, &scratch)?;
        let kernel = newest_kernel(&apt)?;
        let list = packages.join(", ");
        let name = format!("downloading {kernel}, {list} of Debian {}", suite.name());
        step(&name, || unpack(&apt, &kernel, &packages, &scratch, folder))
    })?;
    let version = fs::read_to_string(folder.join("version"))?;
    Parts::in_folder(suite, &folder, &version)
}

fn unpack(
    apt: &Apt,
    kernel: &str,
    packages: &[&str],
    scratch: &Path,
    folder: &Path,
) -> Result<(), Error> {
    apt.unpack(kernel, scratch)?;
    let version = kernel.trim_start_matches("linux-image-");
    fs::create_dir(folder)?;
    let parts = Parts::in_folder(apt.suite, folder, version)?;
    fs::create_dir(&parts.modules)?;
    fs::copy(
        scratch.join(format!("boot/vmlinuz-{version}")),
        &parts.kernel,
    )?;
    let trees = scratch.join(format!("usr/lib/linux-image-{version}/broadcom"));
    fs::copy(trees.join("bcm2837-rpi-3-b.dtb"), &parts.device_tree)?;
    let modules = ["usr/lib", "lib"].map(|lib| scratch.join(lib).join("modules").join(version));
    let modules = modules
        .iter()
        .find(|folder| folder.exists())
        .ok_or("the kernel's package has no modules")?;
    for module in MODULES {
        let file = modules.join("kernel").join(module).with_extension("ko.xz");
        let name = file.file_name().ok_or("a module has a name")?;
        fs::copy(&file, parts.modules.join(name))?;
    }
    // These are links in Debian, and older packages have files in them.
    for folder in ["bin", "sbin", "lib"] {
        fs::create_dir_all(parts.root.join("usr").join(folder))?;
        symlink(Path::new("usr").join(folder), parts.root.join(folder))?;
    }
    for package in packages {
        apt.unpack(package, &parts.root)?;
    }
    Ok(fs::write(folder.join("version"), version)?)
}

fn newest_kernel(apt: &Apt) -> Result<String, Error> {
    let listed = run(apt
        .command("apt-cache")
        .args(["search", "--names-only", KERNELS]))?;
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let patch = |name: &str| {
        name.split(['.', '+'])
            .nth(2)
            .and_then(|number| number.parse::<u32>().ok())
    };
    let newest = names.max_by_key(|name| patch(name)).map(str::to_owned);
    newest.ok_or_else(|| {
        "apt has no kernel 6.12 for arm64; for bookworm add bookworm-security to the sources of this machine".into()
    })
}
