//! The parts of the Pi from Debian's packages for arm64: downloaded once by apt, and unpacked.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::{apt::Apt, run, suite::Suite};
use crate::Error;

/// The packages in the initramfs, without our programs and gpiod's library.
const PACKAGES: [&str; 5] = ["busybox-static", "gpiod", "libc6", "libgcc-s1", "strace"];

/// The series of Debian's kernels that keeps the level of a released output, as a Pi 5 does.
const KERNELS: &str = r"^linux-image-6\.12\.[0-9]+\+deb[0-9]+-arm64$";

/// Modules of the kernel, in an order in which they can be loaded: for the simulator of GPIO chips, and for a file system on
/// an SD card.
const MODULES: [&str; 7] = [
    "fs/configfs/configfs",
    "lib/crc16",
    "crypto/crc32c_generic",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "fs/ext4/ext4",
    "drivers/mmc/host/bcm2835",
];

pub(crate) struct Parts {
    pub(crate) suite: Suite,
    pub(crate) kernel: PathBuf,
    /// Its version, as `uname -r` prints it.
    pub(crate) version: String,
    pub(crate) device_tree: PathBuf,
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
        MODULES[1..]
            .iter()
            .filter_map(|path| path.rsplit('/').next())
    }
}

pub(crate) fn fetch(suite: Suite, cache: &Path) -> Result<Parts, Error> {
    let parts = |version: &str| Parts {
        suite,
        kernel: cache.join("vmlinuz"),
        version: version.to_owned(),
        device_tree: cache.join("bcm2837-rpi-3-b.dtb"),
        modules: cache.join("modules"),
        root: cache.join("root"),
    };
    let complete = cache.join("complete");
    let mut wanted = PACKAGES.to_vec();
    wanted.push(suite.gpiod().library());
    let list = wanted.join(", ");
    let fetched = format!("{list}; {}", MODULES.join(", "));
    let stamp = fs::read_to_string(&complete).unwrap_or_default();
    if let Some((version, complete_with)) = stamp.split_once(": ")
        && complete_with == fetched
    {
        return Ok(parts(version));
    }
    let unpacked = cache.join("unpacked");
    for folder in [&unpacked, &cache.join("root"), &cache.join("modules")] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
    }
    let apt = Apt::update(suite, cache)?;
    let kernel = newest_kernel(&apt)?;
    println!(
        "downloading {kernel}, {list} for arm64, of Debian {}",
        suite.name()
    );
    apt.unpack(&kernel, &unpacked)?;
    let parts = parts(kernel.trim_start_matches("linux-image-"));
    fs::copy(
        unpacked.join(format!("boot/vmlinuz-{}", parts.version)),
        &parts.kernel,
    )?;
    let trees = unpacked.join(format!("usr/lib/linux-image-{}/broadcom", parts.version));
    fs::copy(trees.join("bcm2837-rpi-3-b.dtb"), &parts.device_tree)?;
    let usr = ["usr/lib", "lib"].map(|lib| unpacked.join(lib).join("modules").join(&parts.version));
    let modules = usr
        .iter()
        .find(|folder| folder.exists())
        .ok_or("the kernel's package has no modules")?;
    for module in MODULES {
        let file = modules.join("kernel").join(module).with_extension("ko.xz");
        fs::copy(
            &file,
            parts
                .modules
                .join(file.file_name().ok_or("a module has a name")?),
        )?;
    }
    // These are links in Debian, and older packages have files in them.
    for folder in ["bin", "sbin", "lib"] {
        fs::create_dir_all(parts.root.join("usr").join(folder))?;
        symlink(Path::new("usr").join(folder), parts.root.join(folder))?;
    }
    for package in wanted {
        apt.unpack(package, &parts.root)?;
    }
    fs::remove_dir_all(&unpacked)?;
    fs::write(complete, format!("{}: {fetched}", parts.version))?;
    Ok(parts)
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
