//! Rows into a Parquet file.
//!
//! In: typed values, a row at a time, gathered by column. Out: row groups, so that memory does not follow a file's length.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{BoolType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};

use super::chunk::{TextChunk, ZstdPages};
use super::coded::{CellText, CodedTexts};
use super::runs::Levels;
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
    Text(CellText),
    Texts(Vec<CellText>),
    Small(i32),
    Whole(i64),
    Number(f64),
    Flag(bool),
    Time(Timestamp),
}

impl TableCell {
    pub(super) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(CellText::Kept(text.into()))
    }

    /// One of a few words that never change.
    pub(super) const fn word(word: &'static str) -> Self {
        Self::Text(CellText::Word(word))
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        let texts = texts.into_iter();
        Self::Texts(texts.map(|text| CellText::Kept(text.into())).collect())
    }

    /// What it makes of `value`, and null of nothing.
    pub(super) fn maybe<T>(value: Option<T>, make: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, make)
    }
}

/// Values of a column, and which of them are there: Parquet's levels.
#[derive(Debug)]
struct ColumnValues {
    values: TypedValues,
    defined: Levels,
    /// Of a list: which values go on with it.
    repeated: Levels,
}

#[derive(Debug)]
enum TypedValues {
    Texts(CodedTexts),
    Small(Vec<i32>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Flag(Vec<bool>),
}

impl ColumnValues {
    fn of(kind: ColumnKind) -> Self {
        let values = match kind {
            ColumnKind::Text | ColumnKind::Texts => TypedValues::Texts(CodedTexts::default()),
            ColumnKind::Small => TypedValues::Small(Vec::new()),
            ColumnKind::Whole | ColumnKind::Time => TypedValues::Whole(Vec::new()),
            ColumnKind::Number => TypedValues::Number(Vec::new()),
            ColumnKind::Flag => TypedValues::Flag(Vec::new()),
        };
        Self {
            values,
            defined: Levels::default(),
            repeated: Levels::default(),
        }
    }

    /// The same cell in each of so many rows.
    fn repeating(cell: &TableCell, rows: usize) -> Self {
        let mut values = Self::of(match cell {
            TableCell::Small(_) => ColumnKind::Small,
            _ => ColumnKind::Text,
        });
        match (&mut values.values, cell) {
            (TypedValues::Texts(texts), TableCell::Text(text)) => {
                texts.push_many(text, rows);
            }
            (TypedValues::Small(all), TableCell::Small(value)) => all.resize(rows, *value),
            _ => {}
        }
        values.defined.push_many(*cell != TableCell::Null, rows);
        values
    }

    /// Takes a cell; one of another type than the column's is null.
    #[inline]
    fn push(&mut self, cell: &TableCell) {
        let is_there = match (&mut self.values, cell) {
            (TypedValues::Texts(values), TableCell::Text(text)) => {
                values.push(text);
                true
            }
            (TypedValues::Texts(values), TableCell::Texts(texts)) => {
                let more = texts.len().saturating_sub(1);
                texts.iter().for_each(|text| values.push(text));
                self.repeated.push_many(false, 1);
                self.repeated.push_many(true, more);
                self.defined.push_many(true, more);
                !texts.is_empty()
            }
            (TypedValues::Small(values), TableCell::Small(value)) => {
                values.push(*value);
                true
            }
            (TypedValues::Whole(values), TableCell::Whole(value)) => {
                values.push(*value);
                true
            }
            (TypedValues::Whole(values), TableCell::Time(time)) => {
                values.push(time.nanos().div_euclid(1_000));
                true
            }
            (TypedValues::Number(values), TableCell::Number(value)) => {
                values.push(*value);
                true
            }
            (TypedValues::Flag(values), TableCell::Flag(value)) => {
                values.push(*value);
                true
            }
            _ => false,
        };
        self.defined.push_many(is_there, 1);
    }

