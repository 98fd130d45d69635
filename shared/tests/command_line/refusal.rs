//! What holds for a command line of either program that is not understood.

use clap::error::{Error, ErrorKind};

/// There is a reason, and the exit status of wrong usage, if not help was asked for.
pub(crate) fn holds(error: &Error) {
    assert_ne!(error.render().to_string(), "");
    let is_asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    assert_eq!(error.exit_code(), if is_asked_for { 0 } else { 2 });
}
