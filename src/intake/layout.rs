//! A layout of a contract, ready to read with: format, encoding, and the place of each field.

use crate::error::{Error, Result};
use crate::workspace::{Compression, Contract, Encoding, ExtraColumns, Field, Format, PictureContent, Position};

/// One layout of a contract.
pub(super) struct Layout<'c> {
    pub(super) format: &'c Format,
    pub(super) encoding: Encoding,
    pub(super) compression: Compression,
    pub(super) extra_columns: ExtraColumns,
    /// Where each field of the contract stands, in their order.
    pub(super) places: Vec<Place<'c>>,
    /// How each field is written in a fixed-width line, where its contract has a picture of it.
    pub(super) pictures: Vec<Option<PictureContent>>,
}

/// Where a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'c> {
    /// In the column of that name; of several the one that is said.
    Column { name: &'c str, occurrence: Option<usize> },
    /// In the column of that number, counted from 0.
    Order(usize),
    /// Behind so many characters, so many long.
    Position { start: usize, length: usize },
}

impl<'c> Layout<'c> {
    /// The layout that the contract itself describes.
    ///
    /// # Errors
    /// A field has no place in it.
    pub(super) fn of(contract: &'c Contract) -> Result<Self> {
        let mut places = Vec::with_capacity(contract.fields.len());
        let mut behind = 0;
        for (at, field) in contract.fields.iter().enumerate() {
            let place = match &contract.format {
                Format::FixedWidth { record_length, .. } => {
                    let place = position(field, behind, *record_length).ok_or_else(|| no_position(contract, field))?;
                    if let Place::Position { start, length } = place {
                        behind = start + length;
                    }
                    place
                }
                format if format.names_columns() => {
                    Place::Column { name: column_name(field), occurrence: field.occurrence }
                }
                _ => Place::Order(at),
            };
            places.push(place);
        }
        Ok(Self {
            format: &contract.format,
            encoding: contract.encoding.unwrap_or(Encoding::Utf8),
            compression: contract.compression,
            extra_columns: contract.extra_columns,
            places,
            pictures: contract.fields.iter().map(|field| field.picture.as_ref().map(|one| one.content)).collect(),
        })
    }

    /// Whether a field is read from the column of that name.
    pub(super) fn knows(&self, column: &str) -> bool {
        self.columns().any(|name| name == column)
    }

    /// The names of all columns that are read.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'c str> {
        self.places.iter().filter_map(|place| match place {
            Place::Column { name, .. } => Some(*name),
            _ => None,
        })
    }
}

/// The name of a field's column.
pub(super) fn column_name(field: &Field) -> &str {
    field.column.as_deref().unwrap_or(&field.name)
}

/// Where a field stands in a fixed-width line; `behind` is where the field before it ends.
fn position<'c>(field: &Field, behind: usize, record_length: usize) -> Option<Place<'c>> {
    let pictured = field.picture.as_ref().map(|picture| picture.length());
    let (start, length) = match field.position {
        Some(Position { start, length }) => (start.checked_sub(1)?, length.or(pictured)?),
        None => (behind, pictured?),
    };
    let within = length > 0 && start.checked_add(length)? <= record_length;
    within.then_some(Place::Position { start, length })
}

fn no_position(contract: &Contract, field: &Field) -> Error {
    let said = format!("read contract {}: field {} has no position within the record", contract.id, field.name);
    Error::config("intake.position", said).with_hint("give it `position: { start: …, length: … }`")
}
