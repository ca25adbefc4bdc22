//! A column of typed rows as normalised text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Int64Type};
use jiff::civil::Date;

use super::normalise::normalise_into;
use crate::error::{Error, Result};
use crate::workspace::{Field, LogicalType, Normaliser};

/// The field's normaliser, or the one that goes without saying for its type. `None` where values of the type can't
/// identify anybody: a fraction has no one spelling, and true or false says nothing.
pub(super) fn normaliser(field: &Field) -> Option<Normaliser> {
    match field.logical_type {
        LogicalType::String | LogicalType::Integer => Some(field.normalise.unwrap_or(Normaliser::Exact)),
        LogicalType::Date => Some(field.normalise.unwrap_or(Normaliser::Date)),
        LogicalType::Number | LogicalType::Decimal | LogicalType::Boolean => None,
    }
}

/// The normalised values of a column, end to end in one text.
#[derive(Default)]
pub(super) struct NormalisedColumn {
    text: String,
    /// Start and end of each row's value; none where it is missing or nothing is left of it.
    spans: Vec<Option<(usize, usize)>>,
}

impl NormalisedColumn {
    /// Takes the place of what was there before.
    pub(super) fn fill(&mut self, column: &ArrayRef, normaliser: Normaliser) -> Result<()> {
        self.text.clear();
        self.spans.clear();
        self.spans.reserve(column.len());
        match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().iter().for_each(|value| self.push(normaliser, value)),
            DataType::Int64 => {
                for value in column.as_primitive::<Int64Type>() {
                    self.push(normaliser, value.map(|number| number.to_string()).as_deref());
                }
            }
            DataType::Date32 => {
                for value in column.as_primitive::<Date32Type>() {
                    self.push(normaliser, value.map(day).transpose()?.as_deref());
                }
            }
            other => {
                return Err(Error::internal(
                    "identity.seam",
                    format!("a column of type {other} can't identify people"),
                ));
            }
        }
        Ok(())
    }

    /// The value of a row.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.spans[row].map(|(start, end)| &self.text[start..end])
    }

    fn push(&mut self, normaliser: Normaliser, value: Option<&str>) {
        let start = self.text.len();
        let left = value.is_some_and(|value| normalise_into(normaliser, value, &mut self.text));
        self.spans.push(left.then_some((start, self.text.len())));
    }
}

/// `YYYY-MM-DD` of a number of days since 1970-01-01.
fn day(days: i32) -> Result<String> {
    Date::constant(1970, 1, 1)
        .checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days)))
        .map(|date| date.to_string())
        .map_err(|_| Error::internal("identity.seam", "a date is outside the years -9999 to 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_iso_dates() {
        assert_eq!(day(0).expect("a date"), "1970-01-01");
        assert_eq!(day(-1).expect("a date"), "1969-12-31");
        assert_eq!(day(13_938).expect("a date"), "2008-02-29");
        assert!(day(i32::MAX).is_err());
    }
}
