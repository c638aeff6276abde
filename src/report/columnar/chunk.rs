//! A column of texts into a row group.
//!
//! In: texts by their numbers, and which cells have one. Out: two pages, of the texts and of the numbers, with what Parquet
//! wants to know of them. All other columns are the writer's of the `parquet` crate, which asks for the hash of each cell
//! of such a column; here a cell costs a comparison of addresses.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::coded::CodedTexts;
use super::runs;

/// The longest text that stands among what is said of a whole column, in bytes.
const MAX_BOUND: usize = 64;

/// Compresses pages, one after the other, by one context: to make one takes longer than most pages.
pub(super) struct ZstdPages {
    compressor: Compressor<'static>,
}

impl ZstdPages {
    pub(super) fn new() -> io::Result<Self> {
        let level = ZstdLevel::default().compression_level();
        let compressor = Compressor::new(level)?;
        Ok(Self { compressor })
    }

    fn pack(&mut self, plain: &[u8]) -> Result<Bytes, ParquetError> {
        let packed = self.compressor.compress(plain);
        Ok(packed.map_err(ParquetError::from)?.into())
    }
}

/// Texts of some rows.
pub(super) struct TextChunk<'a> {
    pub(super) texts: &'a CodedTexts,
    /// For each cell whether it has a text.
    pub(super) defined: &'a [i16],
    /// Of lists: for each cell whether it goes on with the one before; empty otherwise.
    pub(super) repeated: &'a [i16],
    pub(super) rows: usize,
}

impl TextChunk<'_> {
    /// Appends them to a row group as its next column.
    pub(super) fn write(
        &self,
        column: &ColumnDescPtr,
        group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
        pages: &mut ZstdPages,
    ) -> Result<(), ParquetError> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let plain = self.texts.dictionary();
        let dictionary = Page::DictionaryPage {
            buf: pages.pack(&plain)?,
            num_values: self.texts.distinct(),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let first = writer.write_page(CompressedPage::new(dictionary, plain.len()))?;
        let plain = self.cells();
        let data = Page::DataPage {
            buf: pages.pack(&plain)?,
            num_values: u32::try_from(self.defined.len()).unwrap_or(u32::MAX),
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let second = writer.write_page(CompressedPage::new(data, plain.len()))?;
        let chunk: Bytes = sink.into_inner()?.into();
        let uncompressed = first.uncompressed_size + second.uncompressed_size;
        let metadata = ColumnChunkMetaData::builder(Arc::clone(column))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(vec![
                Encoding::PLAIN,
                Encoding::RLE,
                Encoding::RLE_DICTIONARY,
            ])
            .set_num_values(size(self.defined.len()))
            .set_total_compressed_size(size(chunk.len()))
            .set_total_uncompressed_size(size(uncompressed))
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(size(usize::try_from(second.offset).unwrap_or_default()))
            .set_statistics(self.statistics())
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        group.append_column(&chunk, close)
    }

    /// Which cells have a text, and the number of each text.
    fn cells(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for levels in [self.repeated, self.defined] {
            if levels.is_empty() {
                continue;
            }
            let begin = out.len();
            out.extend([0; 4]);
            runs::encode(levels, |level| u32::from(level > 0), 1, &mut out);
            let length = u32::try_from(out.len() - begin - 4).unwrap_or_default();
            if let Some(place) = out.get_mut(begin..begin + 4) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
        self.texts.numbers(&mut out);
        out
    }

    fn statistics(&self) -> Statistics {
        let bounds = self.texts.bounds();
        let bounds =
            bounds.filter(|(least, most)| least.len() <= MAX_BOUND && most.len() <= MAX_BOUND);
        let bytes = |text: &str| ByteArray::from(text);
        let nulls = self.defined.iter().filter(|level| **level == 0).count();
        Statistics::ByteArray(ValueStatistics::new(
            bounds.map(|(least, _)| bytes(least)),
            bounds.map(|(_, most)| bytes(most)),
            None,
            Some(nulls as u64),
            false,
        ))
    }
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
