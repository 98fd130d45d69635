//! What the package prints when it is installed where the service cannot start. `make accept` installs the real package.

use crate::machine::Machine;

/// Installs the package, with a version before it or none, where systemd runs or not.
fn postinst(machine: &Machine, earlier: &str, before: &str) -> String {
    for name in ["systemd-sysusers", "systemd-tmpfiles", "udevadm"] {
        machine.add_program(name, "");
    }
    let run = format!("sh \"$ROOT/debian/controller/postinst\" configure \"{earlier}\"");
    let outcome = machine.run(&format!("mount -t tmpfs tmpfs /run\n{before}\n{run}"));
    outcome.assert_code(0);
    outcome.out + &outcome.err
}

#[test]
#[ignore = "needs root and unshare"]
fn the_package_says_that_systemd_does_not_run() {
    let printed = postinst(&Machine::new(), "", "");
    let line = "led-controller: systemd is not running here; the service starts at the next boot\n";
    assert_eq!(printed, line);
}

#[test]
#[ignore = "needs root and unshare"]
fn the_package_says_in_one_line_that_the_service_has_not_started() {
    let machine = Machine::new();
    let failure = "echo 'Job for led-controller.service failed' >&2; exit 1";
    machine.add_program("deb-systemd-invoke", failure);
    let printed = postinst(&machine, "", "mkdir -p /run/systemd/system");
    let line = "led-controller: the service has not started; \"led doctor\" names the cause\n";
    assert_eq!(printed, line);
}

#[test]
#[ignore = "needs root and unshare"]
fn an_upgrade_restarts_the_service_and_its_instances() {
    let machine = Machine::new();
    machine.add_program("deb-systemd-invoke", "echo \"$@\" >>calls");
    let log = "printf '%s\\n' '#!/bin/sh' 'echo \"$@\" >>calls' >bin/systemctl";
    let before = format!("mkdir -p /run/systemd/system\n{log}");
    assert_eq!(postinst(&machine, "0.0.1", &before), "");
    let calls = machine.read("calls");
    let expected = [
        "daemon-reload",
        "restart led-controller.service",
        "try-restart led-controller@*.service",
    ];
    assert_eq!(calls.lines().collect::<Vec<_>>(), expected);
}
