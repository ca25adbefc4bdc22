//! Other layouts in which the fields of a contract come, such as those of earlier years.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::{Compression, Encoding, ExtraColumns, Format};
use super::{Ordered, Position};

/// Another layout of the same fields. An extract is recognised by its format, encoding and columns.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherLayout {
    /// Its name, such as `2019-20`; reports name the layout of each delivery.
    pub name: String,
    /// How the bytes are laid out.
    pub format: Format,
    /// How characters are written as bytes; only text has an encoding.
    #[serde(default)]
    pub encoding: Option<Encoding>,
    /// Whether the bytes are compressed.
    #[serde(default)]
    pub compression: Compression,
    /// Columns that are there but not in `fields`: refused, or dropped unread.
    #[serde(default)]
    pub extra_columns: ExtraColumns,
    /// Where fields stand in it. Where columns have names, only the fields whose column has another name than theirs
    /// need to be listed; where they have none, either no field is listed (they come in the order of the fields) or all.
    #[serde(default)]
    pub columns: Ordered<ColumnPlace>,
}

/// Where a field stands in another layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnPlace {
    /// Nowhere: it is missing in each row.
    Absent,
    /// In the column of that name.
    Column(String),
    /// In the column of that number, counted from 1.
    Number(usize),
    /// At a place in a fixed-width line.
    Position(Position),
}
