//! How wide text is on a screen, and how it is cut.
//!
//! In: text that is fit to print and not yet coloured. Out: columns. No letter
//! is cut in two.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many columns plain text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Plain text cut in its middle to so many columns: both ends of a path say most.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    // What takes no column counts as one, or a heap of accents would have no end.
    let columns_of = |letter: char| letter.width().unwrap_or(0).max(1);
    let total: usize = text.chars().map(columns_of).sum();
    if total <= columns {
        return text.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let tail_columns = kept / 2;
    let take = |letters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut left = room;
        let mut taken = Vec::new();
        for letter in letters {
            let Some(rest) = left.checked_sub(columns_of(letter)) else {
                break;
            };
            left = rest;
            taken.push(letter);
        }
        taken
    };
    let head = take(&mut text.chars(), kept - tail_columns);
    let tail = take(&mut text.chars().rev(), tail_columns);
    head.into_iter()
        .chain(['…'])
        .chain(tail.into_iter().rev())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_long_name_stay() {
        assert_eq!(
            shortened("/inventory.Stock/Reserve", 24),
            "/inventory.Stock/Reserve"
        );
        assert_eq!(shortened("/inventory.Stock/Reserve", 11), "/inve…serve");
        assert_eq!(shortened("/倉庫/予約する", 8), "/倉…る");
        assert_eq!(shortened("abc", 0), "…");
        let accents = "e\u{301}".repeat(1_000);
        assert!(shortened(&accents, 10).chars().count() <= 10);
    }
}
