//! How a partner delivers: what one delivery holds of the whole, and how old the last one may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::types::Days;

/// The column by which SQL tells dated snapshots apart: the day in the delivery's file name.
pub const SNAPSHOT_DATE: &str = "snapshot_date";

/// The column of effective-dated rows that holds the day from which the next row of their key is in effect; none for the
/// last one.
pub const EFFECTIVE_UNTIL: &str = "effective_until";

/// How a partner delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delivering {
    /// What a delivery holds.
    pub mode: DeliveryMode,
    /// Each delivery is kept as it stood on the day in its file name, so that history can be asked: SQL reads that day as
    /// `snapshot_date`. Only with `replacement`.
    pub snapshots: bool,
    /// The fields that tell which row a change is about. Fields that link are fine: they are hashed with a key and gone
    /// after that.
    pub key: Vec<String>,
    /// What a row of a change file does; without it each row is added, or takes the place of the one with its key.
    pub action: Option<ActionField>,
    /// The day from which an effective-dated row is in effect.
    pub effective: Option<String>,
    /// What becomes of a delivery that changes or deletes a row which is not there.
    pub unknown_keys: UnknownKeys,
    /// How old the last delivery may be.
    pub freshness: FreshnessLimits,
}

/// What a delivery holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// All there is. Several deliveries that are picked stand one after the other.
    #[default]
    Replacement,
    /// Changes since the delivery before: they are replayed in order.
    Transactions,
    /// Rows with the day from which they are in effect. A later row of the same key and day takes the place of the
    /// earlier one; all others stay.
    EffectiveDated,
}

/// The field that says what a row of a change file does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionField {
    /// The field: text with `allowed` values, each of which is one of the words below.
    pub field: String,
    /// Words for a row that is new.
    #[serde(default)]
    pub add: Vec<String>,
    /// Words for a row that takes the place of the one with its key.
    #[serde(default)]
    pub change: Vec<String>,
    /// Words for a row whose key is gone from here on.
    #[serde(default)]
    pub delete: Vec<String>,
}

/// What becomes of a delivery that changes or deletes a row which is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownKeys {
    /// Such rows are counted and said: a change adds its row, a deletion deletes nothing.
    #[default]
    Count,
    /// The source is refused.
    Refuse,
}

/// How old the last delivery may be, counted in days from the day in its file name, or else from the day on which it was
/// written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FreshnessLimits {
    /// When it is older, the run says so.
    pub warn: Option<Days>,
    /// When it is older, the run refuses the pipeline, and the last release stays.
    pub error: Option<Days>,
    /// At most so many days lie between two deliveries; where more do, the run says between which. It needs a `{date}`
    /// in the file names.
    pub every: Option<Days>,
}

impl Delivering {
    /// Whether the rules over several rows hold within each delivery instead of over all of them: a key comes again with
    /// each snapshot and each change.
    #[must_use]
    pub fn by_itself(&self) -> bool {
        self.snapshots || self.is_settled()
    }

    /// Whether rows of later deliveries take the place of earlier ones.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.mode != DeliveryMode::Replacement
    }

    /// The column that SQL reads besides the contract's fields.
    #[must_use]
    pub fn added_column(&self) -> Option<&'static str> {
        match self.mode {
            DeliveryMode::Replacement => self.snapshots.then_some(SNAPSHOT_DATE),
            DeliveryMode::EffectiveDated => Some(EFFECTIVE_UNTIL),
            DeliveryMode::Transactions => None,
        }
    }
}
