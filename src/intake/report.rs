//! What intake says about a source. It names files, columns, rules and words of the contract, never a value of a row.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::workspace::ConsistencyDecision;

/// What became of the rows of a source: `rows_in = admitted + rejected + resolved`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IntakeReport {
    /// Rows in the deliveries; header and empty lines at the end not counted.
    pub rows_in: u64,
    /// Rows that the contract admitted.
    pub admitted: u64,
    /// Rows in quarantine.
    pub rejected: u64,
    /// Rows that somebody decided to leave out.
    #[serde(default)]
    pub resolved: u64,
    /// Admitted rows that were read from a correction.
    #[serde(default)]
    pub corrected: u64,
    /// Each delivery.
    pub deliveries: Vec<DeliveryBook>,
    /// Rejects by rule and column, in the order of both.
    pub rejects: Vec<RejectCount>,
    /// What was cleaned, replaced and missing in admitted rows, for fields in which anything was.
    pub fields: Vec<FieldBook>,
    /// What the consistency rules found.
    pub consistency: Vec<ConsistencyFinding>,
}

/// A delivery: `rows_in = admitted + rejected + resolved`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryBook {
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its size in bytes, as delivered.
    pub bytes: u64,
    /// Rows in it.
    pub rows_in: u64,
    /// Rows that the contract admitted.
    pub admitted: u64,
    /// Rows in quarantine.
    pub rejected: u64,
    /// Rows that somebody decided to leave out.
    #[serde(default)]
    pub resolved: u64,
    /// Admitted rows that were read from a correction.
    #[serde(default)]
    pub corrected: u64,
    /// Paths of other deliveries that equal it to the byte.
    pub duplicates: Vec<String>,
    /// The layout that it was recognised by; of an archive that of its first file.
    #[serde(default)]
    pub layout: String,
    /// The files of an archive, in the order in which they were read.
    #[serde(default)]
    pub parts: Vec<PartBook>,
}

/// A file of an archive: `rows_in = admitted + rejected + resolved`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartBook {
    /// Its name.
    pub name: String,
    /// The layout that it was recognised by.
    #[serde(default)]
    pub layout: String,
    /// Rows in it.
    pub rows_in: u64,
    /// Rows that the contract admitted.
    pub admitted: u64,
    /// Rows in quarantine.
    pub rejected: u64,
    /// Rows that somebody decided to leave out.
    #[serde(default)]
    pub resolved: u64,
    /// Admitted rows that were read from a correction.
    #[serde(default)]
    pub corrected: u64,
}

/// Rejects of one rule.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectCount {
    /// The rule.
    pub rule: String,
    /// The column; none where the rule is about the whole row.
    pub column: Option<String>,
    /// Rows.
    pub rows: u64,
}

/// What was done to the values of a field in admitted rows.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldBook {
    /// The field.
    pub field: String,
    /// Values that lost blanks at their ends.
    pub trimmed: u64,
    /// Values that were a spreadsheet's formula.
    pub unwrapped: u64,
    /// Values that lost all but their digits.
    #[serde(default)]
    pub stripped: u64,
    /// Values that were filled up at their start.
    #[serde(default)]
    pub padded: u64,
    /// Known wrong spellings.
    pub replaced: Vec<WordCount>,
    /// Words for "no value".
    pub missing: Vec<WordCount>,
    /// Blank values that no word lists.
    pub blank: u64,
    /// Values that are null or not there at all, in formats that tell this from blank.
    #[serde(default)]
    pub null: u64,
    /// Placeholders taken as missing.
    pub placeholders: u64,
}

/// How often a word of the contract came up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct WordCount {
    /// The word, as the contract has it.
    pub word: String,
    /// What it stands for.
    pub meaning: String,
    /// Values.
    pub values: u64,
}

/// What a consistency rule found.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsistencyFinding {
    /// The key.
    pub key: Vec<String>,
    /// The field that should have one value per key.
    pub field: String,
    /// What was decided.
    pub decision: ConsistencyDecision,
    /// Why.
    pub reason: String,
    /// Keys seen.
    pub keys: u64,
    /// Keys with several values.
    pub keys_with_several: u64,
}

/// Counts may be small and belong to the report, not to a log.
macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
redacted!(IntakeReport, DeliveryBook, PartBook, RejectCount, FieldBook, WordCount, ConsistencyFinding);
