//! `status --watch`: a line at each change.

use std::{io, os::fd::AsRawFd, sync::mpsc::sync_channel, thread, time::Duration};

use nix::poll::{PollFd, PollFlags, poll};
use shared::{Command, Info, Key, State};

use crate::{
    Error, client, print,
    status::{Format, Sight, Words},
};

/// How often the controller is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was last told.
#[derive(PartialEq)]
enum Told {
    Nothing,
    State(State),
    Trouble(u8),
}

/// Prints the state at each change, and on standard error why there is none while there is none: controllers may come and
/// go. Ends only for what will not pass, and when nobody reads it any more.
pub(crate) fn run(key: Key, timeout: Duration, format: Format) -> Result<(), Error> {
    // The next question waits until the last answer has been taken.
    let (answered, answers) = sync_channel(0);
    let asker = thread::Builder::new().spawn(move || {
        loop {
            let sight = Sight::of(key);
            let answer = sight.ask(client::wait_for, timeout);
            if answered.send((sight, answer)).is_err() {
                return;
            }
            thread::sleep(INTERVAL);
        }
    });
    asker.map_err(|source| Error::Os { what: "cannot start a thread", source })?;
    let mut told = Told::Nothing;
    while has_reader() {
        let (sight, error) = match answers.recv_timeout(INTERVAL + timeout) {
            Ok((sight, Ok(message))) => {
                if let Some(info) = Info::decode(&message).filter(|info| told != Told::State(info.state)) {
                    told = Told::State(info.state);
                    match format {
                        Format::Words => print(Words(info.state))?,
                        Format::Json => print(sight.json(Some(&info)))?,
                    }
                }
                continue;
            }
            Ok((sight, Err(error))) => (sight, error),
            Err(_) => {
                let sight = Sight::of(key);
                // It has read all there was: somebody else took the question, or the answer.
                if sight.queue.is_some_and(|queue| queue.messages == 0) {
                    client::remind(key, Command::Info);
                }
                (sight, client::diagnose(key, timeout))
            }
        };
        if !error.may_pass() {
            return Err(error);
        }
        if told != Told::Trouble(error.status()) {
            told = Told::Trouble(error.status());
            error.report();
            if format == Format::Json {
                print(sight.json(None))?;
            }
        }
    }
    Ok(())
}

/// Whether standard output is no pipe whose reader has gone: while nothing changes, no write would tell.
fn has_reader() -> bool {
    let mut stdout = [PollFd::new(io::stdout().as_raw_fd(), PollFlags::empty())];
    poll(&mut stdout, 0).is_err() || !stdout[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
}
