//! What a run hands over to be laid down as a candidate: protected cells and everything that describes them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::method::Method;
use crate::error::{Error, Result};

/// A release that passed its audit, before stewards have seen it. Equal inputs give equal bytes: nothing in here may
/// depend on the time, on names of temporary files or on the order of a hash map.
#[derive(Clone, Debug)]
pub struct CandidateInput {
    /// The pipeline's name.
    pub pipeline: String,
    /// The release's title.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// The agreement's id.
    pub agreement: String,
    /// The agreement's title.
    pub agreement_title: String,
    /// The purpose, one of the agreement's.
    pub purpose: String,
    /// The legal basis, in the agreement's word.
    pub legal_basis: String,
    /// SHA-256 of the plan, in hexadecimal digits.
    pub plan_digest: String,
    /// SHA-256 of the agreement.
    pub agreement_digest: String,
    /// Fingerprint of extracts, configuration and keys.
    pub inputs_digest: String,
    /// Fingerprint of the key whose pseudonyms were linked.
    pub key_fingerprint: String,
    /// Who receives the release.
    pub recipients: Vec<String>,
    /// Licence of the published data, an SPDX id.
    pub licence: Option<String>,
    /// Sources to name.
    pub attribution: Vec<String>,
    /// How the figures of all tables are protected.
    pub method: Method,
    /// The tables.
    pub tables: Vec<OutputTable>,
    /// Versions that were public already when the tables were audited, and beside which they were.
    pub beside: Vec<u32>,
    /// Versions of other pipelines over the same people that were, too.
    pub beside_others: BTreeMap<String, Vec<u32>>,
    /// The certificate of these tables, as text; it is published with them.
    pub certificate: Option<String>,
    /// Rows in and out of each step. Stewards only.
    pub books: serde_json::Value,
    /// The disclosure audit's report. Stewards only.
    pub audit: serde_json::Value,
    /// The rules of disclosure control. Stewards only.
    pub policy: serde_json::Value,
    /// Where the rows come from.
    pub sources: Vec<SourceNote>,
}

/// One source of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceNote {
    /// The partner that delivered it.
    pub partner: String,
    /// The contract that it meets.
    pub contract: String,
    /// The contract's version.
    pub version: String,
    /// Its title.
    pub title: String,
}

/// A protected table, one row per cell.
#[derive(Clone)]
pub struct OutputTable {
    /// Its name, also that of its file: lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub description: Option<String>,
    /// What is counted, such as `person`.
    pub counts: String,
    /// The people counted: tables of one universe share the cells that have the same coordinates.
    pub universe: String,
    /// The dimension columns.
    pub dimensions: Vec<DimensionColumn>,
    /// The measure columns.
    pub measures: Vec<MeasureColumn>,
    /// Categories, by dimension column and row.
    pub keys: Vec<Vec<String>>,
    /// Figures, by measure and row.
    pub values: Vec<MeasureValues>,
    /// Why each figure is shown or hidden, by measure and row. Stewards only.
    pub steward_reasons: Vec<Vec<&'static str>>,
}

/// A dimension column. Its values are text always: codes keep their leading zeros.
#[derive(Clone, Debug)]
pub struct DimensionColumn {
    /// The column's name.
    pub name: String,
    /// What it means.
    pub description: Option<String>,
    /// Codes with their meanings.
    pub labels: Vec<(String, String)>,
    /// The code of the total over the column.
    pub total: Option<String>,
    /// The column before this one, where its categories contain this one's.
    pub within: Option<String>,
}

/// A measure column.
#[derive(Clone, Debug)]
pub struct MeasureColumn {
    /// The column's name; its status stands in `NAME_status`.
    pub name: String,
    /// What it holds.
    pub kind: MeasureKind,
    /// What it means.
    pub description: Option<String>,
    /// When a figure is hidden, in words for readers of the release; empty where none is.
    pub suppressed_rule: String,
    /// What a count counts, by its definition: the same in two tables is the same count. Empty for rates.
    pub counted: String,
    /// The column among whose units a count's are.
    pub of: Option<String>,
    /// Whether a count is one of exclusive parts that add up to `of`.
    pub is_part: bool,
}

/// What a measure holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasureKind {
    /// A count.
    Count,
    /// One count divided by another, in percent.
    Rate {
        /// Decimals shown.
        decimals: u32,
        /// The count above the line.
        numerator: String,
        /// The count below the line.
        denominator: String,
    },
}

/// The figures of a measure, by row; `None` is hidden, or for a rate not applicable.
#[derive(Clone, PartialEq)]
pub enum MeasureValues {
    /// Counts.
    Counts(Vec<Option<i64>>),
    /// Rates in percent.
    Rates(Vec<Option<f64>>),
}

