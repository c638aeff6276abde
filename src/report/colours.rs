//! Whether and how text for a terminal is coloured.
//!
//! In: plain text and a style. Out: the text between the control sequences that set the style and reset
//! it (ECMA-48, section 8.3.117, SGR), or as it is. The environment is not asked: a format colours what its
//! options say, and the program knows whether a terminal reads it.

use colored::Color;

/// Whether text has colours. They only repeat what its words say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colours {
    /// Plain text.
    #[default]
    None,
    /// The control sequences of ECMA-48, which all terminals know.
    Ansi,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// A parameter of SGR, or none.
    weight: Option<&'static str>,
    colour: Option<Color>,
}

impl Style {
    pub(super) const PLAIN: Self = Self::new(None, None);
    pub(super) const BOLD: Self = Self::new(Some("1"), None);
    pub(super) const DIM: Self = Self::new(Some("2"), None);
    pub(super) const RED: Self = Self::new(None, Some(Color::Red));
    pub(super) const YELLOW: Self = Self::new(None, Some(Color::Yellow));
    pub(super) const GREEN: Self = Self::new(None, Some(Color::Green));

    const fn new(weight: Option<&'static str>, colour: Option<Color>) -> Self {
        Self { weight, colour }
    }

    /// The same in bold.
    pub(super) const fn bold(self) -> Self {
        Self::new(Self::BOLD.weight, self.colour)
    }
}

impl Colours {
    /// Text in a style. The text has no style of its own yet.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self == Self::None || style == Style::PLAIN {
            return text.to_owned();
        }
        let colour = style.colour.map(|colour| colour.to_fg_str());
        let parameters = [style.weight, colour.as_deref()];
        let parameters: Vec<_> = parameters.into_iter().flatten().collect();
        format!("\x1b[{}m{text}\x1b[0m", parameters.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_stands_around_its_text() {
        let paint = |style| Colours::Ansi.paint(style, "x");
        assert_eq!(paint(Style::PLAIN), "x");
        assert_eq!(paint(Style::DIM), "\x1b[2mx\x1b[0m");
        assert_eq!(paint(Style::GREEN), "\x1b[32mx\x1b[0m");
        assert_eq!(paint(Style::RED.bold()), "\x1b[1;31mx\x1b[0m");
        assert_eq!(Colours::None.paint(Style::RED, "x"), "x");
    }
}
