//! The scenes of a user: `pi shell` on a pseudo-terminal.

use std::{
    env,
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{Error, groups::Verdict, run::text};

/// What a user types, and then sees.
type Scene = &'static [(&'static str, &'static str)];

const SCENES: [(&str, Scene); 2] = [
    (
        "a user turns the LED on, interrupts a program, and powers off",
        &[
            ("stty size\r", "\n24 80\n"),
            ("controller &\r", "ready"),
            ("led on\r", "pin 11: high"),
            ("./command off\r", "pin 11: low"),
            // The LED of the board, beside it.
            ("./controller --led ACT --key 1300 &\r", "took LED ACT"),
            ("./command --key 1300 on\r", "\non\n"),
            // Printed by the process that is interrupted next, when it is in the foreground. Without the quotes it is not an
            // echo of the input.
            (
                "sh -c 'echo it sleeps \"\" now; exec sleep 1000'\r",
                "it sleeps  now",
            ),
            ("\x03", "^C"),
            ("echo status $?\r", "status 130"),
            ("exit\r", PROMPT),
            ("led on\r", "pin 11: high"),
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
            // QEMU has ended before, and the terminal is as it was.
            user.wait_for("ended with 0\n")?;
            user.wait_for("isig icanon")
        });
        verdict.count(name, played);
    }
    Ok(())
}

/// A user at a terminal.
struct User {
    terminal: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// Since a key was last typed.
    shown: String,
}

impl User {
    fn start() -> Result<User, Error> {
        let this = env::current_exe()?;
        // The machine may be shared, so that a boot takes minutes.
        let limited = format!("timeout --foreground 480 {} shell", text(&this)?);
        let line = format!("{limited}; echo ended with $?; stty -a");
        let mut terminal = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "script", "--quiet"])
            .args(["--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(User {
            keyboard: terminal.stdin.take().ok_or("it is a pipe")?,
            screen: terminal.stdout.take().ok_or("it is a pipe")?,
            terminal,
            shown: String::new(),
        })
    }

    fn wait_for(&mut self, part: &str) -> Result<(), Error> {
        let mut buffer = [0; 4096];
        while !self.shown.contains(part) {
            let length = self.screen.read(&mut buffer)?;
            if length == 0 {
                return Err(format!("{part:?} is not in {:?}", self.shown).into());
            }
            // QEMU's terminal adds a carriage return to each of the guest's.
            let read = String::from_utf8_lossy(&buffer[..length]).replace('\r', "");
            self.shown += &read;
        }
        Ok(())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.terminal.kill();
        let _ = self.terminal.wait();
    }
}