impl MeasureValues {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            MeasureValues::Counts(values) => values.len(),
            MeasureValues::Rates(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `row` has a figure.
    #[must_use]
    pub fn is_shown(&self, row: usize) -> bool {
        match self {
            MeasureValues::Counts(values) => values.get(row).is_some_and(Option::is_some),
            MeasureValues::Rates(values) => values.get(row).is_some_and(Option::is_some),
        }
    }
}

impl fmt::Debug for MeasureValues {
    /// Shows the shape only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MeasureValues({} rows)", self.len())
    }
}

impl fmt::Debug for OutputTable {
    /// Shows the shape only: a reason beside its cell tells who is small.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputTable").field("name", &self.name).field("rows", &self.rows()).finish_non_exhaustive()
    }
}

/// The reason of a figure that is shown.
pub(super) const SHOWN: &str = "published";

impl OutputTable {
    /// How many rows the table has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.keys.first().map_or_else(|| self.values.first().map_or(0, MeasureValues::len), Vec::len)
    }

    /// The counts of the measure `name`.
    pub(super) fn counts_of(&self, name: &str) -> Option<&[Option<i64>]> {
        let at = self.measures.iter().position(|measure| measure.name == name)?;
        match self.values.get(at)? {
            MeasureValues::Counts(values) => Some(values),
            MeasureValues::Rates(_) => None,
        }
    }

    /// Checks that the table holds together and shows nothing that its other columns hide.
    ///
    /// # Errors
    /// `release.shape` for a bug in a step before; `release.rate_tells` for a rate that is shown although a count in it
    /// is hidden, since the rate and the other count would give it away.
    pub(super) fn check(&self) -> Result<()> {
        self.check_names()?;
        self.check_shape()?;
        for (measure, values) in self.measures.iter().zip(&self.values) {
            if let (MeasureKind::Rate { numerator, denominator, .. }, MeasureValues::Rates(rates)) =
                (&measure.kind, values)
            {
                self.check_rate(&measure.name, rates, [numerator, denominator])?;
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        if !is_file_name(&self.name) {
            return Err(self.bad("its name can't be that of a file"));
        }
        let dimensions = self.dimensions.iter().map(|dimension| dimension.name.clone());
        let measures = self.measures.iter().flat_map(|one| [one.name.clone(), super::files::status_column(&one.name)]);
        let mut seen = HashSet::new();
        if dimensions.chain(measures).all(|name| !name.is_empty() && seen.insert(name)) {
            Ok(())
        } else {
            Err(self.bad("two of its columns have one name"))
        }
    }

    fn check_shape(&self) -> Result<()> {
        let rows = self.rows();
        let fits = self.keys.len() == self.dimensions.len()
            && self.values.len() == self.measures.len()
            && self.steward_reasons.len() == self.measures.len()
            && self.keys.iter().all(|column| column.len() == rows)
            && self.values.iter().all(|values| values.len() == rows)
            && self.steward_reasons.iter().all(|reasons| reasons.len() == rows);
        if !fits {
            return Err(self.bad("its columns differ in length"));
        }
        for ((measure, values), reasons) in self.measures.iter().zip(&self.values).zip(&self.steward_reasons) {
            let typed = matches!(
                (&measure.kind, values),
                (MeasureKind::Count, MeasureValues::Counts(_)) | (MeasureKind::Rate { .. }, MeasureValues::Rates(_))
            );
            if !typed {
                return Err(self.bad("a column holds figures of another kind than it says"));
            }
            // A rate may also be absent because there is nobody to divide by.
            let counts = measure.kind == MeasureKind::Count;
            let fits = |row: usize| match reasons[row] == SHOWN {
                true => values.is_shown(row) || !counts,
                false => !values.is_shown(row),
            };
            if !(0..rows).all(fits) {
                return Err(self.bad("a figure is shown or hidden against its reason"));
            }
        }
        let mut seen = HashSet::new();
        let distinct = (0..rows).all(|row| seen.insert(self.keys.iter().map(|keys| &keys[row]).collect::<Vec<_>>()));
        if distinct { Ok(()) } else { Err(self.bad("two of its rows are the same cell")) }
    }

    fn check_rate(&self, name: &str, rates: &[Option<f64>], counts: [&str; 2]) -> Result<()> {
        let [Some(numerators), Some(denominators)] = counts.map(|count| self.counts_of(count)) else {
            return Err(self.bad("a rate names a count that it does not have"));
        };
        for (row, rate) in rates.iter().enumerate().filter_map(|(row, rate)| rate.map(|rate| (row, rate))) {
            if !rate.is_finite() {
                return Err(self.bad("a rate is not a number"));
            }
            if numerators[row].is_none() || denominators[row].is_none() {
                let message = format!("`{name}` of table `{}` shows a rate of which a count is hidden", self.name);
                return Err(Error::disclosure("release.rate_tells", message)
                    .with_hint("hide the rate wherever its numerator or its denominator is hidden"));
            }
        }
        Ok(())
    }

    fn bad(&self, what: &str) -> Error {
        Error::internal("release.shape", format!("lay down table `{}`: {what}", self.name))
    }
}

/// Whether `name` can stand in a path: lower-case letters, digits, `_` and `-`.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}
