//! A table as its files have it: dense figures over the cross product of its nodes, and where each file prints them.

use std::path::PathBuf;
use std::sync::Arc;

use super::averages::Average;
use super::axis::Axis;
use super::marks::Mark;
use super::quantiles::Quantiles;
use super::spec::RateUnit;
use super::words::Figure;
use crate::disclosure::primary_rules::{Bands, Contributions};
use crate::disclosure::{DisclosureError, Measure, PublicBand};

/// A table read from files.
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) universe: String,
    /// Which other publication it is from; none for those at hand.
    pub(super) edition: Option<String>,
    pub(super) axes: Vec<Axis>,
    pub(super) measures: Vec<Measure>,
    /// By measure and cell; the last axis varies fastest.
    pub(super) values: Vec<Vec<Figure>>,
    pub(super) rates: Vec<Rate>,
    pub(super) quantiles: Vec<Quantiles>,
    pub(super) averages: Vec<Average>,
    /// The smallest count that may be shown, by cell, where it is not the policy's everywhere.
    pub(super) minimums: Option<Vec<u64>>,
    /// Who is behind amounts, and behind counts.
    pub(super) behind: Vec<Behind>,
    /// The keys of cells, by measure and cell; empty where a measure has none.
    pub(super) keys: Vec<Vec<u64>>,
    pub(super) files: Vec<FileLayout>,
    /// Marks that say something of the figures that they hide.
    pub(super) marks: Vec<Mark>,
    /// Figures that files of this table print differently: measure and cell.
    pub(super) conflicts: Vec<(usize, usize)>,
    /// Figures that one file hides and another prints.
    pub(super) revealed: Vec<(usize, usize)>,
    /// Columns that the spec says nothing about: file and column.
    pub(super) unnamed: Vec<(String, String)>,
}

/// Who is behind the amounts of a measure, by cell.
pub(super) struct Behind {
    pub(super) measure: usize,
    /// How many people, how many organisations; each where the files say so.
    pub(super) people: Option<Vec<Figure>>,
    pub(super) organisations: Option<Vec<Figure>>,
    /// The largest contributions, the largest first.
    pub(super) largest: Vec<Vec<Figure>>,
}

impl Behind {
    /// The columns, in the order of [`MagnitudeSpec::columns`](super::spec::MagnitudeSpec::columns).
    pub(super) fn columns(&mut self) -> impl Iterator<Item = &mut Vec<Figure>> {
        self.people.iter_mut().chain(&mut self.organisations).chain(&mut self.largest)
    }
}

impl Behind {
    /// Who is behind an amount.
    ///
    /// # Errors
    /// They contradict the amount, or nothing is known of them.
    pub(super) fn at(&self, cell: Option<u32>, sum: i64) -> Result<Contributions, DisclosureError> {
        let value = |column: &Vec<Figure>| cell.and_then(|cell| column[cell as usize].count());
        let count = |column: &Option<Vec<Figure>>| column.as_ref().and_then(value).map(i64::unsigned_abs);
        let largest: Vec<i64> = self.largest.iter().map_while(value).filter(|&one| one > 0).collect();
        let organisations = count(&self.organisations).or_else(|| count(&self.people));
        match (organisations, sum) {
            (None, 0) => Contributions::new(0, 0, Vec::new(), 0),
            (None, _) => Err(DisclosureError::InvalidTable {
                table: String::new(),
                what: "there is an amount, and nothing says who is behind it".to_owned(),
            }),
            (Some(organisations), sum) => {
                Contributions::new(count(&self.people).unwrap_or(organisations), organisations, largest, sum)
            }
        }
    }
}

/// How percentages are printed as bands.
pub(super) struct PrintedBands {
    pub(super) bands: Bands,
    /// The smallest group whose band may be printed.
    pub(super) minimum: u64,
}

impl Rate {
    /// What a band that was read says of the group. One that the method does not print may be of any size.
    pub(super) fn public_band(&self, cell: u32) -> Option<PublicBand> {
        let value = self.values[cell as usize].printed()?;
        let (low, high) = (u8::try_from(value / 1000).ok()?, u8::try_from(value % 1000).ok()?);
        let sizes = self.bands.as_ref().and_then(|own| own.bands.sizes((low, high), own.minimum));
        Some(PublicBand { low, high, sizes: sizes.unwrap_or((1, i64::MAX)), apart: true })
    }

    /// Whether a band that was read is not one that is printed of a group of this size, or of any where it is not known.
    pub(super) fn is_unlike(&self, cell: usize, size: Option<i64>) -> bool {
        let (Some(own), Some(value)) = (&self.bands, self.values[cell].printed()) else { return false };
        let band = u8::try_from(value / 1000).ok().zip(u8::try_from(value % 1000).ok());
        let sizes = band.and_then(|band| match size {
            // Other sizes of the same class have the same bands.
            Some(size) => own.bands.prints(band, size, own.minimum).then_some((size, size)),
            None => own.bands.sizes(band, own.minimum),
        });
        sizes.is_none()
    }
}

/// A rate's figures.
pub(super) struct Rate {
    pub(super) name: String,
    pub(super) numerator: usize,
    pub(super) denominator: usize,
    pub(super) decimals: u32,
    pub(super) unit: RateUnit,
    /// By cell, in units of the last decimal; where bands are read, a thousand times the least percentage and the greatest.
    pub(super) values: Vec<Figure>,
    /// The bands that are read.
    pub(super) bands: Option<Arc<PrintedBands>>,
}

impl Rate {
    /// Units to the whole: 1,000 for percent with one decimal.
    pub(super) fn scale(&self) -> i64 {
        let whole = if self.unit == RateUnit::Percent { 100 } else { 1 };
        whole * 10_i64.pow(self.decimals)
    }
}

/// Where a file prints what.
pub(super) struct FileLayout {
    /// Where it is.
    pub(super) source: PathBuf,
    /// What messages and outputs call it.
    pub(super) name: String,
    /// The cell of each row, at node 0 of the dimension that stands across.
    pub(super) cells: Vec<u32>,
    /// What each column holds.
    pub(super) roles: Vec<Role>,
    /// How many columns the file itself has; those that follow stand in its name.
    pub(super) columns: usize,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A column of a dimension: axis, position in its columns.
    Dimension(usize, usize),
    /// Counts: measure, and how far its cell is from the row's.
    Measure(usize, usize),
    /// A rate, likewise.
    Rate(usize, usize),
    /// A quantile.
    Quantile(usize),
    /// An average.
    Average(usize),
    /// Who is behind an amount, or the keys of cells: read, and never written.
    Behind,
    /// Something that is carried over.
    Kept,
}

impl Loaded {
    /// Cells per measure.
    pub(super) fn cells(&self) -> usize {
        self.axes.iter().map(|axis| axis.nodes.len()).product()
    }

    /// How far apart two neighbouring nodes of each axis are.
    pub(super) fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.axes.len()];
        for at in (1..self.axes.len()).rev() {
            strides[at - 1] = strides[at] * self.axes[at].nodes.len();
        }
        strides
    }

    /// The node of each axis at a cell.
    pub(super) fn nodes(&self, cell: usize) -> Vec<usize> {
        let strides = self.strides();
        self.axes.iter().zip(strides).map(|(axis, stride)| cell / stride % axis.nodes.len()).collect()
    }
}

impl Loaded {
    /// A cell's place, in words.
    pub(super) fn name_of(&self, cell: usize) -> String {
        let nodes = self.axes.iter().zip(self.nodes(cell));
        nodes.map(|(axis, node)| format!("{}={}", axis.name, axis.nodes[node].id)).collect::<Vec<_>>().join(", ")
    }
}
