//! Draws what programs wrote to a terminal: reads it from standard input, and writes SVG to standard output.
#![forbid(unsafe_code)]

use std::io::{self, Write};

use anstyle_svg::{Term, WIN10_CONSOLE};

fn main() -> io::Result<()> {
    let written = io::read_to_string(io::stdin())?;
    // The bright colours for the plain ones, which are too dark to read on black.
    let mut palette = WIN10_CONSOLE;
    palette.0.copy_within(9..15, 1);
    let picture = Term::new().palette(palette).render_svg(written.trim_end());
    io::stdout().write_all(picture.as_bytes())
}
