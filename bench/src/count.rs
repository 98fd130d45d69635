//! What a tool counts: the same on each machine, and under any load.

use std::fs;

use tempfile::NamedTempFile;

use crate::controller::{Controller, Side};

/// A tool that counts while a program runs.
#[derive(Clone, Copy)]
enum Tool {
    /// Instructions in user space, with the loader and the C library.
    Callgrind,
    /// System calls of all threads.
    Strace,
}

impl Tool {
    /// What was counted when this has run its program to the end, with this command line of the tool before it.
    fn count(self, run: impl FnOnce(&[&str])) -> f64 {
        let file = NamedTempFile::new().expect("a temporary file");
        let path = file.path().to_str().expect("its name is plain");
        match self {
            Tool::Callgrind => {
                let file = format!("--callgrind-out-file={path}");
                run(&["valgrind", "--quiet", "--tool=callgrind", &file]);
            }
            Tool::Strace => run(&["strace", "-f", "-c", "-U", "calls,name", "-o", path]),
        }
        let counted = fs::read_to_string(file.path()).expect("the tool has written it");
        let total = counted.lines().find_map(|line| match self {
            Tool::Callgrind => line.strip_prefix("totals: "),
            Tool::Strace => line.trim_end().strip_suffix("total"),
        });
        total
            .and_then(|total| total.trim().parse().ok())
            .expect("it ends with the total")
    }

    /// What a controller does for one of these commands, without its start and its end.
    fn per_command(self, side: &Side, send: impl Fn(&Controller<'_>, usize)) -> f64 {
        const FEW: usize = 10;
        const MANY: usize = 1010;
        let [few, many] = [FEW, MANY].map(|commands| {
            self.count(|tool| {
                let controller = side.start_under(tool);
                send(&controller, commands);
                controller.end();
            })
        });
        // A start takes a few more or less.
        ((many - few) / (MANY - FEW) as f64).round()
    }
}

/// Instructions of a client with these arguments, in thousands.
pub(crate) fn of_client(arguments: &str) -> impl Fn(&Side) -> f64 {
    move |side| {
        let controller = side.start();
        Tool::Callgrind.count(|tool| controller.run_client(tool, arguments)) / 1e3
    }
}

/// Instructions of a controller for one of many commands that do not change the LED.
pub(crate) fn of_flood(side: &Side) -> f64 {
    Tool::Callgrind.per_command(side, |controller, commands| {
        let state = controller.client.repeat(commands);
        controller.client.expect_reply(state);
    })
}

/// System calls of a controller for one command that changes the LED and requests a reply.
pub(crate) fn of_exchange(side: &Side) -> f64 {
    Tool::Strace.per_command(side, |controller, commands| {
        for _ in 0..commands {
            controller.client.exchange();
        }
    })
}
