//! What is left of an LED of the kernel after an error: it is off, and its trigger drives it again, or will.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use rustix::fs::{FlockOperation, fcntl_lock};
use shared::{Mode, Queue};
use testing::{Fixture, OTHER_USER, Outcome, Running};

use super::Leds;

/// Whether the record still has a trigger for the next controller.
fn is_recorded(fixture: &Fixture) -> bool {
    let record = fs::read_to_string(fixture.lock_file("record")).unwrap();
    record.contains("trigger mmc0")
}

#[test]
fn a_trigger_that_cannot_be_set_again_is_a_warning_and_left_to_the_next_controller() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let controller = leds.controller(&["--led", "ACT"]);
    fixture.command(&["on"]).assert_printed("on");
    fs::remove_file(leds.file("ACT", "trigger")).unwrap();
    fs::create_dir(leds.file("ACT", "trigger")).unwrap();
    let refused = fixture.command(&["on"]);
    refused.assert_failed(1, &["cannot set the LED: ", "leds/ACT/trigger: "]);
    // The LED is off, which is what counts.
    fixture.command(&["exit"]).assert_printed("ended");
    let ended = controller.wait();
    ended.assert_code(0);
    ended.assert_logged(&["the LED is off, and its trigger", "leds/ACT/trigger: "]);
    assert_eq!(leds.read("ACT", "brightness"), "0");
    assert!(is_recorded(&fixture));
    fs::remove_dir(leds.file("ACT", "trigger")).unwrap();
    fs::write(leds.file("ACT", "trigger"), "[none] mmc0\n").unwrap();
    leds.turn_off("ACT").assert_code(0);
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
}

#[test]
fn without_queues_the_trigger_is_set_again_and_not_remembered() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let queue = Queue::create(fixture.key, Mode::new(0o600).unwrap()).unwrap();
    let failed = Outcome::of(&mut leds.program("controller", &["--led", "ACT"]));
    failed.assert_failed(78, &["was created by user", "has its trigger mmc0 again"]);
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
    assert!(!is_recorded(&fixture));
    drop(queue);
}

#[test]
fn an_led_that_cannot_be_set_at_the_start_has_its_trigger_again() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    fs::remove_file(leds.file("ACT", "brightness")).unwrap();
    symlink("/dev/full", leds.file("ACT", "brightness")).unwrap();
    let failed = Outcome::of(&mut leds.program("controller", &["--led", "ACT"]));
    failed.assert_failed(1, &["leds/ACT/brightness: No space left"]);
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
    assert!(!is_recorded(&fixture));
}

#[test]
fn a_highest_level_that_is_no_number_is_an_error_that_names_its_file() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    fs::write(leds.file("dim", "max_brightness"), "-1\n").unwrap();
    let failed = Outcome::of(&mut leds.program("controller", &["--led", "dim"]));
    failed.assert_failed(1, &["leds/dim/max_brightness: "]);
}

#[test]
fn after_a_kill_and_another_led_in_the_options_the_first_one_is_given_back() {
    for options in [
        &["--led", "dim"][..],
        &["--simulate"],
        &["--led", "dim", "--turn-off"],
        &["--simulate", "--turn-off"],
    ] {
        let fixture = Fixture::new();
        let leds = Leds::new(&fixture);
        let killed = leds.controller(&["--led", "ACT", "--initial", "on"]);
        killed.kill();
        if options.contains(&"--turn-off") {
            Outcome::of(&mut leds.program("controller", options)).assert_code(0);
        } else {
            fixture.exit(leds.controller(options));
        }
        assert_eq!(leds.read("ACT", "brightness"), "0", "{options:?}");
        assert_eq!(leds.read("ACT", "trigger"), "mmc0", "{options:?}");
        assert!(!is_recorded(&fixture));
    }
}

#[test]
fn a_trigger_is_remembered_in_place_of_a_record_from_before_the_boot() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let old = "pid 1\npid_namespace 1\nboot 15e1d2c5-8f4c-4d2c-9a32-7e8b4e5a0c11\n";
    fs::write(fixture.lock_file("record"), old).unwrap();
    leds.controller(&["--led", "ACT"]).kill();
    assert!(is_recorded(&fixture));
    leds.turn_off("ACT").assert_code(0);
    assert_eq!(leds.read("ACT", "trigger"), "mmc0");
}

