//! Idle controllers: peak memory, and context switches.

use std::{thread, time::Duration};

use crate::{
    process_status::peak_memory,
    side::{Controller, Side},
    table::{Goal, KIB, SAMPLES, Samples, TIMES, Table},
};

const REST: Duration = Duration::from_secs(10);
/// Until the start is over.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

pub(crate) fn measure(sides: &[Side; 2], table: &mut Table) {
    let mut controllers: [Vec<Controller<'_>>; 2] = Default::default();
    // All at the same time, because each takes this long.
    for _ in 0..SAMPLES {
        for (controllers, side) in controllers.iter_mut().zip(sides) {
            controllers.push(side.start());
        }
    }
    thread::sleep(SETTLE);
    let of_all = |measure: fn(&Controller<'_>) -> f64| {
        Samples(
            controllers
                .each_ref()
                .map(|controllers| controllers.iter().map(measure).collect()),
        )
    };
    let memory = of_all(|controller| peak_memory(controller.process.pid()));
    let before = of_all(context_switches);
    thread::sleep(REST);
    let mut switches = of_all(context_switches);
    for (after, before) in switches
        .0
        .iter_mut()
        .flatten()
        .zip(before.0.iter().flatten())
    {
        *after -= before;
    }
    table.row("idle controller, VmHWM", &KIB, &memory, &Goal::AtMost(0.8));
    table.row(
        "idle controller, context switches in 10 s",
        &TIMES,
        &switches,
        &Goal::Exactly(0.),
    );
    controllers.into_iter().flatten().for_each(Controller::end);
}

fn context_switches(controller: &Controller<'_>) -> f64 {
    controller.process.context_switches().iter().sum::<u64>() as f64
}
