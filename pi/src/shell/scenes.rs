//! The scenes of a user: `pi shell` on a pseudo-terminal.

use std::{
    env,
    fs::File,
    io::{Read, Write},
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{Error, groups::Verdict};

/// How long to wait for a boot or for output. The machine may be shared.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a user types, and then sees.
type Scene = &'static [(&'static str, &'static str)];

const SCENES: [(&str, Scene); 2] = [
    (
        "a user turns the LED on, interrupts a program, and powers off",
        &[
            ("stty size\r", "\n30 100\n"),
            ("./controller &\r", "ready"),
            ("./command on\r", "pin 11: high"),
            ("./command off\r", "pin 11: low"),
            // Printed by the process that is interrupted next, when it is in the foreground. Without the quotes it is not an
            // echo of the input.
            (
                "sh -c 'echo it sleeps \"\" now; exec sleep 1000'\r",
                "it sleeps  now",
            ),
            ("\x03", "^C"),
            ("echo status $?\r", "status 130"),
            ("exit\r", PROMPT),
            ("./command on\r", "pin 11: high"),
            // Its init ends the controller, which turns the LED off.
            ("poweroff\r", "pin 11: low"),
        ],
    ),
    (
        "a user ends with Ctrl-A X",
        &[
            ("./controller --initial on &\r", "pin 11: high"),
            // The beginning of a line whose first letter is typed last.
            ("cho prefixed '' key\x01\x01e\r", "prefixed  key"),
            ("\x01x", "QEMU: Terminated"),
        ],
    ),
];

const PROMPT: &str = "or Ctrl-A X ends this.\n\n/led # ";

/// Boots once for each scene.
pub(crate) fn play(verdict: &mut Verdict) -> Result<(), Error> {
    for (name, scene) in SCENES {
        let played = verdict.step(name, || {
            let mut user = User::start()?;
            user.wait_for(PROMPT)?;
            for (keys, seen) in scene {
                user.shown.clear();
                user.keyboard.write_all(keys.as_bytes())?;
                user.wait_for(seen)?;
            }
            user.assert_released()
        });
        verdict.count(name, played);
    }
    Ok(())
}

/// A user at a terminal.
struct User {
    program: Child,
    keyboard: File,
    terminal: File,
    /// Since a key was last typed.
    shown: Vec<u8>,
}

impl User {
    fn start() -> Result<User, Error> {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?;
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
        let size = Winsize {
            ws_row: 30,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size)?;
        let program = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .arg(env::current_exe()?)
            .arg("shell")
            .stdin(terminal.try_clone()?)
            .stdout(terminal.try_clone()?)
            .stderr(terminal.try_clone()?)
            .spawn()?;
        Ok(User {
            program,
            keyboard: keyboard.into(),
            terminal: terminal.into(),
            shown: Vec::new(),
        })
    }

    fn wait_for(&mut self, part: &str) -> Result<(), Error> {
        self.wait(part, |user| {
            let shown = String::from_utf8_lossy(&user.shown).replace('\r', "");
            Ok(shown.contains(part))
        })
    }

    /// Waits until the program, and QEMU before it, has ended with exit status 0, and asserts that the terminal is as before.
    fn assert_released(&mut self) -> Result<(), Error> {
        self.wait("the program ends", |user| {
            Ok(user.program.try_wait()?.is_some())
        })?;
        let status = self.program.wait()?;
        if !status.success() {
            return Err(format!("the program ended with {status}").into());
        }
        let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        if !tcgetattr(&self.terminal)?.local_modes.contains(cooked) {
            return Err("the terminal is still raw".into());
        }
        Ok(())
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
                // Escape sequences would change the reader's terminal.
                let shown = String::from_utf8_lossy(&self.shown).replace('\x1b', "^[");
                return Err(format!("timed out: {what:?} is not in {shown:?}").into());
            }
            let keyboard = PollFd::new(&self.keyboard, PollFlags::IN);
            if poll(&mut [keyboard], Some(&moment))? > 0 {
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
