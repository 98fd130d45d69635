//! The command lines of Debian's gpiod, which changed with version 2.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gpiod {
    One,
    Two,
}

impl Gpiod {
    fn either(self, one: &str, two: &str) -> String {
        match self {
            Gpiod::One => one.to_owned(),
            Gpiod::Two => two.to_owned(),
        }
    }

    /// The package of its library.
    pub(crate) fn library(self) -> String {
        self.either("libgpiod2", "libgpiod3")
    }

    /// A command that prints the line about GPIO17.
    pub(crate) fn info(self, chip: &str) -> String {
        self.either(
            &format!("gpioinfo {chip} | grep GPIO17"),
            &format!("gpioinfo --chip {chip} GPIO17"),
        )
    }

    /// How that line shows the offset.
    pub(crate) fn offset(self, chip: &str, offset: u32) -> String {
        self.either(&format!("line {offset:>3}:"), &format!("{chip} {offset}"))
    }

    /// How that line shows the consumer.
    pub(crate) fn held_by(self, consumer: &str) -> String {
        self.either(
            &format!("\"{consumer}\" "),
            &format!("consumer=\"{consumer}\""),
        )
    }

    /// A command that prints the line about GPIO17, and fails if a program holds it.
    pub(crate) fn is_free(self, chip: &str) -> String {
        self.info(chip) + &self.either(" | grep unused", " | grep -v consumer=")
    }

    /// A command that holds GPIO17 of this chip at a level until it is ended.
    pub(crate) fn hold(self, chip: &str, level: u32) -> String {
        let option = self.either("--mode=signal", "--chip");
        format!("gpioset {option} {chip} 17={level}")
    }

    /// A command that sets GPIO17 and ends.
    pub(crate) fn set(self, level: u32) -> String {
        let options = self.either("", "--toggle 0 --chip ");
        format!("gpioset {options}gpiochip0 17={level}")
    }
}