#[test]
fn an_earlier_led_that_is_gone_is_a_warning() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    leds.controller(&["--led", "ACT"]).kill();
    fs::remove_dir_all(fixture.path().join("leds/ACT")).unwrap();
    let controller = Running::start(&mut leds.program("controller", &["--led", "dim"]));
    controller.wait_for_log("does not have its trigger mmc0 again: the kernel has no LED ACT");
    fixture.exit(controller.when_ready());
}

#[test]
fn an_led_that_can_only_be_on_or_off_needs_no_timer_for_a_fade() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let start = |name| {
        let program = leds.program("controller", &["--led", name]);
        let mut shell = Command::new("bash");
        shell
            .args(["-c", "ulimit -i 0; exec \"$0\" \"$@\""])
            .arg(program.get_program())
            .args(program.get_args());
        shell.envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        Running::start(&mut shell).when_ready()
    };
    let controller = start("ACT");
    let fade = ["on", "--fade", "1h"];
    fixture.command(&fade).assert_printed("on");
    assert_eq!(leds.read("ACT", "brightness"), "1");
    fixture
        .command(&["off", "--fade", "1h"])
        .assert_printed("off");
    fixture.exit(controller);
    let _controller = start("dim");
    fixture
        .command(&fade)
        .assert_failed(1, &["cannot blink or fade without a timer"]);
}

#[test]
#[ignore = "needs root"]
fn a_trigger_that_could_not_be_ended_is_not_remembered() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    for (file, mode) in [("brightness", 0o666), ("trigger", 0o644)] {
        fs::set_permissions(leds.file("ACT", file), Permissions::from_mode(mode)).unwrap();
    }
    let mut controller = fixture.program("controller", Some(OTHER_USER));
    controller
        .args(["--led", "ACT"])
        .env("LED_CLASS_DIRECTORY", fixture.path().join("leds"));
    Outcome::of(&mut controller).assert_failed(1, &["leds/ACT/trigger: Permission denied"]);
    assert!(!is_recorded(&fixture));
}

#[test]
fn two_controllers_do_not_drive_one_led() {
    let (fixture, other) = (Fixture::new(), Fixture::new());
    let leds = Leds::new(&fixture);
    let controller = leds.controller(&["--led", "ACT"]);
    let mut second = other.program("controller", None);
    second
        .args(["--led", "ACT"])
        .env("LED_CLASS_DIRECTORY", fixture.path().join("leds"));
    let busy = format!("LED ACT is in use by process {}", controller.pid());
    let refused = Running::start(&mut second).wait();
    refused.assert_failed(1, &[&busy, "another --led"]);
    assert_eq!(leds.read("ACT", "trigger"), "none");
    fixture.command(&["on"]).assert_printed("on");
    controller.kill();
    let second = Running::start(&mut second).when_ready();
    other.exit(second);
}

/// Anybody may read the file, and a lock for reading needs no more.
#[test]
fn a_reader_with_a_lock_does_not_keep_a_controller_from_its_led() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let reader = File::open(leds.file("ACT", "brightness")).unwrap();
    fcntl_lock(&reader, FlockOperation::NonBlockingLockShared).unwrap();
    let controller = leds.controller(&["--led", "ACT"]);
    fixture.command(&["on"]).assert_printed("on");
    fixture.exit(controller);
}

#[test]
fn the_name_of_an_led_does_not_command_the_terminal() {
    let fixture = Fixture::new();
    let leds = Leds::new(&fixture);
    let name = "dim\u{1b}[31m";
    fs::rename(leds.file("dim", ""), leds.file(name, "")).unwrap();
    let controller = leds.controller(&["--led", name]);
    fs::write(leds.file(name, "trigger"), "[ti\u{1b}[2Jmer]\n").unwrap();
    let doctor = Outcome::of(&mut leds.program("command", &["doctor"]));
    assert!(
        doctor
            .out
            .contains(r"LED dim\u{1b}[31m is also driven by its trigger ti\u{1b}[2Jmer"),
        "{doctor:?}"
    );
    fixture.exit(controller);
}
