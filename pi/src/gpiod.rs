//! The command lines of Debian's gpiod, which changed with version 2.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gpiod {
    One,
    Two,
}

impl Gpiod {
    /// The package of its library.
    pub(crate) fn library(self) -> &'static str {
        match self {
            Gpiod::One => "libgpiod2",
            Gpiod::Two => "libgpiod3",
        }
    }

    /// A command that prints the line about GPIO17.
    pub(crate) fn info(self, chip: &str) -> String {
        match self {
            Gpiod::One => format!("gpioinfo {chip} | grep GPIO17"),
            Gpiod::Two => format!("gpioinfo --chip {chip} GPIO17"),
        }
    }

    /// How that line shows the offset.
    pub(crate) fn offset(self, chip: &str, offset: u32) -> String {
        match self {
            Gpiod::One => format!("line {offset:>3}:"),
            Gpiod::Two => format!("{chip} {offset}"),
        }
    }

    /// How that line shows the consumer.
    pub(crate) fn held_by(self, consumer: &str) -> String {
        match self {
            Gpiod::One => format!("\"{consumer}\" "),
            Gpiod::Two => format!("consumer=\"{consumer}\""),
        }
    }

    /// A command that prints the line about GPIO17, and fails if a program holds it.
    pub(crate) fn is_free(self, chip: &str) -> String {
        match self {
            Gpiod::One => format!("{} | grep unused", self.info(chip)),
            Gpiod::Two => format!("{} | grep -v consumer=", self.info(chip)),
        }
    }

    /// A command that holds GPIO17 at a level until it is ended.
    pub(crate) fn hold(self, level: u32) -> String {
        match self {
            Gpiod::One => format!("gpioset --mode=signal gpiochip0 17={level}"),
            Gpiod::Two => format!("gpioset --chip gpiochip0 17={level}"),
        }
    }

    /// A command that sets GPIO17 and ends.
    pub(crate) fn set(self, level: u32) -> String {
        match self {
            Gpiod::One => format!("gpioset gpiochip0 17={level}"),
            Gpiod::Two => format!("gpioset --toggle 0 --chip gpiochip0 17={level}"),
        }
    }
}
