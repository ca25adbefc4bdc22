//! Batches of Arrow columns, from Parquet and Arrow IPC, to records.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cells::{Cells, push_float};
use super::{Each, Kind, Raw, Record};
use crate::error::{Error, Result};

/// A column whose values can be written as text.
enum Column<'a> {
    Text(&'a StringArray),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Written(ArrayFormatter<'a>, &'a dyn Array, Kind),
    Moment(ArrayFormatter<'a>, &'a dyn Array),
    Nested(&'a dyn Array),
}

/// Hands on the rows of a batch whose columns are those of the contract's fields, in their order; none of a field that is
/// not in this layout. `line` is the number of the row before the first.
pub(super) fn rows(
    batch: &RecordBatch,
    of_field: &[Option<usize>],
    line: &mut u64,
    path: &str,
    each: &mut Each<'_>,
) -> Result<()> {
    let plain: Vec<Option<ArrayRef>> = of_field
        .iter()
        .map(|at| at.map(|at| plain(batch.column(at))).transpose())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| damaged(path))?;
    let options = FormatOptions::default();
    let columns: Vec<Option<Column<'_>>> = plain
        .iter()
        .map(|array| array.as_deref().map(|array| column(array, &options)).transpose())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| damaged(path))?;
    let mut cells = Cells::default();
    for row in 0..batch.num_rows() {
        *line += 1;
        cells.clear();
        for column in &columns {
            cells.add(|text| column.as_ref().map_or(Kind::Null, |column| column.write(row, text)));
        }
        let record =
            Record { line: *line, raw: Raw::Cells, text: &cells.text, spans: &cells.spans, quote: '"', fault: None };
        each(&record)?;
    }
    Ok(())
}

/// The values themselves, where they are written as a dictionary, and text in one of its forms.
fn plain(array: &ArrayRef) -> std::result::Result<ArrayRef, arrow::error::ArrowError> {
    match array.data_type() {
        DataType::Dictionary(_, values) => plain(&cast(array, values)?),
        DataType::LargeUtf8 | DataType::Utf8View => cast(array, &DataType::Utf8),
        DataType::Float16 => cast(array, &DataType::Float64),
        DataType::Null => cast(array, &DataType::Utf8),
        _ => Ok(array.clone()),
    }
}

fn column<'a>(
    array: &'a dyn Array,
    options: &FormatOptions<'a>,
) -> std::result::Result<Column<'a>, arrow::error::ArrowError> {
    let written = |kind| Ok(Column::Written(ArrayFormatter::try_new(array, options)?, array, kind));
    match array.data_type() {
        DataType::Utf8 => Ok(Column::Text(array.as_string())),
        DataType::Boolean => Ok(Column::Boolean(array.as_boolean())),
        DataType::Float32 => Ok(Column::Float32(array.as_primitive::<Float32Type>())),
        DataType::Float64 => Ok(Column::Float64(array.as_primitive::<Float64Type>())),
        kind if kind.is_integer() => written(Kind::Number),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            written(Kind::Number)
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            Ok(Column::Moment(ArrayFormatter::try_new(array, options)?, array))
        }
        DataType::Time32(_) | DataType::Time64(_) => written(Kind::Plain),
        _ => Ok(Column::Nested(array)),
    }
}

impl Column<'_> {
    fn write(&self, row: usize, into: &mut String) -> Kind {
        let null = match self {
            Self::Text(array) => array.is_null(row),
            Self::Float32(array) => array.is_null(row),
            Self::Float64(array) => array.is_null(row),
            Self::Boolean(array) => array.is_null(row),
            Self::Written(_, array, _) | Self::Moment(_, array) | Self::Nested(array) => array.is_null(row),
        };
        if null {
            return Kind::Null;
        }
        match self {
            Self::Text(array) => {
                into.push_str(array.value(row));
                Kind::Plain
            }
            Self::Float32(array) => float32(array.value(row), into),
            Self::Float64(array) => push_float(array.value(row), into),
            Self::Boolean(array) => {
                into.push_str(if array.value(row) { "true" } else { "false" });
                Kind::Boolean
            }
            Self::Written(formatter, _, kind) => formatted(formatter, row, into).map_or(Kind::Fault, |()| *kind),
            Self::Moment(formatter, _) => match formatted(formatter, row, into) {
                Some(()) => {
                    if into.ends_with("T00:00:00") {
                        into.truncate(into.len() - "T00:00:00".len());
                    }
                    Kind::Day
                }
                None => Kind::Fault,
            },
            Self::Nested(_) => Kind::Nested,
        }
    }
}

fn formatted(formatter: &ArrayFormatter<'_>, row: usize, into: &mut String) -> Option<()> {
    let start = into.len();
    let written = formatter.value(row).write(into);
    if written.is_err() {
        into.truncate(start);
    }
    written.ok()
}

/// The digits that tell this number from its neighbours of the same width.
fn float32(value: f32, into: &mut String) -> Kind {
    if !value.is_finite() {
        return Kind::Fault;
    }
    // Writing to a string never fails.
    let _ = write!(into, "{value}");
    // Seven digits are kept.
    if value.fract() == 0.0 && value.abs() >= 1e7 { Kind::Rounded } else { Kind::Number }
}

/// A file that can't be read. The cause may quote a value, and is left out.
pub(super) fn damaged(path: &str) -> Error {
    Error::data("intake.damaged", format!("read extract {path}: the file is damaged, or of another format"))
        .with_hint("correct `format` in the contract, or ask the partner to deliver it again")
}
