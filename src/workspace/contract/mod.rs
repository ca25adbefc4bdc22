//! `config/contracts/*.yaml`: what an extract must look like. Words follow the Open Data Contract Standard (v3) where it
//! has one for the thing (`id`, `version`, `title`, `description`, `required`, `unique`, `classification`).

mod bound;
mod delivery;
mod format;
mod layout;
mod picture;
mod rule;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::types::{Ordered, Share};
pub use bound::Bound;
pub use delivery::{
    ActionField, Delivering, DeliveryMode, EFFECTIVE_UNTIL, FreshnessLimits, SNAPSHOT_DATE, UnknownKeys,
};
pub use format::{Compression, Encoding, ExtraColumns, Format};
pub use layout::{ColumnPlace, OtherLayout};
pub use picture::{Picture, PictureContent, PictureSign};
pub use rule::{Comparison, ConsistencyDecision, Operand, Rule, WhenMissing};

/// What one kind of extract must look like.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its id; the file is named after it.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The party that delivers.
    pub partner: String,
    /// Its title.
    pub title: String,
    /// What it is, where the data come from, known breaks.
    #[serde(default)]
    pub description: Option<String>,
    /// The name of the layout that `format`, `encoding` and the places of the fields describe; the contract's version
    /// where it is left out.
    #[serde(default)]
    pub layout: Option<String>,
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
    /// The link fields that together identify a person within this partner. Each row gets the pseudonym of these as its
    /// `person`. Left out where rows are not about people.
    #[serde(default)]
    pub person: Vec<String>,
    /// The fields, in the order of the columns where there is no header.
    pub fields: Vec<Field>,
    /// Other layouts in which the same fields come, such as those of earlier years. Each extract is recognised by its
    /// format, encoding and columns; one that has none of the layouts is refused.
    #[serde(default)]
    pub layouts: Vec<OtherLayout>,
    /// Rules over several fields, several rows, or another source.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// When a delivery is refused as a whole.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// How the partner delivers: the whole, changes, or dated rows; and how often.
    #[serde(default)]
    pub delivery: Delivering,
}

/// A field.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name in agreements and SQL.
    pub name: String,
    /// The column's name in the header, where it is another one.
    #[serde(default)]
    pub column: Option<String>,
    /// Which of several columns of that name it is, counted from 1.
    #[serde(default)]
    pub occurrence: Option<usize>,
    /// Where it stands in a fixed-width line; behind the field before it where it is left out and there is a picture.
    #[serde(default)]
    pub position: Option<Position>,
    /// How it is written in a fixed-width line: `X(10)`, `9(3)V99` (the point is implied), `S9(5)` (the sign stands over
    /// the last digit).
    #[serde(default)]
    pub picture: Option<Picture>,
    /// Its type.
    #[serde(rename = "type")]
    pub logical_type: LogicalType,
    /// How dates are written, tried in order: `YYYYMMDD`, `YYYY-MM-DD`, `MM/DD/YYYY`, `M/D/YYYY`.
    #[serde(default)]
    pub date_formats: Vec<DateFormat>,
    /// The words for true and false; `true`/`false` where it is left out.
    #[serde(default)]
    pub boolean_words: Option<BooleanWords>,
    /// Decimal places that the digits hold without a point: `0150` with 1 is 15.0.
    #[serde(default)]
    pub implied_decimals: Option<u32>,
    /// Digits of a decimal, those behind the point counted; 38 at most.
    #[serde(default)]
    pub precision: Option<u8>,
    /// Digits of a decimal behind the point. Nothing is rounded: a value with more of them is rejected.
    #[serde(default)]
    pub scale: Option<u8>,
    /// Whether a row without it is rejected.
    #[serde(default)]
    pub required: bool,
    /// Words that stand for "no value", each with its meaning, such as `"": not reported`. Blank is one of them only if
    /// it is listed (or the field is not required).
    #[serde(default)]
    pub missing: Ordered<String>,
    /// Another field, of whose missing values this one holds the meaning: that of its word under `missing`, or `blank`,
    /// `null` or `placeholder`. It has no column of its own and is empty where there is a value.
    #[serde(default)]
    pub meaning_of: Option<String>,
    /// The codes it may hold, each with its meaning.
    #[serde(default)]
    pub allowed: Option<Ordered<String>>,
    /// Known wrong spellings and what they stand for, such as `"10-20": "10-20%"`. Each use is counted.
    #[serde(default)]
    pub replace: Ordered<String>,
    /// Clean-up before the type is read, in order. Each change is counted.
    #[serde(default)]
    pub clean: Vec<Clean>,
    /// What makes two spellings of an identifier or name the same before it becomes a pseudonym.
    #[serde(default)]
    pub normalise: Option<Normaliser>,
    /// Values that stand in for a real identifier, such as `0000000000`.
    #[serde(default)]
    pub placeholders: Option<Placeholders>,
    /// Smallest number, or first day, that is allowed.
    #[serde(default)]
    pub minimum: Option<Bound>,
    /// Largest number, or last day, that is allowed.
    #[serde(default)]
    pub maximum: Option<Bound>,
    /// How many characters a text may have.
    #[serde(default)]
    pub length: Option<Length>,
    /// A regular expression that the whole of a text matches.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The check digit with which an identifier ends. A value whose check digit is wrong is rejected.
    #[serde(default)]
    pub check_digit: Option<CheckDigit>,
    /// Whether no two rows have the same value. The first one is kept; a missing value is none.
    #[serde(default)]
    pub unique: bool,
    /// What it means.
    #[serde(default)]
    pub description: Option<String>,
}

