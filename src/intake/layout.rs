//! The layouts of a contract, ready to read with: format, encoding, and the place of each field.

use crate::error::{Error, Result};
use crate::workspace::{
    ColumnPlace, Compression, Contract, Encoding, ExtraColumns, Field, Format, OtherLayout, PictureContent, Position,
};

/// One layout of a contract.
pub(super) struct Layout<'c> {
    pub(super) name: &'c str,
    /// Whether it is the one that the contract itself describes.
    pub(super) own: bool,
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
    /// Nowhere.
    Absent,
}

impl<'c> Layout<'c> {
    /// The layouts of a contract, its own one first.
    ///
    /// # Errors
    /// A field has no place in one of them.
    pub(super) fn all(contract: &'c Contract) -> Result<Vec<Self>> {
        let mut layouts = vec![Self::own(contract)?];
        for other in &contract.layouts {
            layouts.push(Self::other(contract, other)?);
        }
        Ok(layouts)
    }

    /// The layout that the contract itself describes.
    fn own(contract: &'c Contract) -> Result<Self> {
        let mut places = Vec::with_capacity(contract.fields.len());
        let (mut behind, mut at) = (0, 0);
        for field in &contract.fields {
            let place = match &contract.format {
                _ if field.meaning_of.is_some() => Place::Absent,
                Format::FixedWidth { record_length, .. } => {
                    let place = position(field, field.position, behind, *record_length);
                    let place = place.ok_or_else(|| no_position(contract, field))?;
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
            at += usize::from(place != Place::Absent);
            places.push(place);
        }
        Ok(Self {
            name: contract.layout.as_deref().unwrap_or(&contract.version),
            own: true,
            format: &contract.format,
            encoding: contract.encoding.unwrap_or(Encoding::Utf8),
            compression: contract.compression,
            extra_columns: contract.extra_columns,
            places,
            pictures: contract.fields.iter().map(|field| field.picture.as_ref().map(|one| one.content)).collect(),
        })
    }

    fn other(contract: &'c Contract, other: &'c OtherLayout) -> Result<Self> {
        let of_columns = |field: &&Field| field.meaning_of.is_none();
        let place = |(at, field): (usize, &'c Field)| match (other.columns.get(&field.name), &other.format) {
            _ if field.meaning_of.is_some() => Ok(Place::Absent),
            (Some(ColumnPlace::Absent), _) => Ok(Place::Absent),
            (Some(ColumnPlace::Column(name)), _) => Ok(Place::Column { name, occurrence: None }),
            (Some(ColumnPlace::Number(number)), _) => Ok(Place::Order(number.saturating_sub(1))),
            (Some(ColumnPlace::Position(place)), Format::FixedWidth { record_length, .. }) => {
                position(field, Some(*place), 0, *record_length).ok_or_else(|| no_position(contract, field))
            }
            (None, format) if format.names_columns() => {
                Ok(Place::Column { name: column_name(field), occurrence: field.occurrence })
            }
            (None, Format::Delimited { .. } | Format::Excel { .. }) if other.columns.is_empty() => {
                Ok(Place::Order(contract.fields[..at].iter().filter(of_columns).count()))
            }
            _ => Err(no_position(contract, field)),
        };
        let fixed = matches!(other.format, Format::FixedWidth { .. });
        let picture = |field: &Field| field.picture.as_ref().filter(|_| fixed).map(|one| one.content);
        Ok(Self {
            name: &other.name,
            own: false,
            format: &other.format,
            encoding: other.encoding.unwrap_or(Encoding::Utf8),
            compression: other.compression,
            extra_columns: other.extra_columns,
            places: contract.fields.iter().enumerate().map(place).collect::<Result<_>>()?,
            pictures: contract.fields.iter().map(picture).collect(),
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

    /// The column of each field where columns have no names, and how many there are.
    pub(super) fn by_order(&self) -> (Vec<Option<usize>>, usize) {
        let places: Vec<Option<usize>> = self
            .places
            .iter()
            .map(|place| match place {
                Place::Order(at) => Some(*at),
                _ => None,
            })
            .collect();
        let count = places.iter().flatten().max().map_or(0, |last| last + 1);
        (places, count)
    }
}

/// The name of a field's column.
pub(super) fn column_name(field: &Field) -> &str {
    field.column.as_deref().unwrap_or(&field.name)
}

/// Where a field stands in a fixed-width line; `behind` is where the field before it ends.
fn position<'c>(field: &Field, place: Option<Position>, behind: usize, record_length: usize) -> Option<Place<'c>> {
    let pictured = field.picture.as_ref().map(|picture| picture.length());
    let (start, length) = match place {
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
