//! The scenes of a user: `acceptance shell` on a pseudo-terminal.

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

/// How long to wait for a boot or for output. The machine may be shared.
const PATIENCE: Duration = Duration::from_secs(240);

type Scene = fn(&mut User) -> Result<(), Error>;

/// Each with the value of `NO_COLOR`.
const SCENES: [(&str, &str, Scene); 2] = [
    (
        "a user turns the LED on, interrupts a program, and powers off",
        "",
        power_off,
    ),
    ("a user without colours ends with Ctrl-A X", "1", leave),
];

/// Plays all scenes, and stops at the first that fails.
pub(crate) fn play() -> Result<(), Error> {
    for (name, no_color, scene) in SCENES {
        println!("scene: {name}");
        let mut user = User::start(no_color)?;
        let played = scene(&mut user).and_then(|()| user.assert_released());
        played.map_err(|error| {
            // Escape sequences would change the reader's terminal.
            let text = user.screen().0.replace('\x1b', "^[");
            format!("scene \"{name}\": {error}\nat the terminal:\n{text}")
        })?;
    }
    println!("{} passed, 0 failed", SCENES.len());
    Ok(())
}

fn power_off(user: &mut User) -> Result<(), Error> {
    user.wait_for_status("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, input")?;
    user.type_keys("stty size\r")?;
    user.wait_for_text("\n29 100\r")?;
    user.type_keys("./controller &\r")?;
    user.wait_for_text("ready")?;
    user.wait_for_status("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, output")?;
    user.type_keys("./command on\r")?;
    user.wait_for_text("\non\r")?;
    user.wait_for_status("\x1b[93m●\x1b[0m GPIO 17 (pin 11): high, output")?;
    user.type_keys("./command off\r")?;
    user.wait_for_text("\noff\r")?;
    user.wait_for_status("\x1b[2m○\x1b[0m GPIO 17 (pin 11): low, output")?;

    // Printed by the process that is interrupted next, when it is in the foreground. Without the quotes it is not an echo of
    // the input.
    user.type_keys("sh -c 'echo it sleeps \"\" now; exec sleep 1000'\r")?;
    user.wait_for_text("it sleeps  now")?;
    user.type_keys("\x03")?;
    user.wait_for_text("^C")?;
    user.type_keys("echo status $?\r")?;
    user.wait_for_text("status 130")?;

    // Enough output to block QEMU if it were not read while the pin is.
    user.type_keys("yes | head -3000; echo all '' lines\r")?;
    user.wait_for_text("all  lines")?;

    user.type_keys("exit\r")?;
    user.wait_for_text("or Ctrl-A X ends this.\r\n\r\n/led # ")?;
    user.type_keys("./command on\r")?;
    user.wait_for_status("high, output")?;
    // Its init ends the controller, which turns the LED off.
    user.type_keys("poweroff\r")?;
    user.wait_for_status("low, output")
}

fn leave(user: &mut User) -> Result<(), Error> {
    user.wait_for_status("○ GPIO 17 (pin 11): low, input  —  Ctrl-A X ends")?;
    user.type_keys("./controller --initial on &\r")?;
    user.wait_for_status("● GPIO 17 (pin 11): high, output  —  Ctrl-A X ends")?;
    // The beginning of a line whose first letter is typed last.
    user.type_keys("cho prefixed '' key\x01\x01e\r")?;
    user.wait_for_text("prefixed  key")?;
    user.type_keys("\x01x")
}

/// A user at a terminal.
struct User {
    program: Child,
    qemu: String,
    keyboard: File,
    terminal: File,
    shown: Vec<u8>,
    /// Length of the text when a key was last typed.
    typed_at: usize,
}

impl User {
    fn start(no_color: &str) -> Result<User, Error> {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?;
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        tcsetwinsize(
            &terminal,
            Winsize {
                ws_row: 30,
                ws_col: 100,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )?;
        let mut program = Command::new(env::current_exe()?);
        program.arg("shell").env("NO_COLOR", no_color);
        program
            .stdin(terminal.try_clone()?)
            .stdout(terminal.try_clone()?)
            .stderr(terminal.try_clone()?);
        let mut user = User {
            program: program.spawn()?,
            qemu: String::new(),
            keyboard: keyboard.into(),
            terminal: terminal.into(),
            shown: Vec::new(),
            typed_at: 0,
        };
        user.wait_for_status("Ctrl-A X ends")?;
        user.wait_for_text("or Ctrl-A X ends this.\r\n\r\n/led # ")?;
        let program = user.program.id();
        user.qemu = fs::read_to_string(format!("/proc/{program}/task/{program}/children"))?
            .trim()
            .to_owned();
        Ok(user)
    }

    fn type_keys(&mut self, keys: &str) -> Result<(), Error> {
        println!("    types {keys:?}");
        self.typed_at = self.screen().0.len();
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Waits until this is in the text since a key was last typed.
    fn wait_for_text(&mut self, part: &str) -> Result<(), Error> {
        println!("    sees {part:?}");
        self.wait(part, |user| {
            Ok(user
                .screen()
                .0
                .get(user.typed_at..)
                .is_some_and(|text| text.contains(part)))
        })
    }

    /// Waits until the status line contains this.
    fn wait_for_status(&mut self, part: &str) -> Result<(), Error> {
        println!("    sees the status {part:?}");
        self.wait(part, |user| Ok(user.screen().1.contains(part)))
    }

    /// Waits until the program has ended with exit status 0, and asserts that it left nothing behind.
    fn assert_released(&mut self) -> Result<(), Error> {
        self.wait("the top line is released", |user| {
            Ok(user.screen().0.contains("\x1b[r"))
        })?;
        self.wait("the program ends", |user| {
            Ok(user.program.try_wait()?.is_some())
        })?;
        let status = self.program.wait()?;
        println!("    {status}");
        if !status.success() {
            return Err(format!("the program ended with {status}").into());
        }
        if !tcgetattr(&self.terminal)?
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
        {
            return Err("the terminal is still raw".into());
        }
        if self.qemu.is_empty() || Path::new("/proc").join(&self.qemu).exists() {
            return Err(format!("QEMU still runs, with PID {:?}", self.qemu).into());
        }
        Ok(())
    }

    /// The guest's text, and the last status line.
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

    /// Reads the terminal until a condition is true.
    fn wait(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let start = Instant::now();
        let moment = Timespec::try_from(Duration::from_millis(50))?;
        while !condition(self)? {
            if start.elapsed() > PATIENCE {
                return Err(format!("timed out: {what}").into());
            }
            if poll(
                &mut [PollFd::new(&self.keyboard, PollFlags::IN)],
                Some(&moment),
            )? > 0
            {
                let mut buffer = [0; 4096];
                let length = self.keyboard.read(&mut buffer)?;
                self.shown.extend(&buffer[..length]);
            }
        }
        Ok(())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
