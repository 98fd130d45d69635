//! Folds the commands that wait for an LED: a later command replaces earlier ones if the LED ends in the same state without them.

use shared::Command;

/// Adds a command to the waiting ones, which are given in their order. Returns how many of the last ones it replaces, and the one
/// command to apply in place of these and of `next`.
///
/// Commands are folded only if the result is the same from every state of the LED. STATUS is never replaced, and commands before it
/// are not replaced by commands after it, because its reply must have the state between them. A brightness is kept, because a
/// later ON without one uses it. FLASH replaces only FLASH, because it returns to the state before it.
pub(crate) fn fold(
    waiting: impl DoubleEndedIterator<Item = Command>,
    next: Command,
) -> (usize, Command) {
    use Command::{Blink, Flash, Off, On, Status, Toggle};
    let (mut replaced, mut command) = (0, next);
    let mut before = waiting.rev().peekable();
    while let Some(last) = before.next() {
        let kept = match last {
            On { brightness, .. } => brightness,
            _ => None,
        };
        command = match (last, command) {
            (_, On { brightness, fade }) if kept.is_some() => On {
                brightness: brightness.or(kept),
                fade,
            },
            (Status, _) => break,
            _ if kept.is_some() => break,
            (_, On { .. } | Off { .. } | Blink(_)) | (Flash(_), Flash(_)) => command,
            (On { .. } | Blink(_) | Flash(_), Toggle) => Command::OFF,
            (Off { .. }, Toggle) => Command::ON,
            // Two toggles turn a blinking LED on, so they do not cancel each other. Three have the effect of one.
            (Toggle, Toggle) if before.peek() == Some(&Toggle) => {
                before.next();
                replaced += 1;
                Toggle
            }
            _ => break,
        };
        replaced += 1;
    }
    (replaced, command)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::{Blink, Brightness, Light, State};

    use super::*;

    /// An LED, and what it does after a flash.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Led {
        light: Light,
        then: Option<State>,
    }

    /// What the controller does.
    fn apply(led: Led, command: Command) -> Led {
        let Led {
            light: Light { state, brightness },
            then,
        } = led;
        let steady = |state, brightness| Led {
            light: Light { state, brightness },
            then: None,
        };
        match (command, state) {
            (
                Command::On {
                    brightness: new, ..
                },
                _,
            ) => steady(State::On, new.unwrap_or(brightness)),
            (Command::Toggle, State::Off) => steady(State::On, brightness),
            (Command::Off { .. } | Command::Toggle, _) => steady(State::Off, brightness),
            (Command::Blink(blink), _) => steady(State::Blink(blink), brightness),
            (Command::Flash(blink), _) => Led {
                light: Light {
                    state: State::Blink(blink),
                    brightness,
                },
                then: then.or(Some(state)),
            },
            _ => led,
        }
    }

    fn add(waiting: &mut Vec<Command>, next: Command) {
        let (replaced, command) = fold(waiting.iter().copied(), next);
        waiting.truncate(waiting.len() - replaced);
        waiting.push(command);
    }

    fn blink(ms: u64, count: Option<u32>) -> Blink {
        let phase = Duration::from_millis(ms);
        Blink::new(phase, phase, count).unwrap()
    }

    fn on_at(percent: u32) -> Command {
        Command::On {
            brightness: Brightness::new(percent),
            fade: None,
        }
    }

    /// Each sequence of up to five commands, in which none is sent until the end, or one after any of them.
    #[test]
    fn the_led_ends_as_if_all_commands_had_been_applied() {
        let commands = [
            Command::ON,
            on_at(40),
            on_at(60),
            Command::OFF,
            Command::Toggle,
            Command::Blink(blink(500, None)),
            Command::Flash(blink(2, Some(1))),
            Command::Status,
        ];
        let states = [State::Off, State::On, State::Blink(blink(7, None))];
        for length in 0..=5 {
            for number in 0..commands.len().pow(length) {
                let of_place =
                    |place| commands[number / commands.len().pow(place) % commands.len()];
                let sequence: Vec<Command> = (0..length).map(of_place).collect();
                for state in states {
                    for sent_after in 0..=sequence.len() {
                        check(&sequence, state, sent_after);
                    }
                }
            }
        }
    }

    fn check(sequence: &[Command], state: State, sent_after: usize) {
        let led = Led {
            light: Light {
                state,
                brightness: Brightness::FULL,
            },
            then: None,
        };
        let (mut plain, mut folded, mut waiting) = (led, led, Vec::new());
        for (place, &command) in sequence.iter().enumerate() {
            plain = apply(plain, command);
            add(&mut waiting, command);
            if place == sent_after {
                folded = apply(folded, waiting.remove(0));
            }
        }
        let statuses = waiting
            .iter()
            .filter(|command| **command == Command::Status);
        assert!(waiting.len() <= 4 * (1 + statuses.count()), "{waiting:?}");
        folded = waiting.into_iter().fold(folded, apply);
        assert_eq!(folded, plain, "{sequence:?}, one sent after {sent_after}");
    }

    /// However many commands come, few wait.
    #[test]
    fn what_waits_is_bounded() {
        let commands = [
            Command::ON,
            on_at(40),
            Command::OFF,
            Command::Toggle,
            Command::Blink(blink(500, None)),
            Command::Flash(blink(2, Some(1))),
        ];
        for seed in 0_usize..1000 {
            let (mut waiting, mut random) = (Vec::new(), seed);
            for _ in 0..200 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                add(&mut waiting, commands[(random >> 33) % commands.len()]);
                assert!(waiting.len() <= 4, "{waiting:?}");
            }
        }
    }

    #[test]
    fn three_toggles_are_one_two_stay_two_and_status_stays() {
        use Command::{Status, Toggle};
        const ON: Command = Command::ON;
        const OFF: Command = Command::OFF;
        for (commands, folded) in [
            (&[Toggle, Toggle][..], &[Toggle, Toggle][..]),
            (&[Toggle; 3], &[Toggle]),
            (&[Toggle; 4], &[Toggle; 2]),
            (&[Toggle, Toggle, ON], &[ON]),
            (&[ON, Toggle], &[OFF]),
            (
                &[Status, ON, OFF, Status, OFF, ON],
                &[Status, OFF, Status, ON],
            ),
            (&[on_at(40), OFF, ON], &[on_at(40)]),
            (&[on_at(40), OFF], &[on_at(40), OFF]),
        ] {
            let mut waiting = Vec::new();
            commands
                .iter()
                .for_each(|command| add(&mut waiting, *command));
            assert_eq!(waiting, folded);
        }
    }
}
