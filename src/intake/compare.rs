//! Values compared with one another and with constants of the contract.

use std::cmp::Ordering;

use super::batch;
use super::field::Cell;
use super::value;
use crate::workspace::{Bound, DateFormat, Field, LogicalType};

/// A constant of the contract, read as a value of a field's type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Integer(i64),
    Number(f64),
    Decimal(i128),
    Boolean(bool),
    Date(i32),
    Text(String),
}

/// Reads a constant that is compared with values of a field; none where it is of another type.
pub(crate) fn is_constant_of(bound: &Bound, field: &Field) -> bool {
    Constant::read(bound, field).is_some()
}

/// Whether one constant is less than another, both of a field's type.
pub(crate) fn is_less(one: &Bound, other: &Bound, field: &Field) -> bool {
    let pair = Constant::read(one, field).zip(Constant::read(other, field));
    pair.is_some_and(|pair| match pair {
        (Constant::Integer(one), Constant::Integer(other)) => one < other,
        (Constant::Decimal(one), Constant::Decimal(other)) => one < other,
        (Constant::Date(one), Constant::Date(other)) => one < other,
        (Constant::Number(one), Constant::Number(other)) => one < other,
        (Constant::Integer(one), Constant::Number(other)) => (one as f64) < other,
        (Constant::Number(one), Constant::Integer(other)) => one < other as f64,
        _ => false,
    })
}

impl Constant {
    pub(super) fn read(bound: &Bound, field: &Field) -> Option<Self> {
        let text = bound.0.as_str();
        match field.logical_type {
            LogicalType::Integer => {
                value::integer(text).map(Self::Integer).or_else(|| value::number(text, None).map(Self::Number))
            }
            LogicalType::Number => value::number(text, None).map(Self::Number),
            LogicalType::Decimal => value::decimal(text, 38, batch::scale(field), None).map(Self::Decimal),
            LogicalType::Boolean => value::boolean(text, None).map(Self::Boolean),
            LogicalType::Date => value::date(text, &[DateFormat::Iso]).map(Self::Date),
            LogicalType::String => Some(Self::Text(text.to_owned())),
        }
    }

    /// How a value stands to it; none where the types differ.
    pub(super) fn order<'t>(&self, cell: Cell, text: &impl Fn(Cell) -> &'t str) -> Option<Ordering> {
        match (cell, self) {
            (Cell::Integer(value), Self::Integer(constant)) => Some(value.cmp(constant)),
            (Cell::Integer(value), Self::Number(constant)) => (value as f64).partial_cmp(constant),
            (Cell::Number(value), Self::Number(constant)) => value.partial_cmp(constant),
            (Cell::Decimal(value), Self::Decimal(constant)) => Some(value.cmp(constant)),
            (Cell::Boolean(value), Self::Boolean(constant)) => Some(value.cmp(constant)),
            (Cell::Date(value), Self::Date(constant)) => Some(value.cmp(constant)),
            (Cell::Text(_), Self::Text(constant)) => Some(text(cell).cmp(constant)),
            _ => None,
        }
    }
}

/// How two values stand to each other; none where their types differ. Decimals have the scales of their fields.
pub(super) fn order<'t>(
    left: (Cell, &Field),
    right: (Cell, &Field),
    text: &impl Fn(Cell) -> &'t str,
) -> Option<Ordering> {
    match (left.0, right.0) {
        (Cell::Integer(one), Cell::Integer(other)) => Some(one.cmp(&other)),
        (Cell::Number(one), Cell::Number(other)) => one.partial_cmp(&other),
        (Cell::Integer(one), Cell::Number(other)) => (one as f64).partial_cmp(&other),
        (Cell::Number(one), Cell::Integer(other)) => one.partial_cmp(&(other as f64)),
        (Cell::Decimal(one), Cell::Decimal(other)) => {
            let scales = (batch::scale(left.1), batch::scale(right.1));
            let power = |n: u8| 10_i128.checked_pow(u32::from(n));
            let one = one.checked_mul(power(scales.1.saturating_sub(scales.0))?)?;
            let other = other.checked_mul(power(scales.0.saturating_sub(scales.1))?)?;
            Some(one.cmp(&other))
        }
        (Cell::Boolean(one), Cell::Boolean(other)) => Some(one.cmp(&other)),
        (Cell::Date(one), Cell::Date(other)) => Some(one.cmp(&other)),
        (Cell::Text(_), Cell::Text(_)) => Some(text(left.0).cmp(text(right.0))),
        _ => None,
    }
}
