//! How an example ends after an error: with a message and exit status 1.

use std::fmt;

use shared::{Error, KeyError};

/// The message of an error. `main` prints what it returns with `Debug`, which would show the fields of the error.
pub(crate) struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let advice = match error {
            Error::NotFound(_) => "; start the server first",
            Error::Exists(_) => {
                "; a server uses it, or has left it: \"ipcs -q\" shows it, \"ipcrm -Q KEY\" removes it"
            }
            _ => "",
        };
        Failure(format!("{error}{advice}"))
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Failure {
        Failure(error.to_string())
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Failure {
        Failure(message.to_owned())
    }
}
