//! Waiting for a chip, at boot.

use std::{
    ops::ControlFlow,
    os::fd::AsRawFd,
    path::Path,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, poll};
use rustix::{
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::read,
};

/// How long one start waits for the kernel to find the chip. The boot waits as long. The service manager starts it five times.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often to look whether the wait is over.
const STEP_MS: i32 = 100;

/// Tries again whenever a file in this directory is created or changes its permissions, which udev sets after the kernel has
/// created a device. Ends with the last error after two seconds, or when the wait is over.
pub(super) fn retry_at_changes<T, E>(
    directory: &Path,
    is_over: impl Fn() -> bool,
    mut attempt: impl FnMut() -> ControlFlow<Result<T, E>, E>,
) -> Result<T, E> {
    let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).and_then(|inotify| {
        let events = WatchFlags::CREATE | WatchFlags::ATTRIB;
        inotify::add_watch(&inotify, directory, events).map(|_| inotify)
    });
    let start = Instant::now();
    loop {
        let error = match attempt() {
            ControlFlow::Break(result) => return result,
            ControlFlow::Continue(error) => error,
        };
        let Ok(inotify) = &inotify else {
            return Err(error);
        };
        loop {
            if start.elapsed() > PATIENCE || is_over() {
                return Err(error);
            }
            let mut events = [PollFd::new(inotify.as_raw_fd(), PollFlags::POLLIN)];
            if poll(&mut events, STEP_MS) == Ok(1) {
                break;
            }
        }
        // What is left of them is another reason to try again.
        let _ = read(inotify, &mut [0; 4096]);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs, os::unix::fs::PermissionsExt, sync::mpsc::channel, thread};

    use testing::watches;

    use super::*;

    #[test]
    fn it_tries_again_when_a_file_is_created_and_when_its_mode_is_set() {
        let directory = tempfile::tempdir().unwrap();
        let (directory, path) = (directory.path(), &directory.path().join("gpiochip0"));
        let (tries, attempt) = channel();
        thread::scope(|scope| {
            let waiting = scope.spawn(move || {
                retry_at_changes(
                    directory,
                    || false,
                    || {
                        tries.send(()).unwrap();
                        match fs::metadata(path) {
                            Ok(found) if found.permissions().mode() & 0o777 == 0o660 => {
                                ControlFlow::Break(Ok::<_, ()>(()))
                            }
                            _ => ControlFlow::Continue(()),
                        }
                    },
                )
            });
            attempt.recv().unwrap();
            fs::write(path, "").unwrap();
            attempt.recv().unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o660)).unwrap();
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_result_and_the_end_of_the_wait_end_it() {
        let directory = tempfile::tempdir().unwrap();
        let none = || ControlFlow::Break(Err::<(), _>("none"));
        let result = retry_at_changes(directory.path(), || false, none);
        assert_eq!(result, Err("none"));
        let looks = Cell::new(0);
        let is_over = || looks.replace(looks.get() + 1) == 2;
        let result = retry_at_changes(directory.path(), is_over, || {
            ControlFlow::<Result<(), _>, _>::Continue("passes")
        });
        assert_eq!((result, looks.get()), (Err("passes"), 3));
    }

    #[test]
    fn changes_without_end_do_not_defer_the_end_of_the_wait() {
        let directory = tempfile::tempdir().unwrap();
        let mut tries = 0;
        let result = retry_at_changes(
            directory.path(),
            || true,
            || {
                fs::write(directory.path().join(tries.to_string()), "").unwrap();
                tries += 1;
                match tries {
                    100 => ControlFlow::Break(Err::<(), _>("it does not end")),
                    _ => ControlFlow::Continue("passes"),
                }
            },
        );
        assert_eq!((result, tries), (Err("passes"), 1));
    }

    #[test]
    fn nothing_watches_the_directory_after_the_wait() {
        let directory = tempfile::tempdir().unwrap();
        let result = retry_at_changes(
            directory.path(),
            || watches(directory.path()) == 1,
            || ControlFlow::<Result<(), _>, _>::Continue("passes"),
        );
        assert_eq!((result, watches(directory.path())), (Err("passes"), 0));
    }
}
