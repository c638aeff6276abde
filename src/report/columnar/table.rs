//! Rows into a Parquet file.
//!
//! In: typed values, a row at a time. Out: row groups as they fill, so that memory does not follow a file's length.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::capture::Timestamp;

/// The type of a column, which no capture changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Text,
    Texts,
    Small,
    Whole,
    Number,
    Flag,
    Time,
}

/// A column: its name and its type. Any but a list may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableColumn {
    name: String,
    kind: ColumnKind,
}

impl TableColumn {
    pub(super) fn text(name: &str) -> Self {
        Self::of(name, ColumnKind::Text)
    }

    pub(super) fn texts(name: &str) -> Self {
        Self::of(name, ColumnKind::Texts)
    }

    /// Of 32 bits.
    pub(super) fn small(name: &str) -> Self {
        Self::of(name, ColumnKind::Small)
    }

    /// Of 64 bits.
    pub(super) fn whole(name: &str) -> Self {
        Self::of(name, ColumnKind::Whole)
    }

    pub(super) fn number(name: &str) -> Self {
        Self::of(name, ColumnKind::Number)
    }

    pub(super) fn flag(name: &str) -> Self {
        Self::of(name, ColumnKind::Flag)
    }

    /// Microseconds since 1970, UTC.
    pub(super) fn time(name: &str) -> Self {
        Self::of(name, ColumnKind::Time)
    }

    fn of(name: &str, kind: ColumnKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
        }
    }

    /// As Parquet's schema language has it.
    fn schema(&self) -> String {
        let name = &self.name;
        match self.kind {
            ColumnKind::Text => format!("optional binary {name} (STRING);"),
            ColumnKind::Texts => format!(
                "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
            ),
            ColumnKind::Small => format!("optional int32 {name};"),
            ColumnKind::Whole => format!("optional int64 {name};"),
            ColumnKind::Number => format!("optional double {name};"),
            ColumnKind::Flag => format!("optional boolean {name};"),
            ColumnKind::Time => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
        }
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TableCell {
    Null,
    Text(ByteArray),
    Texts(Vec<ByteArray>),
    Small(i32),
    Whole(i64),
    Number(f64),
    Flag(bool),
    Time(Timestamp),
}

impl TableCell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(ByteArray::from(text.into().into_bytes()))
    }

    /// One of a few words that never change.
    pub(super) fn word(word: &'static str) -> Self {
        Self::Text(ByteArray::from(word))
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        let texts = texts.into_iter();
        Self::Texts(
            texts
                .map(|text| ByteArray::from(text.into_bytes()))
                .collect(),
        )
    }

    /// What it makes of `value`, and null of nothing.
    pub(super) fn maybe<T>(value: Option<T>, make: impl Fn(T) -> Self) -> Self {
        value.map_or(Self::Null, make)
    }
}

/// Writes the rows of a table.
pub(super) struct TableWriter {
    writer: SerializedFileWriter<Box<dyn Write + Send>>,
    columns: Vec<(ColumnKind, Vec<TableCell>)>,
    rows: usize,
}

impl TableWriter {
    pub(super) fn new(
        table: &str,
        columns: &[TableColumn],
        out: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let fields: String = columns.iter().map(TableColumn::schema).collect();
        let schema = parse_message_type(&format!("message {table} {{ {fields} }}"));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let schema = Arc::new(schema.map_err(failed)?);
        Ok(Self {
            writer: SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(failed)?,
            columns: columns
                .iter()
                .map(|column| (column.kind, Vec::new()))
                .collect(),
            rows: 0,
        })
    }

    /// Takes a row: a value for each column, in their order.
    pub(super) fn push(&mut self, row: impl Iterator<Item = TableCell>) {
        for ((_, values), value) in self.columns.iter_mut().zip(row) {
            values.push(value);
        }
        self.rows += 1;
    }

    /// How many rows are held.
    pub(super) const fn held(&self) -> usize {
        self.rows
    }

    /// Writes the rows that are held.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self.rows {
            0 => Ok(()),
            _ => self.write_group().map_err(failed),
        }
    }

    /// Writes what is left, and the file's end.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush()
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for (kind, values) in &mut self.columns {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            let values = std::mem::take(values);
            let present = Levels::of(&values);
            macro_rules! write {
                ($type:ty, $pattern:pat => $value:expr) => {{
                    let found: Vec<_> = values
                        .into_iter()
                        .filter_map(|value| match value {
                            $pattern => Some($value),
                            _ => None,
                        })
                        .collect();
                    column
                        .typed::<$type>()
                        .write_batch(&found, Some(&present.defined), None)?;
                }};
            }
            match kind {
                ColumnKind::Text => {
                    write!(ByteArrayType, TableCell::Text(text) => text);
                }
                ColumnKind::Small => write!(Int32Type, TableCell::Small(value) => value),
                ColumnKind::Whole => write!(Int64Type, TableCell::Whole(value) => value),
                ColumnKind::Number => write!(DoubleType, TableCell::Number(value) => value),
                ColumnKind::Flag => write!(BoolType, TableCell::Flag(value) => value),
                ColumnKind::Time => {
                    write!(Int64Type, TableCell::Time(time) => time.nanos().div_euclid(1_000));
                }
                ColumnKind::Texts => {
                    let lists = values.into_iter().filter_map(|value| match value {
                        TableCell::Texts(texts) => Some(texts),
                        _ => None,
                    });
                    let texts: Vec<_> = lists.flatten().collect();
                    column.typed::<ByteArrayType>().write_batch(
                        &texts,
                        Some(&present.defined),
                        Some(&present.repeated),
                    )?;
                }
            }
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// Which cells hold something, and which elements of a list go on with it: Parquet's levels.
struct Levels {
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

impl Levels {
    fn of(values: &[TableCell]) -> Self {
        let mut levels = Self {
            defined: Vec::with_capacity(values.len()),
            repeated: Vec::with_capacity(values.len()),
        };
        for value in values {
            let (elements, held) = match value {
                TableCell::Null => (1, 0),
                TableCell::Texts(texts) if texts.is_empty() => (1, 0),
                TableCell::Texts(texts) => (texts.len(), 1),
                _ => (1, 1),
            };
            for element in 0..elements {
                levels.defined.push(held);
                levels.repeated.push(i16::from(element > 0));
            }
        }
        levels
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        // What the caller's file said, as it said it.
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        error => io::Error::other(error),
    }
}
