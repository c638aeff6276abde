//! Methods of requests whose `:path` is a header-table entry from before the capture.
//!
//! In: the first fields of one connection's requests, in order. Out, at the end: the path that an
//! unseen entry must have held, where only one is left. Nothing proves it, so whoever uses it says that
//! it is inferred; between two possible paths none is chosen.
//!
//! A client writes pseudo-header fields in one order, so a request that is read whole shows which field of
//! the others is `:path`. An encoder refers to an entry while its table holds it, and writes the field out
//! again once it is evicted. So the table turns over:
//!
//! ```text
//!   request   1    3    5    7    9    11
//!   :path     #-4  #-5  #-4  /A   /B   /A        /A is written out after the last #-4, /B after #-5
//! ```
//!
//! `/A` cannot be `#-5` if `#-5` was referred to after `/A` was written: the encoder had both. Where the
//! table's paths before and after are as many, and each has one place left, each must have had that.

use std::sync::Arc;

use crate::decode::http2::hpack::{Field, FieldName, UnreadField};

/// How many pseudo-header fields a request has (RFC 9113, section 8.3.1).
const PSEUDO_FIELDS: usize = 4;

/// How many different beginnings of requests, and how many paths, are kept. Clients with more methods
/// than this leave too much to choose from.
const MAX_CANDIDATES: usize = 32;

/// A request's first fields, among those of the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape(u8);

/// What one connection's requests say of unseen paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct InferredPaths {
    /// How many requests came since the first one with an unseen field.
    requests: u64,
    /// The order of pseudo-header fields, once a request was read whole.
    order: Option<[Pseudo; PSEUDO_FIELDS]>,
    shapes: Vec<ShapeUse>,
    paths: Vec<SeenPath>,
    /// There were more shapes or paths than are kept: nothing can be inferred.
    crowded: bool,
}

/// The first fields of requests that are alike.
#[derive(Clone, Copy, Debug)]
struct ShapeUse {
    places: [PseudoField; PSEUDO_FIELDS],
    /// The latest of these requests.
    latest: u64,
}

/// The first fields of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PseudoFields {
    /// `None` where a field is no pseudo-header field.
    places: [Option<PseudoField>; PSEUDO_FIELDS],
    /// Whether one of them is an unseen entry of the header table.
    unseen: bool,
}

impl PseudoFields {
    /// Takes the request's field in a place, counted from 0; those after the first ones are passed over.
    #[inline]
    pub(crate) fn add(&mut self, place: usize, field: UnreadField<'_>) {
        let Some(place) = self.places.get_mut(place) else {
            return;
        };
        *place = match field.known_name() {
            FieldName::Method => Some(PseudoField::Known(Pseudo::Method)),
            FieldName::Scheme => Some(PseudoField::Known(Pseudo::Scheme)),
            FieldName::Authority => Some(PseudoField::Known(Pseudo::Authority)),
            FieldName::Path => Some(PseudoField::Known(Pseudo::Path)),
            FieldName::Other => {
                let Field {
                    name, value, entry, ..
                } = field.read();
                let is_unseen = name.is_none() && value.is_none();
                entry.filter(|_| is_unseen).map(PseudoField::Unseen)
            }
            _ => None,
        };
        self.unseen |= matches!(place, Some(PseudoField::Unseen(_)));
    }

