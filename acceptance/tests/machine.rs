//! A machine on which the commands of a document or a package run: with simulated LEDs, and without root's power over this machine.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;
use testing::{Fixture, Outcome, Running, programs};

use crate::environment::with_mounts;

/// Before each script: the file system is read-only but for the folder, target and /etc/default, and the service runs.
const START: &str = r#"
set -eu
mount -t proc proc /proc
for writable in "$FOLDER" "$TARGET"; do mount --bind "$writable" "$writable"; done
mount -t tmpfs tmpfs /etc/default
mount -o remount,bind,ro /
cp "$ROOT/systemd/led-controller.default" /etc/default/led-controller
cd "$FOLDER"
systemctl start led-controller
"#;

/// The verbs of systemctl that the documents use, for the service and for instances of its template.
const SYSTEMCTL: &str = r#"
for unit; do :; done
unit=${unit%.service}
case $1 in stop | restart | disable)
    if [ -e "$FOLDER/$unit.pid" ]; then
        controller=$(cat "$FOLDER/$unit.pid")
        rm "$FOLDER/$unit.pid"
        kill "$controller"
        while kill -0 "$controller" 2>/dev/null; do sleep 0.01; done
    fi ;;
esac
case $1 in start | restart | enable)
    name=${unit#led-controller}
    if [ -n "$name" ]; then set -- --key "${name#@}"; else set --; fi
    OPTIONS=
    . "/etc/default/led-controller${name:+-${name#@}}"
    # Not the log of an earlier start.
    : >"$FOLDER/$unit.log"
    # Unquoted, like the unit: these are several options.
    controller --simulate "$@" $OPTIONS >/dev/null 2>>"$FOLDER/$unit.log" &
    echo $! >"$FOLDER/$unit.pid"
    until grep -q ready "$FOLDER/$unit.log"; do
        kill -0 $! || { cat "$FOLDER/$unit.log"; exit 1; }
        sleep 0.01
    done ;;
esac
"#;

/// Programs in PATH before those of this machine. More come from the tests.
const PROGRAMS: [(&str, &str); 3] = [
    ("sudo", r#"exec "$@""#),
    ("systemctl", SYSTEMCTL),
    // What `led status` says of the LED.
    ("state", "led status | sed 's/ (.*//'"),
];

/// A folder with the programs, as in target/release, and namespaces in which a script runs.
pub(crate) struct Machine {
    fixture: Fixture,
    folder: TempDir,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let fixture = Fixture::new();
        let target = root().join("target");
        fs::create_dir_all(&target).unwrap();
        // Below the workspace, where cargo finds it.
        let folder = TempDir::new_in(target.canonicalize().unwrap()).unwrap();
        for (program, name) in [
            ("controller", "controller"),
            ("command", "command"),
            ("command", "led"),
        ] {
            symlink(programs().join(program), folder.path().join(name)).unwrap();
        }
        let machine = Machine { fixture, folder };
        fs::create_dir(machine.bin()).unwrap();
        symlink(programs().join("command"), machine.bin().join("led")).unwrap();
        symlink(
            programs().join("controller"),
            machine.bin().join("controller"),
        )
        .unwrap();
        for (name, script) in PROGRAMS {
            machine.add_program(name, script);
        }
        machine
    }

    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// A file in the folder in which scripts run.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A file that a script has written.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// A script in PATH, in place of the program of this machine.
    pub(crate) fn add_program(&self, name: &str, script: &str) {
        let path = self.bin().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script in namespaces of its own. What it has started ends with it.
    pub(crate) fn run(&self, script: &str) -> Outcome {
        let mut path = self.bin().into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap());
        let wrapper = with_mounts("true");
        let mut command = Command::new(&wrapper[0]);
        command
            .args(&wrapper[1..])
            .args("unshare --ipc --pid --fork --kill-child sh -c".split(' '))
            .arg(format!("{START}{script}"))
            .env("PATH", path)
            .env("PYTHONPATH", self.bin())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("FOLDER", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("TARGET", root().join("target").canonicalize().unwrap())
            .env("ROOT", root())
            .env("LED_LOCK_DIRECTORY", self.folder.path())
            .env_remove("RUST_LOG")
            .current_dir(self.fixture.path());
        Running::start(command.stdin(Stdio::null())).wait()
    }
}
