//! `--initial last` over reboots and power cuts, on a card that becomes full and read-only. Three LEDs need fewer boots.

use super::{Pi, TROUBLE, unit::booted};
use crate::{
    Error,
    card::Card,
    groups::Verdict,
    machine::Pin,
    stage::{OFF, ON, Scene, Stage},
};

/// The scenes of each boot.
const BOOTS: [&[(&str, Scene)]; 3] = [
    &[("states before a reboot", before_reboot)],
    &[
        ("the same states after the reboot", after_reboot),
        ("a power cut, after a write and before one", power_cut),
    ],
    &[
        (
            "the states that were written before the power cut",
            after_power_cut,
        ),
        ("the card is full", full),
        ("the card is read-only", read_only),
    ],
];

/// An LED with a controller of its own.
struct Led {
    unit: &'static str,
    pin: u32,
    key: u32,
}

const MAIN: Led = Led {
    unit: "led-controller",
    pin: 17,
    key: 1234,
};
const DOOR: Led = Led {
    unit: "led-controller@door",
    pin: 27,
    key: 1300,
};
const SHED: Led = Led {
    unit: "led-controller@shed",
    pin: 22,
    key: 1400,
};

const LEDS: [&Led; 3] = [&MAIN, &DOOR, &SHED];

pub(super) fn play(verdict: &mut Verdict, pi: &Pi) -> Result<(), Error> {
    let options = |led: &Led| format!("--initial last --line GPIO{} --key {}", led.pin, led.key);
    let instances = [("door", options(&DOOR)), ("shed", options(&SHED))];
    let debian = &pi.debian.initramfs;
    let card = Card::new(&pi.parts, debian, "--initial last", &instances)?;
    for scenes in BOOTS {
        let mut machine = verdict.step("boot", || card.boot())?;
        for (name, scene) in scenes {
            let name = format!("--initial last: {name}");
            verdict.play(&mut machine, &name, *scene, TROUBLE);
        }
    }
    Ok(())
}

fn before_reboot(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted_with_card(stage)?;
    for led in LEDS {
        led.shows(stage, OFF)?;
        stage.says(&led.journal("starting with the LED off"), "No such file")?;
        led.run(stage, "on", "on\n")?;
    }
    for led in LEDS {
        led.is_saved(stage, "ON")?;
    }
    // These are within ten seconds of the write, so that they are saved at the end, before the card is unmounted.
    DOOR.run(stage, "off", "off\n")?;
    SHED.run(
        stage,
        "blink 1h 1h --count 2",
        "blink 3600s 3600s, 2 left\n",
    )?;
    SHED.shows(stage, ON)?;
    stage.machine.type_without_wait("systemctl reboot")?;
    stage.wait("the machine is down", |stage| Ok(stage.machine.is_down()))
}

fn after_reboot(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted_with_card(stage)?;
    stage.run("dmesg | grep 'mmcblk0.*recovery'", 1, &[])?;
    for (led, status, pin) in [
        (&MAIN, "on (", ON),
        (&DOOR, "off (", OFF),
        (&SHED, "off (", OFF),
    ] {
        led.shows(stage, pin)?;
        led.run(stage, "status", status)?;
        stage.run(&led.journal("starting with the LED off"), 1, &[])?;
    }
    Ok(())
}

fn power_cut(stage: &mut Stage<'_>) -> Result<(), Error> {
    DOOR.run(stage, "on", "on\n")?;
    SHED.run(stage, "blink 300ms 300ms", "blink 300ms 300ms\n")?;
    DOOR.is_saved(stage, "ON")?;
    SHED.is_saved(stage, "BLINK 300 300")?;
    MAIN.run(stage, "off", "off\n")?;
    MAIN.is_saved(stage, "OFF")?;
    // Within ten seconds of the write.
    MAIN.run(stage, "on", "on\n")?;
    MAIN.shows(stage, ON)?;
    stage.ok(&format!("grep -x OFF {}", MAIN.file()))?;
    stage.machine.cut_power()
}

fn after_power_cut(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted_with_card(stage)?;
    // The card was in use.
    stage.says("dmesg | grep mmcblk0", "recovery complete")?;
    MAIN.shows(stage, OFF)?;
    DOOR.shows(stage, ON)?;
    SHED.becomes(stage, OFF)?;
    SHED.becomes(stage, ON)?;
    SHED.becomes(stage, OFF)?;
    for (led, state) in [(&MAIN, "OFF"), (&DOOR, "ON"), (&SHED, "BLINK 300 300")] {
        stage.says(
            &format!("cat {}", led.file()),
            &format!("led-controller state 1\n{state}\n"),
        )?;
        stage.run(&led.journal("starting with the LED off"), 1, &[])?;
    }
    // Nothing else is left.
    stage.says(
        "ls /var/lib/led-controller | tr '\\n' ' '",
        "1234.lock 1234.state 1300.lock 1300.state 1400.lock 1400.state lost+found",
    )?;
    stage.ok("systemctl stop led-controller@door led-controller@shed")
}

