//! What a reader of the release sees.

use std::fmt;

use super::policy::Status;
use super::table::{Dimension, Measure, Table};

/// A table as it is published: the structure and the figures that are not hidden.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicTable {
    /// The table's name.
    pub name: String,
    /// The people counted.
    pub universe: String,
    /// The dimensions, outermost first.
    pub dimensions: Vec<Dimension>,
    /// The printed measures.
    pub measures: Vec<Measure>,
    /// By measure and cell, laid out as in [`Table::values`]; `None` is a hidden cell.
    pub values: Vec<Vec<Option<i64>>>,
    /// Ratios of two measures that are printed beside them.
    pub rates: Vec<PublicRate>,
    /// Which earlier release or other publication the table is from, in words; `None` for the release at hand.
    pub edition: Option<String>,
    /// The smallest count that may be shown by cell, where it is not the policy's everywhere: as public as the rules are.
    pub minimums: Option<Vec<u64>>,
}

/// A printed ratio of two measures, rounded. A reader who knows one of the counts has bounds for the other from it, and
/// from a rate alone the ratio's bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicRate {
    /// The column's name.
    pub name: String,
    /// Index of the measure above the line.
    pub numerator: usize,
    /// Index of the measure below it.
    pub denominator: usize,
    /// Units to the whole: 1,000 for percent with one decimal.
    pub scale: i64,
    /// The rounded `scale * numerator / denominator` by cell; `None` is a hidden rate. Either way of rounding a half is
    /// allowed for.
    pub values: Vec<Option<i64>>,
    /// The band that is printed in place of a number, by cell; empty where numbers are printed.
    pub bands: Vec<Option<PublicBand>>,
}

/// A percentage that is printed as a band: the whole percentage, halves rounded up, is one of some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicBand {
    /// The least of them.
    pub low: u8,
    /// The greatest.
    pub high: u8,
    /// The sizes of groups that print it so.
    pub sizes: (i64, i64),
    /// Where the size is not printed, use what the band says of the size and of the numerator each, not of both together.
    /// That takes much less work, and finds less.
    pub apart: bool,
}

impl PublicBand {
    /// The numerators of a group of this size: from `(2 low - 1) size / 200` rounded up to below
    /// `(2 high + 1) size / 200`.
    pub fn numerators(self, size: i64) -> (i64, i64) {
        let wide = i128::from(size);
        let low = ((2 * i128::from(self.low) - 1) * wide + 199).div_euclid(200).max(0);
        let high = ((2 * i128::from(self.high) + 1) * wide - 1).div_euclid(200).min(wide);
        (i64::try_from(low).unwrap_or(size), i64::try_from(high).unwrap_or(size))
    }
}

/// What a mark says of a hidden figure besides hiding it, as `<10` does, or `>95%`: at a cell, the sum of some measures, each
/// times its coefficient, is at most `most`. A lower bound has negative coefficients.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Index of the table.
    pub table: usize,
    /// Index of the cell.
    pub cell: usize,
    /// Measures and their coefficients, each at most a million in size.
    pub terms: Vec<(usize, i64)>,
    /// What the sum does not exceed.
    pub most: i64,
}

impl fmt::Debug for Told {
    /// Shows the place only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({}, {})", self.table, self.cell)
    }
}

/// Everybody whom one universe counts is counted by the other as well: a cohort that has grown. So each cell of `part`
/// is at most the cell of `whole` that has the same coordinates and measure, and those who came since are a group too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// The universe that is contained.
    pub part: String,
    /// The universe that contains it.
    pub whole: String,
}

impl fmt::Debug for PublicTable {
    /// Shows the shape only: before the audit has passed the figures are not fit to be seen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicTable")
            .field("name", &self.name)
            .field("universe", &self.universe)
            .finish_non_exhaustive()
    }
}

/// The reader's view of tables under a pattern (by table, measure and cell). A cell for which the pattern says nothing
/// is hidden.
pub fn public_view(tables: &[Table], statuses: &[Vec<Vec<Status>>]) -> Vec<PublicTable> {
    let published = |table: usize, measure: usize, cell: usize| {
        let status = statuses.get(table).and_then(|table| table.get(measure)).and_then(|measure| measure.get(cell));
        status.is_some_and(|status| status.is_published())
    };
    let view = |(index, table): (usize, &Table)| PublicTable {
        name: table.name.clone(),
        universe: table.universe.clone(),
        dimensions: table.dimensions.clone(),
        measures: table.measures.clone(),
        rates: Vec::new(),
        edition: None,
        minimums: table.minimums.clone(),
        values: (table.values.iter().enumerate())
            .map(|(measure, values)| {
                let cells = values.iter().enumerate();
                cells.map(|(cell, &value)| published(index, measure, cell).then_some(value)).collect()
            })
            .collect(),
    };
    tables.iter().enumerate().map(view).collect()
}

/// Another value of a printed cell, as a difference from a whole table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Index of the table.
    pub table: usize,
    /// Index of the measure.
    pub measure: usize,
    /// Index of the cell.
    pub cell: usize,
    /// What is added to the cell's value.
    pub by: i64,
}

impl fmt::Debug for Change {
    /// Shows the place only: how far a cell can move says how large it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({}, {}, {})", self.table, self.measure, self.cell)
    }
}

/// Proposals for tables that agree with everything published. The audit checks each exactly and believes none.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// A whole table set, such as the true one.
    pub tables: &'a [Table],
    /// Others, as differences from it. A cell that stands in several tables is named once.
    pub changes: &'a [Vec<Change>],
}
