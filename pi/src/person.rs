//! The Pi for a user: a shell on its mini UART, and a status line above it that shows the pin.

pub(crate) mod scenes;
mod screen;

use std::{
    io::{self, Read, Write, stdin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag,
};

use super::machine::Machine;
use crate::Error;
use screen::Screen;

/// How often the pin is read.
const TICK: Duration = Duration::from_millis(50);

/// Bytes from either side; empty at its end.
enum Event {
    Typed(Vec<u8>),
    Said(Vec<u8>),
}

/// Connects the terminal with the machine until one of them ends.
pub(crate) fn connect_terminal(machine: &mut Machine) -> Result<(), Error> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        flag::register(signal, Arc::clone(&stopped))?;
    }
    let mut screen = Screen::open()?;
    let (rows, columns) = screen.shell_size()?;
    machine.run(&format!(
        "echo 'stty rows {rows} cols {columns}' >>/etc/profile"
    ))?;
    machine.type_without_wait("exit")?;

    // In threads: QEMU blocks if the guest's output is not read, and then the pin cannot be read either.
    let (sender, events) = channel();
    let mut serial = machine.serial()?;
    forward(stdin(), sender.clone(), Event::Typed);
    forward(serial.try_clone()?, sender, Event::Said);
    let mut keys = Keys::default();
    let mut read_at: Option<Instant> = None;
    while !stopped.load(Ordering::Relaxed) {
        match events.recv_timeout(TICK) {
            Ok(Event::Typed(typed)) => {
                let (sent, ends) = keys.translate(&typed);
                serial.write_all(&sent)?;
                if ends || typed.is_empty() {
                    return Ok(());
                }
            }
            Ok(Event::Said(said)) if !said.is_empty() => screen.show(&said)?,
            Ok(Event::Said(_)) if !machine.is_down() => return Err("QEMU ended".into()),
            Err(_) if !machine.is_down() => {}
            Ok(Event::Said(_)) | Err(_) => return Ok(()),
        }
        if read_at.is_none_or(|last| last.elapsed() >= TICK) {
            match machine.pin() {
                Ok(pin) => screen.show_pin(pin)?,
                Err(_) if machine.is_down() => return Ok(()),
                Err(error) => return Err(error),
            }
            read_at = Some(Instant::now());
        }
    }
    Err("ended by a signal".into())
}

/// Sends an event for all bytes that can be read.
fn forward(mut from: impl Read + Send + 'static, to: Sender<Event>, event: fn(Vec<u8>) -> Event) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let length = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.unwrap_or(0),
            };
            if to.send(event(buffer[..length].to_vec())).is_err() || length == 0 {
                return;
            }
        }
    });
}

/// The keys that are typed, with Ctrl-A as a prefix, as in screen and in QEMU's own console.
#[derive(Default)]
struct Keys {
    prefixed: bool,
}

impl Keys {
    const CTRL_A: u8 = 1;

    /// The bytes for the guest, and whether the user wants to end.
    fn translate(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut sent = Vec::new();
        for &key in typed {
            match (self.prefixed, key) {
                (false, Self::CTRL_A) => {
                    self.prefixed = true;
                    continue;
                }
                (false, key) => sent.push(key),
                (true, b'x' | b'X') => return (sent, true),
                (true, Self::CTRL_A | b'a') => sent.push(Self::CTRL_A),
                (true, key) => sent.extend([Self::CTRL_A, key]),
            }
            self.prefixed = false;
        }
        (sent, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_a_x_ends_the_connection() {
        assert_eq!(
            Keys::default().translate(b"on\x01xoff"),
            (b"on".to_vec(), true)
        );
        assert_eq!(Keys::default().translate(b"\x01X"), (vec![], true));
        let mut keys = Keys::default();
        assert_eq!(keys.translate(b"\x01"), (vec![], false));
        assert_eq!(keys.translate(b"x"), (vec![], true));
    }

    #[test]
    fn every_other_key_reaches_the_guest() {
        assert_eq!(
            Keys::default().translate(b"xX\x03\x1a"),
            (b"xX\x03\x1a".to_vec(), false)
        );
        assert_eq!(
            Keys::default().translate(b"\x01\x01\x01ax"),
            (b"\x01\x01x".to_vec(), false)
        );
        assert_eq!(
            Keys::default().translate(b"\x01ex"),
            (b"\x01ex".to_vec(), false)
        );
    }
}
