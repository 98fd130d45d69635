//! The time until the line has its level on the Pi: with the service, with gpioset(1), and with the kernel's sysfs.
//!
//! Each sample is a whole process, from start to end, in the guest's time. The emulator's seconds are not real ones, so only
//! the ratios count.

use std::collections::BTreeMap;

use super::machine::Machine;
use crate::Error;

/// Processes in a sample: /proc/uptime counts hundredths of a second.
const RUNS: u32 = 40;
const SAMPLES: usize = 11;

const GPIOSET: &str = "gpioset";
const COMMAND: &str = "./command";
const NO_WAIT: &str = "./command --no-wait";
const SYSFS: &str = "sysfs";

pub(crate) fn compare(machine: &mut Machine) -> Result<(), Error> {
    let export = "cd /sys/class/gpio && echo $(($(cat gpiochip*/base | sort -n | head -n1) + 17)) >export && cd gpio* \
                  && echo out >direction && pwd";
    let sysfs = match machine.try_run(&format!("({export})"))? {
        (0, path) => Some(path.trim().to_owned()),
        _ => None,
    };
    unexport(machine)?;
    let mut samples: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..SAMPLES {
        machine.run("./controller >/dev/null 2>&1 & until ./command status >/dev/null 2>&1; do usleep 10000; done")?;
        for client in [COMMAND, NO_WAIT] {
            let line = format!("{client} on; {client} off");
            samples
                .entry(client)
                .or_default()
                .push(time(machine, &line)?);
        }
        machine.run("./command exit; wait")?;
        let [on, off] = [1, 0].map(|level| machine.gpiod.set(level));
        samples
            .entry(GPIOSET)
            .or_default()
            .push(time(machine, &format!("{on}; {off}"))?);
        if let Some(path) = &sysfs {
            machine.run(&format!("({export})"))?;
            let write = |value: u32| format!("/bin/busybox sh -c 'echo {value} >{path}/value'");
            samples
                .entry(SYSFS)
                .or_default()
                .push(time(machine, &format!("{}; {}", write(1), write(0)))?);
            unexport(machine)?;
        }
    }
    println!(
        "on the emulated Pi, medians of {SAMPLES} samples (least–greatest), each process's time and its ratio to gpioset"
    );
    let medians: BTreeMap<&str, f64> = samples
        .iter_mut()
        .map(|(what, times)| {
            times.sort_by(f64::total_cmp);
            (*what, times[SAMPLES / 2])
        })
        .collect();
    for (what, times) in &samples {
        let (median, ratio) = (medians[what], medians[what] / medians[GPIOSET]);
        println!(
            "{:<24}{median:7.2} ms ({:.2}–{:.2}) {ratio:6.2}",
            what,
            times[0],
            times[SAMPLES - 1]
        );
    }
    if sysfs.is_none() {
        println!("sysfs: this kernel has none for GPIO");
    }
    Ok(())
}

fn unexport(machine: &mut Machine) -> Result<(), Error> {
    machine
        .try_run("for line in /sys/class/gpio/gpio[0-9]*; do echo ${line##*gpio} >/sys/class/gpio/unexport; done")
        .map(drop)
}

/// The milliseconds of one of the two processes in this line.
fn time(machine: &mut Machine, line: &str) -> Result<f64, Error> {
    let looped = format!(
        "cut -d' ' -f1 /proc/uptime; i=0; while [ $i -lt {RUNS} ]; do {line}; i=$((i+2)); done >/dev/null; cut -d' ' -f1 /proc/uptime"
    );
    let said = machine.run(&looped)?;
    let times: Vec<f64> = said
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    match times[..] {
        [begin, end] => Ok((end - begin) * 1000.0 / f64::from(RUNS)),
        _ => Err(format!("{line}: {said}").into()),
    }
}
