//! Parquet files: read into columns, and written again with nulls and a status where figures are hidden.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, new_null_array};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::raw::{HIDDEN, RawColumn, RawFile, SHOWN, STATUS};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"PAR1";

/// Whether bytes are a Parquet file.
pub(super) fn is_parquet(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn batch(path: &str, bytes: &Bytes) -> Result<RecordBatch> {
    let broken = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::data("tables.parquet", format!("{path} can't be read: {cause}")).with_hint("write the file again")
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).map_err(|error| broken(error.into()))?;
    let schema = builder.schema().clone();
    let batches: std::result::Result<Vec<RecordBatch>, _> =
        builder.build().map_err(|error| broken(error.into()))?.collect();
    compute::concat_batches(&schema, &batches.map_err(|error| broken(error.into()))?)
        .map_err(|error| broken(error.into()))
}

fn texts(path: &str, name: &str, column: &ArrayRef) -> Result<StringArray> {
    let text = compute::cast(column, &DataType::Utf8).map_err(|error| {
        Error::data("tables.parquet", format!("column `{name}` of {path} can't be read as text"))
            .with_source(error)
            .with_hint("columns must be text, whole numbers or decimal numbers")
    })?;
    Ok(text.as_string::<i32>().clone())
}

/// The columns; a null is an empty word.
pub(super) fn read(path: &str, bytes: &Bytes) -> Result<RawFile> {
    let batch = batch(path, bytes)?;
    let mut columns = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let mut raw = RawColumn::new(field.name().clone());
        texts(path, field.name(), column)?.iter().for_each(|word| raw.push(word.unwrap_or("")));
        columns.push(raw);
    }
    Ok(RawFile { path: path.to_owned(), columns, rows: batch.num_rows(), lines: Vec::new() })
}

/// The file with fields hidden where `hidden` says so, by row and column: null, or `symbol` in columns of text. Beside
/// each column of numbers in `status` stands a column `NAME_status`. `more` rows are added at the end.
pub(super) fn rewritten(
    path: &str,
    bytes: &Bytes,
    status: &[usize],
    symbol: &str,
    hidden: impl Fn(usize, usize) -> bool,
    more: &[Vec<String>],
) -> Result<Vec<u8>> {
    let batch = batch(path, bytes)?;
    let write = |error: Box<dyn std::error::Error + Send + Sync>| unwritable(path, &*error);
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (at, (field, column)) in batch.schema().fields().iter().zip(batch.columns()).enumerate() {
        let whole = longer(path, column, at, more)?;
        let figures = status.contains(&at);
        if !figures {
            fields.push(Field::new(field.name(), whole.data_type().clone(), true));
            arrays.push(whole);
            continue;
        }
        let rows = batch.num_rows();
        let marks: Vec<bool> =
            (0..whole.len())
                .map(|row| {
                    if row < rows {
                        hidden(row, at)
                    } else {
                        more[row - rows].get(at).is_some_and(|word| word == symbol)
                    }
                })
                .collect();
        if matches!(whole.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
            let words = texts(path, field.name(), &whole)?;
            let words: StringArray =
                words.iter().zip(&marks).map(|(word, &mark)| if mark { Some(symbol) } else { word }).collect();
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            arrays.push(Arc::new(words));
            continue;
        }
        let shown = compute::nullif(&whole, &BooleanArray::from(marks.clone())).map_err(|error| write(error.into()))?;
        fields.push(Field::new(field.name(), shown.data_type().clone(), true));
        arrays.push(shown);
        let word = |mark: &bool| if *mark { HIDDEN } else { SHOWN };
        fields.push(Field::new(format!("{}{STATUS}", field.name()), DataType::Utf8, false));
        arrays.push(Arc::new(StringArray::from_iter_values(marks.iter().map(word))));
    }
    written(path, fields, arrays)
}

/// The file with other words in the columns of `figures`, where `word` gives them, by row and column; as columns of text
/// where `text`. `more` rows are added at the end.
pub(super) fn replaced(
    path: &str,
    bytes: &Bytes,
    figures: &[usize],
    text: bool,
    word: impl Fn(usize, usize) -> Option<String>,
    more: &[Vec<String>],
) -> Result<Vec<u8>> {
    let batch = batch(path, bytes)?;
    let write = |error: Box<dyn std::error::Error + Send + Sync>| unwritable(path, &*error);
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (at, (field, column)) in batch.schema().fields().iter().zip(batch.columns()).enumerate() {
        let column = if figures.contains(&at) {
            let old = texts(path, field.name(), column)?;
            let words: StringArray =
                old.iter().enumerate().map(|(row, old)| word(row, at).or_else(|| old.map(str::to_owned))).collect();
            let wanted = if text { &DataType::Utf8 } else { column.data_type() };
            compute::cast(&words, wanted).map_err(|error| write(error.into()))?
        } else {
            Arc::clone(column)
        };
        let whole = longer(path, &column, at, more)?;
        fields.push(Field::new(field.name(), whole.data_type().clone(), true));
        arrays.push(whole);
    }
    written(path, fields, arrays)
}

/// The column at `at` with its fields of `more` rows at the end; an empty one is null.
fn longer(path: &str, column: &ArrayRef, at: usize, more: &[Vec<String>]) -> Result<ArrayRef> {
    if column.data_type() == &DataType::Null {
        // A column that holds nothing has no type to cast to.
        return Ok(new_null_array(&DataType::Null, column.len() + more.len()));
    }
    let added: StringArray = more.iter().map(|row| row.get(at).filter(|word| !word.is_empty())).collect();
    compute::cast(&added, column.data_type())
        .and_then(|added| compute::concat(&[column, &added]))
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &str, error: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::failed("tables.parquet_write", format!("{path} can't be written again: {error}"))
}

fn written(path: &str, fields: Vec<Field>, arrays: Vec<ArrayRef>) -> Result<Vec<u8>> {
    let write = |error: Box<dyn std::error::Error + Send + Sync>| unwritable(path, &*error);
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| write(error.into()))?;
    let level = ZstdLevel::try_new(9).map_err(|error| write(error.into()))?;
    let properties = WriterProperties::builder()
        .set_created_by("accord".to_owned())
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties)).map_err(|error| write(error.into()))?;
    writer.write(&batch).map_err(|error| write(error.into()))?;
    writer.close().map_err(|error| write(error.into()))?;
    Ok(out)
}