fn full(stage: &mut Stage<'_>) -> Result<(), Error> {
    // The file system reserves more blocks for a write than it takes, so there is space again after a sync.
    let fill = "cd /var/lib/led-controller; yes >full; n=0; while sync && echo >full.$n; do n=$((n + 1)); done; cd";
    stage.says(fill, "No space left")?;
    MAIN.run(stage, "on", "on\n")?;
    MAIN.shows(stage, ON)?;
    MAIN.warns_once(
        stage,
        "No space left on device (os error 28); the state is not saved",
    )?;
    MAIN.run(stage, "toggle", "off\n")?;
    MAIN.shows(stage, OFF)?;
    MAIN.run(stage, "toggle", "on\n")?;
    stage.ok(&format!("grep -x OFF {}", MAIN.file()))?;
    // It is saved as soon as there is space.
    stage.ok("rm /var/lib/led-controller/full*")?;
    MAIN.is_saved(stage, "ON")
}

fn read_only(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.ok("mount -o remount,ro /var/lib/led-controller")?;
    MAIN.run(stage, "off", "off\n")?;
    MAIN.shows(stage, OFF)?;
    MAIN.warns_once(
        stage,
        "Read-only file system (os error 30); the state is not saved",
    )?;
    // It starts with what it can read.
    stage.ok("systemctl restart led-controller")?;
    MAIN.shows(stage, ON)?;
    MAIN.run(stage, "off", "off\n")?;
    MAIN.shows(stage, OFF)
}

/// Asserts that the services have started, with the card.
fn booted_with_card(stage: &mut Stage<'_>) -> Result<(), Error> {
    booted(stage)?;
    stage.says(
        "findmnt --noheadings --output SOURCE,FSTYPE /var/lib/led-controller",
        "/dev/mmcblk0 ext4\n",
    )?;
    for led in LEDS {
        stage.says(&format!("systemctl is-active {}", led.unit), "active")?;
    }
    Ok(())
}

impl Led {
    fn run(&self, stage: &mut Stage<'_>, verb: &str, output: &str) -> Result<(), Error> {
        stage.says(&format!("led --key {} {verb}", self.key), output)
    }

    /// Asserts the state of the pin.
    fn shows(&self, stage: &mut Stage<'_>, expected: Pin) -> Result<(), Error> {
        let pin = stage.machine.pin_of(self.pin)?;
        stage.note(&format!("pin of GPIO{}: {pin}", self.pin));
        if pin == expected {
            Ok(())
        } else {
            Err(format!("GPIO{} shows {pin} instead of {expected}", self.pin).into())
        }
    }

    /// Waits until the pin has this state. It may have changed again since: the LED may blink.
    fn becomes(&self, stage: &mut Stage<'_>, expected: Pin) -> Result<(), Error> {
        let what = format!("GPIO{} shows {expected}", self.pin);
        stage.wait(&what, |stage| {
            Ok(stage.machine.pin_of(self.pin)? == expected)
        })?;
        stage.note(&format!("pin of GPIO{}: was {expected}", self.pin));
        Ok(())
    }

    fn file(&self) -> String {
        format!("/var/lib/led-controller/{}.state", self.key)
    }

    /// A command that prints the lines of the journal with this text.
    fn journal(&self, text: &str) -> String {
        format!("journalctl -b -u {} -o cat | grep '{text}'", self.unit)
    }

    /// A path in /proc of the thread that writes the file.
    fn thread(&self, stage: &mut Stage<'_>, file: &str) -> Result<String, Error> {
        let pid = format!("$(systemctl show -P MainPID {})", self.unit);
        let name = stage
            .machine
            .run(&format!("grep -lx state /proc/{pid}/task/*/comm"))?;
        Ok(name.trim().replace("/comm", &format!("/{file}")))
    }

    /// Waits until the file has this state, and its directory is on the card too: the thread waits in futex(2) then.
    fn is_saved(&self, stage: &mut Stage<'_>, state: &str) -> Result<(), Error> {
        let system_call = self.thread(stage, "syscall")?;
        stage.wait_for(&format!(
            "grep -qx '{state}' {} && grep -q '^98 ' {system_call}",
            self.file()
        ))?;
        stage.note(&format!("{state} is in {}", self.file()));
        Ok(())
    }

    /// Waits until the controller has tried to save the state again, and asserts that it has warned once.
    fn warns_once(&self, stage: &mut Stage<'_>, warning: &str) -> Result<(), Error> {
        let status = self.thread(stage, "status")?;
        let sleeps = format!("awk '/^voluntary/ {{ print $2 }}' {status}");
        stage.wait_for(&self.journal(warning))?;
        // It sleeps after the first attempt, and after the next one.
        let before: u64 = stage.machine.run(&sleeps)?.trim().parse()?;
        stage.wait_for(&format!("test $({sleeps}) -ge {}", before + 2))?;
        stage.says(
            &format!("{} | sort | uniq -c", self.journal(warning)),
            " 1 ",
        )
    }
}
