//! Batches of Arrow columns, from Parquet and Arrow IPC, to records.

use std::fmt::Write;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, LargeStringArray, StringArray, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cells::{Cells, push_float};
use super::{Each, Kind, LONGEST_RECORD, Raw, Record};
use crate::error::{Error, Result};

/// A column whose values can be written as text.
///
/// Nothing is written out before its row is: one long value may stand in every row.
enum Column<'a> {
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// The place of each row's value, and the values.
    Coded(&'a dyn Array, Vec<usize>, Box<Column<'a>>),
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
            if cells.text.len() > LONGEST_RECORD {
                return Err(too_long(path, *line));
            }
        }
        let record =
            Record { line: *line, raw: Raw::Cells, text: &cells.text, spans: &cells.spans, quote: '"', fault: None };
        each(&record)?;
    }
    Ok(())
}

/// Values in a form that can be written: numbers of a kind that has none, and nothing, as another one.
fn plain(array: &ArrayRef) -> std::result::Result<ArrayRef, arrow::error::ArrowError> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let coded = array.as_any_dictionary();
            Ok(coded.with_values(plain(coded.values())?))
        }
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
        DataType::LargeUtf8 => Ok(Column::LargeText(array.as_string())),
        DataType::Utf8View => Ok(Column::View(array.as_string_view())),
        DataType::Dictionary(..) => {
            let coded = array.as_any_dictionary();
            let places = if coded.values().is_empty() { Vec::new() } else { coded.normalized_keys() };
            Ok(Column::Coded(array, places, Box::new(column(coded.values(), options)?)))
        }
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
            Self::LargeText(array) => array.is_null(row),
            Self::View(array) => array.is_null(row),
            Self::Coded(array, places, _) => array.is_null(row) || places.is_empty(),
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
            Self::LargeText(array) => {
                into.push_str(array.value(row));
                Kind::Plain
            }
            Self::View(array) => {
                into.push_str(array.value(row));
                Kind::Plain
            }
            Self::Coded(_, places, values) => values.write(places[row], into),
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

fn too_long(path: &str, row: u64) -> Error {
    Error::data("intake.record_too_long", format!("read extract {path}: row {row} is longer than 1 MiB"))
        .with_hint("the file is of another kind than the contract says, or damaged; ask the partner to look at it")
}

/// A file that can't be read. The cause may quote a value, and is left out.
pub(super) fn damaged(path: &str) -> Error {
    Error::data("intake.damaged", format!("read extract {path}: the file is damaged, or of another format"))
        .with_hint("correct `format` in the contract, or ask the partner to deliver it again")
}
