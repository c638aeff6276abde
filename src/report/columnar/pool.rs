//! Texts that come again, each in one place.
//!
//! In: texts of connections and calls. Out: cells that share them, which is what makes a column of them cheap.

use std::collections::HashSet;
use std::sync::Arc;

use super::coded::CellText;
use super::table::TableCell;

/// How many are kept.
const MAX_KEPT: usize = 1 << 16;

/// Texts that were asked for.
#[derive(Debug, Default)]
pub(super) struct TextPool {
    texts: HashSet<Arc<str>>,
}

impl TextPool {
    /// A cell with this text. When too many are kept all are forgotten.
    pub(super) fn cell(&mut self, text: &str) -> TableCell {
        let kept = match self.texts.get(text) {
            Some(kept) => Arc::clone(kept),
            None => {
                if self.texts.len() >= MAX_KEPT {
                    self.texts.clear();
                }
                let kept = Arc::from(text);
                self.texts.insert(Arc::clone(&kept));
                kept
            }
        };
        TableCell::Text(CellText::Kept(kept))
    }
}
