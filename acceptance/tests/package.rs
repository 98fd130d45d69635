//! What the package prints when it is installed where the service cannot start. `make accept` installs the real package.

use crate::machine::Machine;

/// The packages, and the program that says why the service of each has not started.
const PACKAGES: [(&str, &str, &str); 2] = [
    ("controller", "led-controller", "led doctor"),
    ("mqtt", "led-controller-mqtt", "sudo led-mqtt --check"),
];

/// Installs a package, with a version before it or none, where systemd runs or not.
fn postinst(machine: &Machine, package: &str, earlier: &str, before: &str) -> String {
    for name in ["install", "systemd-sysusers", "systemd-tmpfiles", "udevadm"] {
        machine.add_program(name, "");
    }
    let run = format!("sh \"$ROOT/debian/{package}/postinst\" configure \"{earlier}\"");
    let outcome = machine.run(&format!("mount -t tmpfs tmpfs /run\n{before}\n{run}"));
    outcome.assert_code(0);
    outcome.out + &outcome.err
}

#[test]
#[ignore = "needs root and unshare"]
fn the_package_says_that_systemd_does_not_run() {
    for (package, name, _) in PACKAGES {
        let printed = postinst(&Machine::new(), package, "", "");
        let line =
            format!("{name}: systemd is not running here; the service starts at the next boot\n");
        assert_eq!(printed, line);
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn the_package_says_in_one_line_that_the_service_has_not_started() {
    for (package, name, check) in PACKAGES {
        let machine = Machine::new();
        let failure = "echo 'Job for the service failed' >&2; exit 1";
        machine.add_program("deb-systemd-invoke", failure);
        let printed = postinst(&machine, package, "", "mkdir -p /run/systemd/system");
        let line = format!("{name}: the service has not started; \"{check}\" names the cause\n");
        assert_eq!(printed, line);
    }
}

#[test]
#[ignore = "needs root and unshare"]
fn an_upgrade_restarts_the_service_and_its_instances() {
    let machine = Machine::new();
    machine.add_program("deb-systemd-invoke", "echo \"$@\" >>calls");
    let log = "printf '%s\\n' '#!/bin/sh' 'echo \"$@\" >>calls' >bin/systemctl";
    let before = format!("mkdir -p /run/systemd/system\n{log}");
    assert_eq!(postinst(&machine, "controller", "0.0.1", &before), "");
    let calls = machine.read("calls");
    let expected = [
        "daemon-reload",
        "restart led-controller.service",
        "try-restart led-controller@*.service",
    ];
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
}
