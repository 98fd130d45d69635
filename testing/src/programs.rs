//! Building the programs under test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Once, OnceLock},
};

use rustix::{fs::Mode, process::umask};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT},
    flag,
};

/// The folder with both programs: `$LED_PROGRAMS` if it is set. Otherwise cargo builds them with the profile of this test.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| folder(&["--package", "controller", "--package", "command"]))
}

/// The path of `led-mqtt`, in the same folder. Cargo builds it only for a test that uses it.
///
/// # Panics
///
/// It cannot be built.
pub fn bridge() -> &'static Path {
    static BRIDGE: OnceLock<PathBuf> = OnceLock::new();
    BRIDGE.get_or_init(|| folder(&["--package", "mqtt"]).join("led-mqtt"))
}

fn folder(arguments: &[&str]) -> PathBuf {
    env::var_os("LED_PROGRAMS").map_or_else(|| build(arguments), PathBuf::from)
}

/// Builds targets of this workspace with these arguments for `cargo build`, in the profile of this test. Returns
/// `target/PROFILE`.
#[must_use]
pub fn build(arguments: &[&str]) -> PathBuf {
    // target/PROFILE/deps/TEST
    let test = env::current_exe().expect("the path of the test is readable");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("the test is in target/PROFILE/deps")
        .to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(arguments);
    cargo
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    cargo
        .arg("--target-dir")
        .arg(folder.parent().expect("target is above the profile"));
    // The variables that describe the package of this test. With them, `ring` would be built again, as if it had changed.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(
        cargo.status().expect("cargo starts").success(),
        "cargo build failed: {arguments:?}"
    );
    folder
}

/// Lets programs start with the usual umask and the default action for each signal. Under nohup(1), or in the background of a script, tests inherit
/// ignored signals, and would pass them on. A signal with a handler has its default action in a new program.
pub(crate) fn inherit_defaults() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Other users run copies of the programs.
        umask(Mode::from_raw_mode(0o022));
        let status = fs::read("/proc/self/status").expect("/proc is mounted");
        let status = String::from_utf8_lossy(&status);
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .expect("the status has a mask");
        let mask = u64::from_str_radix(mask.trim(), 16).expect("the mask is hexadecimal");
        for signal in [SIGHUP, SIGINT, SIGQUIT]
            .into_iter()
            .filter(|signal| mask >> (signal - 1) & 1 == 1)
        {
            // The handler only sets a flag: the tests still ignore the signal.
            flag::register(signal, Arc::default()).expect("a handler can be registered");
        }
    });
}
