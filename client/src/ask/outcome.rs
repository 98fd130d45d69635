//! What a reply says about a command.

use shared::{Blink, Command, Light, Message, Reply, State};

use crate::Error;

/// What the controller replied.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The command was applied. What the LED does now, and the whole reply.
    Applied(Light, Box<Message>),
    /// The controller turned the LED off and ended.
    Ended,
}

/// The outcome of a command with this reply.
pub(super) fn outcome(command: Command, message: Box<Message>) -> Result<Outcome, Error> {
    match Reply::decode(&message) {
        Some(Reply::Ok(_)) if command == Command::Exit => Ok(Outcome::Ended),
        // It is not the reply to this command: a member of the group can take a reply, and make the controller send another one.
        Some(Reply::Ok(light)) if !is_effect(command, light) => {
            Err(Error::Unconfirmed { light: Some(light) })
        }
        Some(Reply::Ok(light)) => Ok(Outcome::Applied(light, message)),
        Some(Reply::Err(reason)) if command == Command::Exit => Err(Error::Ended {
            reason: reason.to_owned(),
        }),
        Some(Reply::Err(reason)) => Err(Error::refused(command, reason)),
        None => Err(Error::Malformed {
            reply: message.to_string(),
        }),
    }
}

/// Whether the LED can do this after the command.
fn is_effect(command: Command, light: Light) -> bool {
    let is_phases_of = |asked: Blink| match light.state {
        State::Blink(blink) => (blink.on(), blink.off()) == (asked.on(), asked.off()),
        State::Off | State::On => false,
    };
    match command {
        Command::On { brightness, .. } => {
            let is_asked = |brightness| brightness == light.brightness;
            light.state == State::On && brightness.is_none_or(is_asked)
        }
        Command::Off { .. } => light.state == State::Off,
        Command::Toggle => light.state == State::On || light.state == State::Off,
        // Some flashes may be over already.
        Command::Blink(asked) => {
            is_phases_of(asked) || asked.count().is_some() && light.state == State::Off
        }
        // The flashes begin before the reply is sent.
        Command::Flash(asked) => is_phases_of(asked),
        Command::Status | Command::Watch(_) | Command::Exit => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::{Brightness, Fade, MessageType};

    use super::*;

    fn reply(text: &str) -> Box<Message> {
        Box::new(Message::new(MessageType::LED, text.as_bytes()).unwrap())
    }

    #[test]
    fn a_reply_with_another_brightness_is_not_the_reply_to_this_command() {
        let on = |percent| Command::On {
            brightness: Brightness::new(percent),
            fade: Fade::new(Duration::from_secs(1)),
        };
        for (command, text, is_reply) in [
            (on(40), "OK ON\nbrightness 40\n", true),
            (on(40), "OK ON\nbrightness 41\n", false),
            (on(40), "OK ON", false),
            (on(40), "OK OFF\nbrightness 40\n", false),
            (on(100), "OK ON", true),
            (Command::ON, "OK ON\nbrightness 40\n", true),
            (Command::OFF, "OK OFF", true),
            (Command::OFF, "OK ON", false),
        ] {
            let outcome = outcome(command, reply(text));
            assert_eq!(outcome.is_ok(), is_reply, "{command} {text:?}");
        }
    }

    #[test]
    fn a_controller_that_does_not_know_the_command_is_older() {
        let text = "ERR unknown command; known are ON, OFF, TOGGLE, STATUS, WATCH, BLINK";
        let older = outcome(Command::ON, reply(text));
        assert!(matches!(older, Err(Error::Older { .. })), "{older:?}");
        let refused = outcome(Command::ON, reply("ERR cannot set the LED: broken"));
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    }
}
