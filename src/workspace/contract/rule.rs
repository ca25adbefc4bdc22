//! Rules over several fields of a row, over several rows, and over another source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bound::Bound;

/// A rule beyond single fields.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// No two rows have the same values in these fields. The first of rows equal in all fields is kept and the others
    /// are rejected as duplicates; rows that differ elsewhere are rejected as conflicts, the first one kept.
    Unique {
        /// The fields.
        fields: Vec<String>,
    },
    /// Rows with the same key should agree in a field. They are counted, and kept or rejected as it says.
    Consistent {
        /// The key.
        key: Vec<String>,
        /// The field that should have one value per key.
        field: String,
        /// What was decided.
        decision: ConsistencyDecision,
        /// Why.
        reason: String,
    },
    /// A field compared with another one of its row, or with a constant: `exit_date` `>=` `{ field: entry_date }`.
    Compare {
        /// The field.
        left: String,
        /// How it compares.
        is: Comparison,
        /// With what.
        right: Operand,
        /// What becomes of a row in which one of the two is missing.
        when_missing: WhenMissing,
    },
    /// The values of these fields are those of a row in another source of the pipeline.
    Reference {
        /// The fields.
        fields: Vec<String>,
        /// The contract of the other source.
        contract: String,
        /// Its fields, in the same order.
        to: Vec<String>,
        /// What becomes of a row in which one of the fields is missing.
        when_missing: WhenMissing,
    },
}

/// How two values compare. Text is compared character by character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Comparison {
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less, or earlier.
    #[serde(rename = "<")]
    Less,
    /// At most, or not later.
    #[serde(rename = "<=")]
    AtMost,
    /// More, or later.
    #[serde(rename = ">")]
    More,
    /// At least, or not earlier.
    #[serde(rename = ">=")]
    AtLeast,
}

impl Comparison {
    /// The sign for it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it holds of values in that order.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// Another field of the row.
    Field(String),
    /// A constant; a day is written `YYYY-MM-DD`.
    Value(Bound),
}

/// What becomes of a row in which a value is missing that a rule asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenMissing {
    /// The rule says nothing about it.
    Admit,
    /// It is rejected.
    Reject,
}

/// What was decided about rows that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsistencyDecision {
    /// Each row keeps its own value; the number of keys with several values is reported.
    KeepEach,
    /// Rows after the first whose value differs are rejected.
    RejectLater,
}
