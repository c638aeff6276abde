//! Texts that many calls share, stored once.

use std::sync::Arc;

use rustc_hash::FxHashSet;

/// How much of a method, an authority or a name of software is kept, in bytes: what a URL may take
/// before servers refuse it. A header table lets a peer repeat a longer one for a byte a call.
const MAX_TEXT: usize = 2 << 10;

/// How many bytes of texts a connection remembers that no call has any more, so that the next call shares
/// them: some hundreds of methods. Those that calls have are remembered whatever they take: to forget one
/// would be to keep it again for each call that refers to it by its place in a header table.
const MAX_REMEMBERED: usize = 16 << 10;

/// How many bytes of texts the calls of a connection may have before what is kept of the next ones is short:
/// a hundred methods at their longest.
const MAX_LONG: usize = 256 << 10;

/// How much of a text is kept then: longer than any method of gRPC that was ever seen.
const SHORT_TEXT: usize = 256;

/// What each text costs beside its bytes.
const OVERHEAD: usize = 48;

/// The texts of a connection's calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interned {
    known: FxHashSet<Arc<[u8]>>,
    bytes: usize,
    /// At how many bytes it is looked next for those that no call has any more.
    look_at: usize,
}

impl Interned {
    /// How many bytes they take.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A text, shared with whoever asked for an equal one before; no more than its beginning where it is to be `short`.
    pub(crate) fn share(&mut self, text: &[u8], short: bool) -> Arc<[u8]> {
        let mut text = cut(text);
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.bytes + text.len() + OVERHEAD > self.look_at.max(MAX_REMEMBERED) {
            self.forget_unused();
        }
        if short || self.bytes > MAX_LONG {
            text = text.get(..SHORT_TEXT).unwrap_or(text);
            if let Some(known) = self.known.get(text) {
                return Arc::clone(known);
            }
        }
        self.bytes += text.len() + OVERHEAD;
        let shared: Arc<[u8]> = text.into();
        self.known.insert(Arc::clone(&shared));
        shared
    }

    /// Looking again only when there is twice as much keeps it cheap, however many there are.
    fn forget_unused(&mut self) {
        self.known.retain(|text| Arc::strong_count(text) > 1);
        self.bytes = self.known.iter().map(|text| text.len() + OVERHEAD).sum();
        self.look_at = self.bytes * 2;
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
        let one = interned.share(b"/shop.Cart/Add", false);
        assert!(Arc::ptr_eq(&one, &interned.share(b"/shop.Cart/Add", false)));
        let long = interned.share(&[b'x'; 100_000], false);
        assert_eq!(long.len(), MAX_TEXT);
        assert!(Arc::ptr_eq(&long, &interned.share(&[b'x'; 50_000], false)));
    }

    #[test]
    fn texts_that_never_come_again_are_forgotten() {
        let mut interned = Interned::default();
        for number in 0..100_000 {
            interned.share(format!("/shop.Cart/{number}").as_bytes(), false);
            assert!(interned.bytes <= MAX_REMEMBERED);
        }
        let last = interned.share(b"/last", false);
        assert!(Arc::ptr_eq(&last, &interned.share(b"/last", false)));
    }

    #[test]
    fn calls_that_take_turns_at_many_long_texts_share_them() {
        // As a header table of a megabyte lets them, for two bytes a call.
        let mut interned = Interned::default();
        let mut calls = Vec::new();
        for call in 0..10_000_usize {
            let mut text = [b'p'; MAX_TEXT];
            text[0] = (call % 48) as u8;
            calls.push(interned.share(&text, false));
        }
        let mut distinct: Vec<_> = calls.iter().map(|text| text.as_ptr()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 48);
        assert_eq!(interned.bytes, 48 * (MAX_TEXT + OVERHEAD));
    }

    #[test]
    fn calls_with_long_texts_each_keep_the_beginnings() {
        let mut interned = Interned::default();
        let mut kept = 0;
        let mut calls = Vec::new();
        for call in 0..10_000_usize {
            let mut text = [b'p'; MAX_TEXT];
            text[..8].copy_from_slice(&call.to_be_bytes());
            let text = interned.share(&text, false);
            kept += text.len();
            calls.push(text);
        }
        assert!(
            kept <= MAX_LONG + MAX_TEXT + calls.len() * SHORT_TEXT,
            "{kept}"
        );
    }

    #[test]
    fn where_all_together_take_too_much_a_text_is_its_beginning() {
        let mut interned = Interned::default();
        let long = interned.share(&[b'p'; MAX_TEXT], true);
        assert_eq!(long.len(), SHORT_TEXT);
        assert!(Arc::ptr_eq(
            &long,
            &interned.share(&[b'p'; SHORT_TEXT], false)
        ));
    }
}