    /// All of them, if they are pseudo-header fields.
    fn all(&self) -> Option<[PseudoField; PSEUDO_FIELDS]> {
        let [first, second, third, fourth] = self.places;
        Some([first?, second?, third?, fourth?])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PseudoField {
    Known(Pseudo),
    /// An unseen entry of the header table.
    Unseen(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pseudo {
    Method,
    Scheme,
    Authority,
    Path,
}

/// A path that was read.
#[derive(Clone, Debug)]
struct SeenPath {
    path: Arc<[u8]>,
    /// The first request that had it.
    first: u64,
    /// Whether the table had turned over by then: that request had no unseen pseudo-header field.
    turned_over: bool,
}

impl InferredPaths {
    /// Takes the next request's first fields, and its path if that is known; gives its shape if it is not.
    pub(crate) fn add(&mut self, fields: &PseudoFields, path: Option<&Arc<[u8]>>) -> Option<Shape> {
        let unseen = fields.unseen;
        if !unseen && self.shapes.is_empty() || self.crowded {
            return None;
        }
        self.requests += 1;
        let places = fields.all();
        let Some(path) = path else {
            return self.keep(places?);
        };
        if let Some(order) = places.and_then(whole) {
            self.order.get_or_insert(order);
        }
        if self.paths.len() >= MAX_CANDIDATES {
            self.crowded = true;
        } else if !self.paths.iter().any(|seen| seen.path == *path) {
            self.paths.push(SeenPath {
                path: Arc::clone(path),
                first: self.requests,
                turned_over: !unseen,
            });
        }
        None
    }

    fn keep(&mut self, places: [PseudoField; PSEUDO_FIELDS]) -> Option<Shape> {
        let known = self.shapes.iter().position(|kept| kept.places == places);
        let at = known.unwrap_or(self.shapes.len());
        if at >= MAX_CANDIDATES {
            self.crowded = true;
            return None;
        }
        let used = ShapeUse {
            places,
            latest: self.requests,
        };
        match self.shapes.get_mut(at) {
            Some(kept) => *kept = used,
            None => self.shapes.push(used),
        }
        u8::try_from(at).ok().map(Shape)
    }

    /// The path that each shape must have had, where only one is possible.
    pub(crate) fn infer(&self) -> PathsByShape {
        let Some(order) = self.order.filter(|_| !self.crowded) else {
            return PathsByShape::default();
        };
        let entries: Vec<_> = self.shapes.iter().map(|shape| shape.path(&order)).collect();
        let mut open: Vec<(i64, u64)> = Vec::new();
        for (entry, shape) in entries.iter().zip(&self.shapes) {
            let Some(entry) = *entry else { continue };
            match open.iter_mut().find(|(known, _)| *known == entry) {
                Some((_, latest)) => *latest = shape.latest.max(*latest),
                None => open.push((entry, shape.latest)),
            }
        }
        let held = self.match_up(open);
        let paths = entries.into_iter().map(|entry| {
            let (_, path) = held.iter().find(|(held, _)| Some(*held) == entry)?;
            Some(Arc::clone(path))
        });
        PathsByShape(paths.collect())
    }

    /// Gives each entry, with the latest request that referred to it, the only path left for it.
    fn match_up(&self, mut open: Vec<(i64, u64)>) -> Vec<(i64, Arc<[u8]>)> {
        let mut left: Vec<_> = self.paths.iter().collect();
        let mut held = Vec::new();
        if left.len() != open.len() {
            return held;
        }
        loop {
            let only = open.iter().enumerate().find_map(|(at, (_, latest))| {
                let mut later = (0..left.len())
                    .filter(|path| left.get(*path).is_some_and(|path| path.first > *latest));
                let path = later.next()?;
                later.next().is_none().then_some((at, path))
            });
            let Some((at, path)) = only else {
                return held;
            };
            let ((entry, _), written) = (open.swap_remove(at), left.swap_remove(path));
            if written.turned_over {
                held.push((entry, Arc::clone(&written.path)));
            }
        }
    }
}

impl ShapeUse {
    /// The unseen entry in the place of `:path`, if all other fields are in their places too.
    fn path(&self, order: &[Pseudo; PSEUDO_FIELDS]) -> Option<i64> {
        let mut path = None;
        for (place, pseudo) in self.places.iter().zip(order) {
            match place {
                PseudoField::Known(known) if known == pseudo => {}
                PseudoField::Known(_) => return None,
                PseudoField::Unseen(entry) if *pseudo == Pseudo::Path => path = Some(*entry),
                PseudoField::Unseen(_) => {}
            }
        }
        path
    }
}

/// The paths that were inferred.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathsByShape(Vec<Option<Arc<[u8]>>>);

impl PathsByShape {
    /// The path of requests with a certain shape.
    pub(crate) fn path(&self, shape: Shape) -> Option<Arc<[u8]>> {
        self.0.get(usize::from(shape.0))?.clone()
    }
}

/// The order of fields that are all known.
fn whole(places: [PseudoField; PSEUDO_FIELDS]) -> Option<[Pseudo; PSEUDO_FIELDS]> {
    let mut order = [Pseudo::Method; PSEUDO_FIELDS];
    for (known, place) in order.iter_mut().zip(places) {
        let PseudoField::Known(pseudo) = place else {
            return None;
        };
        *known = pseudo;
    }
    order.contains(&Pseudo::Path).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::http2::hpack::{Decoder, HeaderBlock};

    /// `:method: POST`, `:scheme: http`.
    const POST: [u8; 2] = [0x83, 0x86];

    /// A field from before the capture: the entry inserted `back` insertions before it began.
    const fn unseen(back: u8) -> Bytes<'static> {
        Bytes::Unseen(back)
    }

    enum Bytes<'a> {
        Unseen(u8),
        Path(&'a str),
        Authority(&'a str),
    }
    use Bytes::{Authority, Path};

    /// A client whose requests begin with `:method`, `:scheme`, `:path`, `:authority`.
    struct Client {
        decoder: Decoder,
        inserted: u8,
        entries: Vec<String>,
        paths: InferredPaths,
    }

    impl Client {
        fn new() -> Self {
            Self {
                decoder: Decoder::unseen(),
                inserted: 0,
                entries: Vec::new(),
                paths: InferredPaths::default(),
            }
        }

        fn asks(&mut self, path: Bytes<'_>, authority: Bytes<'_>) -> Option<Shape> {
            let mut bytes = POST.to_vec();
            for field in [path, authority] {
                match field {
                    Bytes::Unseen(back) => bytes.push(0x80 | (61 + self.inserted + back)),
                    Path(text) => self.write(0x44, text, &mut bytes),
                    Authority(text) => self.write(0x41, text, &mut bytes),
                }
            }
            let mut block = HeaderBlock::default();
            assert_eq!(self.decoder.decode(&bytes, &mut block), None);
            let path = block.fields().find(|field| field.name == Some(b":path"));
            let path = path.and_then(|field| field.value).map(Arc::from);
            let mut fields = PseudoFields::default();
            for (place, field) in block.unread_fields().enumerate() {
                fields.add(place, field);
            }
            self.paths.add(&fields, path.as_ref())
        }

        /// As encoders do: a field in the table is referred to, any other is inserted.
        fn write(&mut self, literal: u8, text: &str, bytes: &mut Vec<u8>) {
            let known = self.entries.iter().rev().position(|entry| entry == text);
            if let Some(position) = known {
                bytes.push(0x80 | (62 + u8::try_from(position).unwrap()));
                return;
            }
            bytes.extend([literal, u8::try_from(text.len()).unwrap()]);
            bytes.extend(text.bytes());
            self.entries.push(text.to_owned());
            self.inserted += 1;
        }

        fn inferred(&self, shape: Option<Shape>) -> Option<String> {
            let path = self.paths.infer().path(shape.unwrap())?;
            Some(String::from_utf8(path.to_vec()).unwrap())
        }
    }

    #[test]
    fn a_path_written_out_again_is_that_of_the_requests_before() {
        let mut client = Client::new();
        let first = client.asks(unseen(2), unseen(1));
        let second = client.asks(unseen(2), unseen(1));
        client.asks(Path("/A"), Authority("a"));
        client.asks(Path("/A"), Authority("a"));
        assert_eq!(client.inferred(first), Some("/A".to_owned()));
        assert_eq!(client.inferred(second), Some("/A".to_owned()));
    }

    #[test]
    fn two_paths_are_told_apart_by_when_each_was_last_referred_to() {
        let mut client = Client::new();
        let one = client.asks(unseen(4), unseen(3));
        let other = client.asks(unseen(2), unseen(3));
        client.asks(Path("/A"), Authority("a"));
        let late = client.asks(unseen(2), Authority("a"));
        client.asks(Path("/B"), Authority("a"));
        assert_eq!(client.inferred(one), Some("/A".to_owned()));
        assert_eq!(client.inferred(other), Some("/B".to_owned()));
        assert_eq!(client.inferred(late), Some("/B".to_owned()));
    }

    #[test]
    fn two_paths_that_came_and_went_together_stay_unknown() {
        let mut client = Client::new();
        let one = client.asks(unseen(3), unseen(1));
        let other = client.asks(unseen(2), unseen(1));
        client.asks(Path("/A"), Authority("a"));
        client.asks(Path("/B"), Authority("a"));
        assert_eq!(client.inferred(one), None);
        assert_eq!(client.inferred(other), None);
    }

    #[test]
    fn a_new_path_in_a_table_that_still_holds_the_old_one_is_not_it() {
        let mut client = Client::new();
        let first = client.asks(unseen(2), unseen(1));
        client.asks(Path("/B"), unseen(1));
        assert_eq!(client.inferred(first), None);
        let again = client.asks(unseen(2), unseen(1));
        client.asks(Path("/A"), Authority("a"));
        assert_eq!(client.inferred(again), None);
    }

    #[test]
    fn a_client_whose_order_of_fields_is_unknown_tells_nothing() {
        let mut client = Client::new();
        let first = client.asks(unseen(2), unseen(1));
        client.asks(unseen(2), Authority("a"));
        assert_eq!(client.inferred(first), None);
    }

    #[test]
    fn more_paths_than_are_kept_leave_all_unknown() {
        let mut client = Client::new();
        let first = client.asks(unseen(2), unseen(1));
        for number in 0..=MAX_CANDIDATES {
            client.asks(Path(&format!("/{number}")), Authority("a"));
        }
        assert_eq!(client.inferred(first), None);
    }
}
