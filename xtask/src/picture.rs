//! `cargo xtask picture`: the picture of a rehearsal's result that README.md and the book show.

use std::fs;

use anstyle_svg::{Term, WIN10_CONSOLE};

use crate::failure::Failure;
use crate::shell;

const PICTURE: &str = "docs/book/src/command/rehearsal.svg";

/// Rehearses the demo and draws what the command prints on a terminal.
///
/// # Errors
///
/// When the rehearsal fails, or the picture cannot be written.
pub(crate) fn run() -> Result<(), Failure> {
    let mut rehearse =
        shell::cargo(&["run", "--release", "--quiet", "--", "rehearse", "--demo", "--seed", "7"]);
    shell::say("==> cargo run --release -- rehearse --demo --seed 7");
    // Colours are wanted although the output is no terminal.
    let text = shell::output(rehearse.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR"))?;
    fs::write(PICTURE, draw(&text)).map_err(Failure::io(format!("write {PICTURE}")))
}

/// Returns an SVG of a terminal with this text. It has a background of its own, so that it can be read on any page.
fn draw(text: &str) -> String {
    let picture = Term::new().palette(WIN10_CONSOLE).render_svg(text);
    // Dimmed text at the crate's opacity has too little contrast.
    picture.replace("opacity: 0.4", "opacity: 0.7")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_the_text_and_the_colours_of_the_terminal() {
        let picture = draw("\u{1b}[32m  ok\u{1b}[0m  a < b \u{1b}[2mc\u{1b}[0m\n");
        assert!(picture.starts_with("<svg") && picture.contains("a &lt; b"), "{picture}");
        assert!(picture.contains("opacity: 0.7"), "{picture}");
        assert!(picture.contains("fg-green") && !picture.contains('\u{1b}'), "{picture}");
    }
}
