//! The Parquet files. Column types are those that every reader opens right: text for categories, 64-bit integers with
//! nulls for counts, doubles with nulls for rates, and beside each measure its status.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::{Value, json};

use super::codebook::{Codebook, Role};
use super::{NOT_APPLICABLE, PUBLISHED, SUPPRESSED};
use crate::error::{Error, Result};
use crate::release::input::{MeasureColumn, MeasureKind, MeasureValues, OutputTable};

/// Who wrote the file. A constant, so that the bytes do not change with the version of Accord or of its libraries.
const CREATED_BY: &str = "accord";
const ZSTD_LEVEL: i32 = 9;

/// The file of a table as it will be published.
pub(super) fn table(table: &OutputTable, book: &Codebook) -> Result<Bytes> {
    let mut arrays: Vec<ArrayRef> = keys(table);
    for (measure, values) in table.measures.iter().zip(&table.values) {
        arrays.push(match values {
            MeasureValues::Counts(values) => Arc::new(Int64Array::from(values.clone())),
            MeasureValues::Rates(values) => Arc::new(Float64Array::from(values.clone())),
        });
        arrays.push(Arc::new(StringArray::from_iter_values(statuses(table, measure, values))));
    }
    let fields: Vec<Field> = book
        .table
        .columns
        .iter()
        .map(|column| {
            let data_type = match column.role {
                Role::Dimension | Role::Status { .. } => DataType::Utf8,
                Role::Count => DataType::Int64,
                Role::Rate { .. } => DataType::Float64,
            };
            let metadata = HashMap::from([("description".to_owned(), column.description.clone())]);
            Field::new(&column.name, data_type, !column.role.required()).with_metadata(metadata)
        })
        .collect();
    let footer = serde_json::to_string(book).map_err(|error| encode(&table.name).with_source(error))?;
    let metadata = vec![("accord".to_owned(), footer), ("pandas".to_owned(), pandas(&fields).to_string())];
    write(&table.name, fields, arrays, metadata)
}

/// The file that tells stewards why each figure is shown or hidden: the dimensions and `NAME_reason` per measure.
pub(super) fn reasons(table: &OutputTable) -> Result<Bytes> {
    let mut arrays = keys(table);
    let mut fields: Vec<Field> =
        table.dimensions.iter().map(|dimension| Field::new(&dimension.name, DataType::Utf8, false)).collect();
    for (measure, reasons) in table.measures.iter().zip(&table.steward_reasons) {
        fields.push(Field::new(format!("{}_reason", measure.name), DataType::Utf8, false));
        arrays.push(Arc::new(StringArray::from_iter_values(reasons)));
    }
    write(&table.name, fields, arrays, Vec::new())
}

fn keys(table: &OutputTable) -> Vec<ArrayRef> {
    table.keys.iter().map(|column| Arc::new(StringArray::from_iter_values(column)) as ArrayRef).collect()
}

/// The public status of each figure: shown, hidden, or for a rate over a published zero not applicable. Never why.
fn statuses<'a>(
    table: &'a OutputTable,
    measure: &'a MeasureColumn,
    values: &'a MeasureValues,
) -> impl Iterator<Item = &'static str> + 'a {
    let denominators = match &measure.kind {
        MeasureKind::Count => None,
        MeasureKind::Rate { denominator, .. } => table.counts_of(denominator),
    };
    (0..values.len()).map(move |row| match denominators.and_then(|counts| counts[row]) {
        _ if values.is_shown(row) => PUBLISHED,
        Some(0) => NOT_APPLICABLE,
        _ => SUPPRESSED,
    })
}

/// `metadata` goes into the footer twice: for readers of Parquet as key-value pairs, for readers of Arrow (pandas and R
/// through it) within the Arrow schema, where they look for it alone. The encoder sorts the keys of Arrow's maps.
fn write(name: &str, fields: Vec<Field>, arrays: Vec<ArrayRef>, metadata: Vec<(String, String)>) -> Result<Bytes> {
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata.iter().cloned().collect()));
    let pairs = metadata.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| encode(name).with_source(error))?;
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| encode(name).with_source(error))?;
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_key_value_metadata(Some(pairs))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, schema, Some(properties)).map_err(|error| encode(name).with_source(error))?;
    writer.write(&batch).map_err(|error| encode(name).with_source(error))?;
    writer.close().map_err(|error| encode(name).with_source(error))?;
    Ok(Bytes::from(bytes))
}

/// What pandas reads its own types from: without it a column of whole numbers with nulls becomes floating point.
fn pandas(fields: &[Field]) -> Value {
    let columns: Vec<Value> = fields
        .iter()
        .map(|field| {
            let (pandas_type, numpy_type) = match field.data_type() {
                DataType::Int64 => ("int64", "Int64"),
                DataType::Float64 => ("float64", "Float64"),
                _ => ("unicode", "string"),
            };
            json!({
                "name": field.name(), "field_name": field.name(), "pandas_type": pandas_type,
                "numpy_type": numpy_type, "metadata": null
            })
        })
        .collect();
    json!({
        "index_columns": [], "column_indexes": [], "columns": columns,
        "creator": { "library": "accord", "version": "1" }, "pandas_version": "2.0.0"
    })
}

fn encode(table: &str) -> Error {
    Error::internal("release.parquet", format!("write the Parquet file of table `{table}`"))
}
