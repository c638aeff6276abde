//! JSON as kubectl and the API server write it, an object at a time: a list of any length takes the memory of one of its
//! objects.
//!
//! ```text
//! {"kind":"List","items":[{…},{…}]}        kubectl get -o json, or an answer of the API server
//! {"type":"ADDED","object":{…}}            an event of a watch
//! {"kind":"Pod", …}                        an object by itself
//! ```

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A part of what is read.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamedPart {
    /// An object that exists, in a list or by itself.
    Object(Value),
    /// An event of a watch: its type, such as `ADDED` or `DELETED`, and its object.
    Event(String, Value),
    /// A list is complete.
    ListEnd {
        /// From which version on a watch tells what comes after the list.
        resource_version: Option<String>,
        /// What the next page of the list is asked for with; `None` on the last one.
        next_page: Option<String>,
    },
}

/// Reads documents that stand one behind the other.
#[derive(Debug)]
pub struct ObjectStream<R> {
    reader: R,
}

impl<R: BufRead> ObjectStream<R> {
    /// Reads from `reader`, which should stop at some length where its text cannot be trusted.
    pub const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// Reads the next document, and gives its parts to `sink`; `false` where there is none any more.
    ///
    /// # Errors
    ///
    /// If reading fails, or the text is no such document.
    pub fn next(&mut self, sink: &mut dyn FnMut(StreamedPart)) -> io::Result<bool> {
        loop {
            let waiting = self.reader.fill_buf()?;
            if waiting.is_empty() {
                return Ok(false);
            }
            let blank = waiting.iter().take_while(|byte| byte.is_ascii_whitespace());
            let (blank, all) = (blank.count(), waiting.len());
            self.reader.consume(blank);
            if blank < all {
                break;
            }
        }
        // A document is an object, so that nothing behind its last brace is taken.
        let mut json = serde_json::Deserializer::from_reader(&mut self.reader);
        DocumentSeed { sink }.deserialize(&mut json)?;
        Ok(true)
    }
}

struct DocumentSeed<'a> {
    sink: &'a mut dyn FnMut(StreamedPart),
}

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of Kubernetes, a list of them, or an event of a watch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut object = Map::new();
        let mut is_list = false;
        while let Some(key) = fields.next_key::<String>()? {
            if key == "items" {
                is_list = true;
                fields.next_value_seed(ItemsSeed { sink: self.sink })?;
            } else {
                object.insert(key, fields.next_value()?);
            }
        }
        let text = |value: Option<&Value>| {
            let text = value?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        if is_list {
            let metadata = object.get("metadata");
            let field = |name| text(metadata.and_then(|metadata| metadata.get(name)));
            (self.sink)(StreamedPart::ListEnd {
                resource_version: field("resourceVersion"),
                next_page: field("continue"),
            });
            return Ok(());
        }
        match (text(object.get("type")), object.remove("object")) {
            (Some(kind), Some(object)) => (self.sink)(StreamedPart::Event(kind, object)),
            _ if object.contains_key("metadata") => {
                (self.sink)(StreamedPart::Object(Value::Object(object)));
            }
            _ => return Err(A::Error::custom("this is no object of Kubernetes")),
        }
        Ok(())
    }
}

struct ItemsSeed<'a> {
    sink: &'a mut dyn FnMut(StreamedPart),
}

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of objects")
    }

    /// An empty list of the API server may be `null`.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.sink)(StreamedPart::Object(item));
        }
        Ok(())
    }
}
