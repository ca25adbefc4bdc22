//! Admitted rows to Arrow columns, without a step between.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use arrow::record_batch::RecordBatch;

use super::field::Cell;
use super::typed_rows::TypedRows;
use crate::error::{Error, Result};
use crate::workspace::{Contract, Field, LogicalType};

/// Rows of a batch.
pub(super) const ROWS: usize = 8192;
/// Bytes of text from which on a batch is full, however few rows it has.
const TEXT: usize = 32 << 20;

/// Collects admitted rows.
pub(super) struct Batch {
    schema: Arc<Schema>,
    /// The field of the contract behind each column.
    fields: Vec<usize>,
    columns: Vec<Column>,
    rows: usize,
    delivery: usize,
    text: usize,
}

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Decimal(Decimal128Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
}

impl Batch {
    /// Columns for the fields named in `wanted`, in that order.
    pub(super) fn new(contract: &Contract, wanted: &[&str]) -> Result<Self> {
        let place = |name: &&str| {
            contract.fields.iter().position(|field| field.name == **name).ok_or_else(|| {
                Error::internal("intake.field", format!("read contract {}: it has no field {name}", contract.id))
            })
        };
        let fields = wanted.iter().map(place).collect::<Result<Vec<_>>>()?;
        let specs = || fields.iter().map(|&at| &contract.fields[at]);
        let columns: Vec<Column> = specs().map(Column::new).collect();
        let named = specs().map(|field| ArrowField::new(&field.name, arrow_type(field), true));
        let schema = Arc::new(Schema::new(named.collect::<Vec<_>>()));
        Ok(Self { schema, fields, columns, rows: 0, text: 0, delivery: 0 })
    }

    /// The rows that come now are of the delivery at this place.
    pub(super) fn of_delivery(&mut self, at: usize) {
        self.delivery = at;
    }

    /// The place of the delivery that rows are of now.
    pub(super) fn delivery(&self) -> usize {
        self.delivery
    }

    /// Takes a row and says whether the batch is full.
    pub(super) fn push<'t>(&mut self, cells: &[Cell], text: impl Fn(Cell) -> &'t str) -> Result<bool> {
        for (column, &field) in self.columns.iter_mut().zip(&self.fields) {
            self.text += text(cells[field]).len();
            column.push(cells[field], &text)?;
        }
        self.rows += 1;
        Ok(self.rows == ROWS || self.text >= TEXT)
    }

    /// The rows so far; none where there are none.
    pub(super) fn take(&mut self) -> Result<Option<TypedRows>> {
        let rows = std::mem::take(&mut self.rows);
        self.text = 0;
        if rows == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|error| Error::internal("intake.batch", "build typed rows").with_source(error))?;
        Ok(Some(TypedRows { batch, delivery: self.delivery }))
    }
}

/// The Arrow type of a contract's field.
#[must_use]
pub fn arrow_type(field: &Field) -> DataType {
    match field.logical_type {
        LogicalType::String => DataType::Utf8,
        LogicalType::Integer => DataType::Int64,
        LogicalType::Number => DataType::Float64,
        LogicalType::Decimal => DataType::Decimal128(precision(field), scale(field).cast_signed()),
        LogicalType::Boolean => DataType::Boolean,
        LogicalType::Date => DataType::Date32,
    }
}

/// Digits of a decimal.
pub(super) fn precision(field: &Field) -> u8 {
    field.precision.unwrap_or(38).clamp(1, 38)
}

/// Digits of a decimal behind the point.
pub(super) fn scale(field: &Field) -> u8 {
    field.scale.unwrap_or(0).min(precision(field))
}

impl Column {
    fn new(field: &Field) -> Self {
        match field.logical_type {
            LogicalType::String => Self::Text(StringBuilder::with_capacity(ROWS, ROWS * 16)),
            LogicalType::Integer => Self::Integer(Int64Builder::with_capacity(ROWS)),
            LogicalType::Number => Self::Number(Float64Builder::with_capacity(ROWS)),
            LogicalType::Decimal => {
                Self::Decimal(Decimal128Builder::with_capacity(ROWS).with_data_type(arrow_type(field)))
            }
            LogicalType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(ROWS)),
            LogicalType::Date => Self::Date(Date32Builder::with_capacity(ROWS)),
        }
    }

    fn push<'t>(&mut self, cell: Cell, text: &impl Fn(Cell) -> &'t str) -> Result<()> {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(_)) => builder.append_value(text(cell)),
            (Self::Text(builder), Cell::Missing) => builder.append_null(),
            (Self::Integer(builder), Cell::Integer(value)) => builder.append_value(value),
            (Self::Integer(builder), Cell::Missing) => builder.append_null(),
            (Self::Number(builder), Cell::Number(value)) => builder.append_value(value),
            (Self::Number(builder), Cell::Missing) => builder.append_null(),
            (Self::Decimal(builder), Cell::Decimal(value)) => builder.append_value(value),
            (Self::Decimal(builder), Cell::Missing) => builder.append_null(),
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(value),
            (Self::Boolean(builder), Cell::Missing) => builder.append_null(),
            (Self::Date(builder), Cell::Date(value)) => builder.append_value(value),
            (Self::Date(builder), Cell::Missing) => builder.append_null(),
            _ => {
                return Err(Error::internal(
                    "intake.batch",
                    "build typed rows: a value has another type than its field",
                ));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            // The next batch is likely as long as this one.
            Self::Text(builder) => {
                let (rows, bytes) = (builder.len(), builder.values_slice().len());
                let next = StringBuilder::with_capacity(rows + rows / 8, bytes + bytes / 8);
                Arc::new(std::mem::replace(builder, next).finish())
            }
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
        }
    }
}