/// Where a field stands in a fixed-width line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// First character, counted from 1.
    pub start: usize,
    /// Number of characters; that of the picture where it is left out.
    #[serde(default)]
    pub length: Option<usize>,
}

/// A field's type (the words of ODCS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// Text; Arrow `Utf8`.
    String,
    /// A whole number; Arrow `Int64`.
    Integer,
    /// A number; Arrow `Float64`.
    Number,
    /// A number that keeps all its digits, with `precision` and `scale`; Arrow `Decimal128`.
    Decimal,
    /// True or false; Arrow `Boolean`.
    Boolean,
    /// A day; Arrow `Date32`.
    Date,
}

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DateFormat {
    /// `20260605`
    #[serde(rename = "YYYYMMDD")]
    Compact,
    /// `2026-06-05`
    #[serde(rename = "YYYY-MM-DD")]
    Iso,
    /// `06/05/2026`
    #[serde(rename = "MM/DD/YYYY")]
    Us,
    /// `6/5/2026`, also `06/05/2026`
    #[serde(rename = "M/D/YYYY")]
    UsShort,
}

/// The words for true and false.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BooleanWords {
    /// Words for true.
    #[serde(rename = "true")]
    pub yes: Vec<String>,
    /// Words for false.
    #[serde(rename = "false")]
    pub no: Vec<String>,
}

/// A clean-up step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Clean {
    /// Blanks at both ends go.
    Trim,
    /// `="0020011"` becomes `0020011`.
    UnwrapExcelFormula,
    /// All but the digits go: `123-45-6789` becomes `123456789`.
    DigitsOnly,
    /// A shorter value is filled up at its start: `20011` to 7 with `0` becomes `0020011`. Nothing stays nothing.
    LeftPad {
        /// Characters that it has afterwards.
        to: usize,
        /// The character that fills it up.
        with: char,
    },
}

/// How many characters a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// At least.
    #[serde(default)]
    pub minimum: Option<usize>,
    /// At most.
    #[serde(default)]
    pub maximum: Option<usize>,
}

/// How the check digit of an identifier is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CheckDigit {
    /// Luhn (ISO/IEC 7812-1).
    #[serde(rename = "luhn")]
    Luhn,
    /// ISO/IEC 7064 MOD 11-2; ten is written `X`.
    #[serde(rename = "mod_11_2")]
    Mod11_2,
    /// ISO/IEC 7064 MOD 97-10: two check digits.
    #[serde(rename = "mod_97_10")]
    Mod97_10,
}

/// What makes two spellings the same before they become a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// As it is, blanks at both ends removed.
    Exact,
    /// Digits only.
    Digits,
    /// A person's name: accents, case and punctuation removed.
    Name,
    /// A family name: as `name`, and without particles such as `de la` and suffixes such as `Jr.`.
    FamilyName,
    /// A given name: as `name`, and a nickname that stands for one name alone becomes that name (`Bill`: `William`).
    GivenName,
    /// A day, written as `YYYY-MM-DD`.
    Date,
}

/// Values that stand in for a real identifier, and what to do with a row that has one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placeholders {
    /// The values.
    pub values: Vec<String>,
    /// Reject the row, or take the identifier as missing (it then links nothing).
    pub action: PlaceholderAction,
}

/// What to do with a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceholderAction {
    /// The row goes to quarantine.
    Reject,
    /// The value is taken as missing.
    Missing,
}

/// When a delivery is refused as a whole.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// The largest share of rejected rows.
    pub rejected: Share,
    /// The largest change in the number of rows against the last run, up or down.
    pub row_change: Share,
    /// The largest fall of the share of this source's people who are linked, against the last run, in percentage points:
    /// with `10%` a link may go from 62 % to 52 %.
    pub match_rate: Share,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { rejected: Share(0.01), row_change: Share(0.25), match_rate: Share(0.1) }
    }
}

impl Field {
    /// A text without a name, and without anything that is asked of it.
    pub(crate) fn of_text() -> Self {
        Self {
            name: String::new(),
            column: None,
            occurrence: None,
            position: None,
            picture: None,
            logical_type: LogicalType::String,
            date_formats: Vec::new(),
            boolean_words: None,
            implied_decimals: None,
            precision: None,
            scale: None,
            required: false,
            missing: Ordered::default(),
            meaning_of: None,
            allowed: None,
            replace: Ordered::default(),
            clean: Vec::new(),
            normalise: None,
            placeholders: None,
            minimum: None,
            maximum: None,
            length: None,
            pattern: None,
            check_digit: None,
            unique: false,
            description: None,
        }
    }
}

impl Contract {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The contracts whose rows its rows refer to.
    pub fn refers_to(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Reference { contract, .. } => Some(contract.as_str()),
            _ => None,
        })
    }
}
