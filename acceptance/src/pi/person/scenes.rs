//! The scenes of the person: `acceptance shell` at a pseudo-terminal, typed at and read there.

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::Error;

/// How long a boot or a word may take before it counts as never coming. Machines here are shared.
const PATIENCE: Duration = Duration::from_secs(240);

type Scene = fn(&mut Person) -> Result<(), Error>;

/// Each with what `NO_COLOR` is then.
const SCENES: [(&str, &str, Scene); 2] = [
    ("a person lights the lamp, interrupts, and powers off", "", power_off),
    ("a person without colours leaves by Ctrl-A X", "1", leave),
];

/// Plays all scenes; stops at the first that fails.
pub(crate) fn play() -> Result<(), Error> {
    for (name, no_color, scene) in SCENES {
        println!("scene: {name}");
        let mut person = Person::sit_down(no_color)?;
        let played = scene(&mut person).and_then(|()| person.is_released());
        played.map_err(|error| {
            // Sequences would do to the reader's terminal what they did to this one.
            let text = person.screen().0.replace('\x1b', "^[");
            format!("scene \"{name}\": {error}\nat the terminal:\n{text}")
        })?;
    }
    println!("{} passed, 0 failed", SCENES.len());
    Ok(())
}

fn power_off(person: &mut Person) -> Result<(), Error> {
    person.lamp_is("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, input")?;
    person.types("stty size\r")?;
    person.sees("\n29 100\r")?;
    person.types("./controller &\r")?;
    person.sees("ready")?;
    person.lamp_is("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, output")?;
    person.types("./command on\r")?;
    person.sees("\non\r")?;
    person.lamp_is("\x1b[93m●\x1b[0m GPIO 17 (pin 11): high, output")?;
    person.types("./command off\r")?;
    person.sees("\noff\r")?;
    person.lamp_is("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, output")?;

    // Said by who is to be interrupted, in the foreground by then; without the quotes it is no echo of what was typed.
    person.types("sh -c 'echo it sleeps \"\" now; exec sleep 1000'\r")?;
    person.sees("it sleeps  now")?;
    person.types("\x03")?;
    person.sees("^C")?;
    person.types("echo status $?\r")?;
    person.sees("status 130")?;

    // So much that QEMU would stand still if nobody took it while the pin is read.
    person.types("yes | head -3000; echo enough '' said\r")?;
    person.sees("enough  said")?;

    person.types("exit\r")?;
    person.sees("so does Ctrl-A X.\r\n\r\n/led # ")?;
    person.types("./command on\r")?;
    person.lamp_is("high, output")?;
    // Its init ends the controller, which leaves the lamp dark.
    person.types("poweroff\r")?;
    person.lamp_is("low, output")
}

fn leave(person: &mut Person) -> Result<(), Error> {
    person.lamp_is("○ GPIO 17 (pin 11): low, input  —  Ctrl-A X ends")?;
    person.types("./controller --initial on &\r")?;
    person.lamp_is("● GPIO 17 (pin 11): high, output  —  Ctrl-A X ends")?;
    // A start of a line that is typed last.
    person.types("cho prefixed '' key\x01\x01e\r")?;
    person.sees("prefixed  key")?;
    person.types("\x01x")
}

/// Somebody at a terminal.
struct Person {
    program: Child,
    qemu: String,
    keyboard: File,
    terminal: File,
    shown: Vec<u8>,
    /// How much of the text there was when something was last typed.
    typed_at: usize,
}

impl Person {
    fn sit_down(no_color: &str) -> Result<Person, Error> {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?;
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        tcsetwinsize(&terminal, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 })?;
        let mut program = Command::new(env::current_exe()?);
        program.arg("shell").env("NO_COLOR", no_color);
        program.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal.try_clone()?);
        let mut person = Person {
            program: program.spawn()?,
            qemu: String::new(),
            keyboard: keyboard.into(),
            terminal: terminal.into(),
            shown: Vec::new(),
            typed_at: 0,
        };
        person.lamp_is("Ctrl-A X ends")?;
        person.sees("so does Ctrl-A X.\r\n\r\n/led # ")?;
        let program = person.program.id();
        person.qemu = fs::read_to_string(format!("/proc/{program}/task/{program}/children"))?.trim().to_owned();
        Ok(person)
    }

    fn types(&mut self, keys: &str) -> Result<(), Error> {
        println!("    types {keys:?}");
        self.typed_at = self.screen().0.len();
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Waits until this is among what came since something was typed.
    fn sees(&mut self, part: &str) -> Result<(), Error> {
        println!("    sees {part:?}");
        self.wait(part, |person| Ok(person.screen().0.get(person.typed_at..).is_some_and(|text| text.contains(part))))
    }

    /// Waits until the status line says this.
    fn lamp_is(&mut self, part: &str) -> Result<(), Error> {
        println!("    sees the status {part:?}");
        self.wait(part, |person| Ok(person.screen().1.contains(part)))
    }

    /// Waits until the program has ended well, and asserts that it has left nothing behind.
    fn is_released(&mut self) -> Result<(), Error> {
        self.wait("the top line scrolls again", |person| Ok(person.screen().0.contains("\x1b[r")))?;
        self.wait("the program ends", |person| Ok(person.program.try_wait()?.is_some()))?;
        let status = self.program.wait()?;
        println!("    {status}");
        if !status.success() {
            return Err(format!("it ended with {status}").into());
        }
        if !tcgetattr(&self.terminal)?.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG) {
            return Err("the terminal is still raw".into());
        }
        if self.qemu.is_empty() || Path::new("/proc").join(&self.qemu).exists() {
            return Err(format!("QEMU still runs, as {:?}", self.qemu).into());
        }
        Ok(())
    }

    /// What was shown: the text of the guest, and the last status line.
    fn screen(&self) -> (String, String) {
        let shown = String::from_utf8_lossy(&self.shown);
        // The status line is written between a saved and a restored cursor.
        let mut pieces = shown.split("\x1b7");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        let mut status = "";
        for piece in pieces {
            let (line, rest) = piece.split_once("\x1b8").unwrap_or((status, ""));
            status = line;
            text += rest;
        }
        (text, status.to_owned())
    }

    /// Looks at the terminal until something is so.
    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> Result<bool, Error>) -> Result<(), Error> {
        let start = Instant::now();
        let moment = Timespec::try_from(Duration::from_millis(50))?;
        while !is_so(self)? {
            if start.elapsed() > PATIENCE {
                return Err(format!("never: {what}").into());
            }
            if poll(&mut [PollFd::new(&self.keyboard, PollFlags::IN)], Some(&moment))? > 0 {
                let mut buffer = [0; 4096];
                let length = self.keyboard.read(&mut buffer)?;
                self.shown.extend(&buffer[..length]);
            }
        }
        Ok(())
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
