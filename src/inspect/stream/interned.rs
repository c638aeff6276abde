//! Texts that many calls share, stored once.

use std::sync::Arc;

use rustc_hash::FxHashSet;

/// How much of a method, an authority or a name of software is kept, in bytes: what a URL may take
/// before servers refuse it. A header table lets a peer repeat a longer one for a byte a call.
const MAX_TEXT: usize = 2 << 10;

/// How many bytes of texts a connection remembers, so that the next call shares them: some hundreds
/// of methods. Beyond it all are forgotten, and the next ones remembered.
const MAX_REMEMBERED: usize = 16 << 10;

/// What each text costs beside its bytes.
const OVERHEAD: usize = 48;

/// The texts of a connection's calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interned {
    known: FxHashSet<Arc<[u8]>>,
    bytes: usize,
}

impl Interned {
    /// A text, shared with whoever asked for an equal one before.
    pub(crate) fn share(&mut self, text: &[u8]) -> Arc<[u8]> {
        let text = cut(text);
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        let cost = text.len() + OVERHEAD;
        if self.bytes + cost > MAX_REMEMBERED {
            *self = Self::default();
        }
        self.bytes += cost;
        let shared: Arc<[u8]> = text.into();
        self.known.insert(Arc::clone(&shared));
        shared
    }
}

/// As much of a text as is kept.
pub(crate) fn cut(text: &[u8]) -> &[u8] {
    text.get(..MAX_TEXT).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_long_ones_are_cut() {
        let mut interned = Interned::default();
        let one = interned.share(b"/shop.Cart/Add");
        assert!(Arc::ptr_eq(&one, &interned.share(b"/shop.Cart/Add")));
        let long = interned.share(&[b'x'; 100_000]);
        assert_eq!(long.len(), MAX_TEXT);
        assert!(Arc::ptr_eq(&long, &interned.share(&[b'x'; 50_000])));
    }

    #[test]
    fn texts_that_never_come_again_are_forgotten() {
        let mut interned = Interned::default();
        for number in 0..100_000 {
            interned.share(format!("/shop.Cart/{number}").as_bytes());
            assert!(interned.bytes <= MAX_REMEMBERED);
        }
        let last = interned.share(b"/last");
        assert!(Arc::ptr_eq(&last, &interned.share(b"/last")));
    }
}
