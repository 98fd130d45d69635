//! Commands that wait for an LED are folded: it ends as if all of them had been applied.

use shared::Command;

/// What happens to the commands that wait, the first one first, when another one comes: how many of the last ones it replaces,
/// and the command that stands for these and for it.
///
/// Only what ends in the same state whatever the state before is folded. STATUS is for its reply, and what waits before it is
/// not replaced by what comes after it.
pub(crate) fn fold(
    waiting: impl DoubleEndedIterator<Item = Command>,
    next: Command,
) -> (usize, Command) {
    let (mut replaced, mut command) = (0, next);
    let mut before = waiting.rev().peekable();
    while let Some(last) = before.next() {
        command = match (last, command) {
            (
                Command::On | Command::Off | Command::Toggle | Command::Blink(_),
                Command::On | Command::Off | Command::Blink(_),
            ) => command,
            (Command::On | Command::Blink(_), Command::Toggle) => Command::Off,
            (Command::Off, Command::Toggle) => Command::On,
            // An LED that blinks is on after two, so two are not none. Three are one.
            (Command::Toggle, Command::Toggle) if before.peek() == Some(&Command::Toggle) => {
                before.next();
                replaced += 1;
                Command::Toggle
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

    use shared::{Blink, State};

    use super::*;

    /// What the controller does.
    fn apply(state: State, command: Command) -> State {
        match (command, state) {
            (Command::On, _) | (Command::Toggle, State::Off) => State::On,
            (Command::Off, _) | (Command::Toggle, _) => State::Off,
            (Command::Blink(blink), _) => State::Blink(blink),
            _ => state,
        }
    }

    fn add(waiting: &mut Vec<Command>, next: Command) {
        let (replaced, command) = fold(waiting.iter().copied(), next);
        waiting.truncate(waiting.len() - replaced);
        waiting.push(command);
    }

    fn blink(ms: u64) -> Blink {
        let phase = Duration::from_millis(ms);
        Blink::new(phase, phase, None).unwrap()
    }

    /// Each sequence of up to six commands, in which none is sent until the end, or one after any of them.
    #[test]
    fn the_led_ends_as_if_all_commands_had_been_applied() {
        let commands = [
            Command::On,
            Command::Off,
            Command::Toggle,
            Command::Blink(blink(500)),
            Command::Blink(blink(1)),
            Command::Status,
        ];
        let states = [State::Off, State::On, State::Blink(blink(7))];
        for length in 0..=6 {
            for number in 0..6_usize.pow(length) {
                let sequence = (0..length).map(|place| commands[number / 6_usize.pow(place) % 6]);
                for state in states {
                    for sent_after in 0..=length {
                        let (mut plain, mut folded, mut waiting) = (state, state, Vec::new());
                        for (place, command) in sequence.clone().enumerate() {
                            plain = apply(plain, command);
                            add(&mut waiting, command);
                            if u32::try_from(place).unwrap() == sent_after {
                                folded = apply(folded, waiting.remove(0));
                            }
                        }
                        let statuses = waiting
                            .iter()
                            .filter(|command| **command == Command::Status)
                            .count();
                        assert!(waiting.len() <= 2 + 3 * statuses, "{waiting:?}");
                        folded = waiting.into_iter().fold(folded, apply);
                        let sequence: Vec<_> = sequence.clone().collect();
                        assert_eq!(folded, plain, "{sequence:?}, one sent after {sent_after}");
                    }
                }
            }
        }
    }

    #[test]
    fn three_toggles_are_one_two_stay_two_and_status_stays() {
        use Command::{Off, On, Status, Toggle};
        for (commands, folded) in [
            (&[Toggle, Toggle][..], &[Toggle, Toggle][..]),
            (&[Toggle; 3], &[Toggle]),
            (&[Toggle; 4], &[Toggle; 2]),
            (&[Toggle, Toggle, On], &[On]),
            (&[On, Toggle], &[Off]),
            (
                &[Status, On, Off, Status, Off, On],
                &[Status, Off, Status, On],
            ),
        ] {
            let mut waiting = Vec::new();
            commands
                .iter()
                .for_each(|command| add(&mut waiting, *command));
            assert_eq!(waiting, folded);
        }
    }
}
