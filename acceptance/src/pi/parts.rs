//! The parts of the Pi that come from Debian's packages for arm64: fetched once, by apt, and unpacked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{run, text};
use crate::Error;

/// What the initramfs is made of, beside our own programs.
const PACKAGES: [&str; 6] = ["busybox-static", "gpiod", "libgpiod2", "libc6", "libgcc-s1", "strace"];

/// The series of Debian's kernels that keeps the level of a released output, as a Pi 5 does.
const KERNELS: &str = r"^linux-image-6\.12\.[0-9]+\+deb[0-9]+-arm64$";

pub(crate) struct Parts {
    pub(crate) kernel: PathBuf,
    pub(crate) device_tree: PathBuf,
    /// The packages, unpacked over each other.
    pub(crate) root: PathBuf,
}

pub(crate) fn fetch(cache: &Path) -> Result<Parts, Error> {
    let parts = Parts {
        kernel: cache.join("vmlinuz"),
        device_tree: cache.join("bcm2837-rpi-3-b.dtb"),
        root: cache.join("root"),
    };
    let complete = cache.join("complete");
    let wanted = PACKAGES.join(", ");
    if fs::read_to_string(&complete).is_ok_and(|fetched| fetched == wanted) {
        return Ok(parts);
    }
    let unpacked = cache.join("unpacked");
    let _ = fs::remove_dir_all(&unpacked);
    let _ = fs::remove_dir_all(&parts.root);
    fs::create_dir_all(&unpacked)?;
    fs::create_dir_all(&parts.root)?;
    let kernel = newest_kernel()?;
    println!("fetching {kernel}, {wanted} for arm64");
    unpack(&download(&unpacked, &kernel)?, &unpacked)?;
    let version = kernel.trim_start_matches("linux-image-");
    fs::copy(unpacked.join(format!("boot/vmlinuz-{version}")), &parts.kernel)?;
    fs::copy(unpacked.join(format!("usr/lib/linux-image-{version}/broadcom/bcm2837-rpi-3-b.dtb")), &parts.device_tree)?;
    for package in PACKAGES {
        unpack(&download(&unpacked, package)?, &parts.root)?;
    }
    fs::remove_dir_all(&unpacked)?;
    fs::write(complete, wanted)?;
    Ok(parts)
}

fn newest_kernel() -> Result<String, Error> {
    let listed = run(Command::new("apt-cache").args(["search", "--names-only", KERNELS]))?;
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let patch = |name: &str| name.split(['.', '+']).nth(2).and_then(|number| number.parse::<u32>().ok());
    let newest = names.max_by_key(|name| patch(name)).map(str::to_owned);
    newest.ok_or_else(|| {
        "apt knows no kernel 6.12 for arm64: `dpkg --add-architecture arm64 && apt-get update`, with bookworm-security or trixie among the sources".into()
    })
}

fn download(folder: &Path, package: &str) -> Result<PathBuf, Error> {
    // As root apt would fetch as another user, who cannot write here, and complain.
    let options = ["-o", "APT::Sandbox::User=root"];
    run(Command::new("apt-get").current_dir(folder).args(options).args(["download", &format!("{package}:arm64")]))?;
    let files = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(&format!("{package}_")) && name.ends_with(".deb"))
    };
    files.into_iter().find(is_it).ok_or_else(|| format!("apt-get download {package} left no file").into())
}

fn unpack(deb: &Path, folder: &Path) -> Result<(), Error> {
    run(Command::new("dpkg-deb").args(["--extract", text(deb)?, text(folder)?])).map(drop)
}
