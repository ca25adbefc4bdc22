//! Reading the Parquet files back, for checks, differences and the stewards' page.

use std::fmt;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::codebook::{Codebook, ColumnBook};
use super::status_column;
use crate::error::{Error, Result};
use crate::release::input::MeasureValues;

/// A published table, or one of a candidate.
#[derive(Clone)]
pub struct PublishedTable {
    /// Its codebook, from the footer.
    pub book: Codebook,
    /// Categories, by dimension column and row.
    pub keys: Vec<Vec<String>>,
    /// The measures.
    pub measures: Vec<PublishedMeasure>,
}

/// A measure with its statuses.
#[derive(Clone)]
pub struct PublishedMeasure {
    /// Its column in the codebook.
    pub book: ColumnBook,
    /// Figures by row.
    pub values: MeasureValues,
    /// Statuses by row.
    pub statuses: Vec<String>,
}

/// Why figures are shown or hidden; stewards only.
pub type Reasons = Vec<Column>;

/// A column of text.
#[derive(Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values by row.
    pub values: Vec<String>,
}

impl fmt::Debug for PublishedTable {
    /// Shows the shape only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishedTable({}, {} rows)", self.book.table.name, self.rows())
    }
}

impl fmt::Debug for Column {
    /// Shows the shape only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({}, {} rows)", self.name, self.values.len())
    }
}

impl PublishedTable {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.keys.first().map_or_else(|| self.measures.first().map_or(0, |one| one.values.len()), Vec::len)
    }

    /// The measure `name`.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<&PublishedMeasure> {
        self.measures.iter().find(|measure| measure.book.name == name)
    }

    /// The categories of `row`.
    #[must_use]
    pub fn key(&self, row: usize) -> Vec<&str> {
        self.keys.iter().map(|column| column[row].as_str()).collect()
    }
}

/// Reads a table as Accord writes it.
///
/// # Errors
/// `release.not_ours` where it is no such file or a column is not as the codebook in the footer says.
pub fn read_table(bytes: Bytes) -> Result<PublishedTable> {
    let (batch, footer) = read(bytes)?;
    let book: Codebook = footer
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| not_ours("its footer has no codebook"))?;
    let keys = book.table.dimensions().map(|column| texts(&batch, &column.name)).collect::<Result<_>>()?;
    let measures = book.table.measures().map(|column| measure(&batch, column)).collect::<Result<_>>()?;
    Ok(PublishedTable { book, keys, measures })
}

/// Reads a steward's file: all its columns.
///
/// # Errors
/// `release.not_ours` where it is no such file.
pub fn read_reasons(bytes: Bytes) -> Result<Reasons> {
    let (batch, _) = read(bytes)?;
    let schema = batch.schema();
    let column = |name: &String| Ok(Column { name: name.clone(), values: texts(&batch, name)? });
    schema.fields().iter().map(|field| column(field.name())).collect()
}

fn read(bytes: Bytes) -> Result<(RecordBatch, Option<String>)> {
    let broken = |error| not_ours("it is no Parquet file, or a damaged one").with_source(error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(broken)?;
    let metadata = builder.metadata().file_metadata().key_value_metadata();
    let footer =
        metadata.and_then(|pairs| pairs.iter().find(|pair| pair.key == "accord")).and_then(|pair| pair.value.clone());
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder
        .build()
        .map_err(broken)?
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| not_ours("it is damaged").with_source(error))?;
    let batch = arrow::compute::concat_batches(&schema, &batches)
        .map_err(|error| not_ours("it is damaged").with_source(error))?;
    Ok((batch, footer))
}

fn measure(batch: &RecordBatch, book: &ColumnBook) -> Result<PublishedMeasure> {
    let column = batch.column_by_name(&book.name).ok_or_else(|| not_ours("a column of its codebook is missing"))?;
    let values = match column.data_type() {
        DataType::Int64 => MeasureValues::Counts(column.as_primitive::<Int64Type>().iter().collect()),
        DataType::Float64 => MeasureValues::Rates(column.as_primitive::<Float64Type>().iter().collect()),
        _ => return Err(not_ours("a column has another type than its codebook says")),
    };
    Ok(PublishedMeasure { book: book.clone(), values, statuses: texts(batch, &status_column(&book.name))? })
}

fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<String>> {
    let column = batch.column_by_name(name).ok_or_else(|| not_ours("a column of its codebook is missing"))?;
    let column = column.as_string_opt::<i32>().ok_or_else(|| not_ours("a column that must be text is not"))?;
    if column.null_count() > 0 {
        return Err(not_ours("a column that must have a value in each row has not"));
    }
    Ok(column.iter().flatten().map(str::to_owned).collect())
}

fn not_ours(what: &str) -> Error {
    Error::failed("release.not_ours", format!("read a table of a release: {what}"))
        .with_hint("the file was changed or damaged; `accord release verify` says which")
}
