//! A pin, as seen from outside.

use std::fmt;

/// Level and direction of a pin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pin {
    pub(crate) high: bool,
    pub(crate) function: Function,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    Input,
    Output,
    Other(u32),
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}, {}", u8::from(self.high), self.function)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Function::Input => f.write_str("input"),
            Function::Output => f.write_str("output"),
            Function::Other(function) => write!(f, "function {function}"),
        }
    }
}
