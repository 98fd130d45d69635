//! Draws terminal output: reads it from standard input, and writes SVG to standard output.
#![forbid(unsafe_code)]

use std::io::{self, Write};

use anstyle_svg::{Term, WIN10_CONSOLE};

fn main() -> io::Result<()> {
    let written = io::read_to_string(io::stdin())?;
    // Bright colours instead of the plain ones, which are too dark on black.
    let mut palette = WIN10_CONSOLE;
    palette.0.copy_within(9..15, 1);
    // As wide as the lines are, so that they can be read on a phone.
    let term = Term::new().palette(palette).min_width_px(0);
    let picture = term.render_svg(written.trim_end());
    io::stdout().write_all(picture.as_bytes())
}