    fn write(
        &self,
        column: &ColumnDescPtr,
        group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
        pages: &mut ZstdPages,
        rows: usize,
    ) -> Result<(), ParquetError> {
        let (defined, repeated) = (self.defined.all(), self.repeated.all());
        if let TypedValues::Texts(texts) = &self.values {
            let chunk = TextChunk {
                texts,
                defined: &defined,
                repeated: &repeated,
                rows,
            };
            return chunk.write(column, group, pages);
        }
        let Some(mut column) = group.next_column()? else {
            return Ok(());
        };
        let defined = Some(&*defined);
        match &self.values {
            TypedValues::Texts(_) => {}
            TypedValues::Small(values) => {
                let column = column.typed::<Int32Type>();
                column.write_batch(values, defined, None)?;
            }
            TypedValues::Whole(values) => {
                let column = column.typed::<Int64Type>();
                column.write_batch(values, defined, None)?;
            }
            TypedValues::Number(values) => {
                let column = column.typed::<DoubleType>();
                column.write_batch(values, defined, None)?;
            }
            TypedValues::Flag(values) => {
                let column = column.typed::<BoolType>();
                column.write_batch(values, defined, None)?;
            }
        }
        column.close()
    }
}

/// Rows of a table that wait to be written together.
#[derive(Debug)]
pub(super) struct TableRows {
    columns: Vec<ColumnValues>,
    rows: usize,
}

impl TableRows {
    pub(super) fn new(columns: &[TableColumn]) -> Self {
        Self {
            columns: columns.iter().map(|of| ColumnValues::of(of.kind)).collect(),
            rows: 0,
        }
    }

    /// Takes a row, which `make` makes.
    pub(super) fn push(&mut self, make: impl FnOnce(&mut RowCells<'_>)) {
        make(&mut RowCells(self.columns.iter_mut()));
        self.rows += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.rows
    }
}

/// The columns of a row that have no cell yet, in their order.
pub(super) struct RowCells<'a>(std::slice::IterMut<'a, ColumnValues>);

impl RowCells<'_> {
    /// The next cell.
    #[inline]
    pub(super) fn push(&mut self, cell: &TableCell) {
        if let Some(column) = self.0.next() {
            column.push(cell);
        }
    }

    /// The next cells.
    pub(super) fn extend<'c>(&mut self, cells: impl IntoIterator<Item = &'c TableCell>) {
        cells.into_iter().for_each(|cell| self.push(cell));
    }
}

/// A Parquet file that is written.
pub(super) struct TableFile {
    writer: SerializedFileWriter<Box<dyn Write + Send>>,
    columns: Vec<ColumnDescPtr>,
}

impl TableFile {
    /// A file of a table whose rows begin with the same `common` columns.
    pub(super) fn new(
        table: &str,
        (common, columns): (&[TableColumn], &[TableColumn]),
        out: Box<dyn Write + Send>,
    ) -> io::Result<Self> {
        let all = common.iter().chain(columns);
        let fields: String = all.clone().map(TableColumn::schema).collect();
        let schema = parse_message_type(&format!("message {table} {{ {fields} }}"));
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk);
        // What is another number in each row has no use for a list of those there are.
        for column in
            all.filter(|column| matches!(column.kind, ColumnKind::Whole | ColumnKind::Time))
        {
            let path = ColumnPath::new(vec![column.name.clone()]);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        let schema = Arc::new(schema.map_err(failed)?);
        let properties = Arc::new(properties.build());
        let writer = SerializedFileWriter::new(out, schema, properties).map_err(failed)?;
        let columns = writer.schema_descr().columns().to_vec();
        Ok(Self { writer, columns })
    }

    /// Writes rows, as a group of their own; before each row stands `common`.
    pub(super) fn write(
        &mut self,
        common: &[TableCell],
        rows: &TableRows,
        pages: &mut ZstdPages,
    ) -> io::Result<()> {
        self.write_group(common, rows, pages).map_err(failed)
    }

    fn write_group(
        &mut self,
        common: &[TableCell],
        rows: &TableRows,
        pages: &mut ZstdPages,
    ) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let common: Vec<_> = common
            .iter()
            .map(|cell| ColumnValues::repeating(cell, rows.rows))
            .collect();
        for (values, column) in common.iter().chain(&rows.columns).zip(&self.columns) {
            values.write(column, &mut group, pages, rows.rows)?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the file's end.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut out = self.writer.into_inner().map_err(failed)?;
        out.flush()
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
