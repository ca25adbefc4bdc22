//! A table as its files have it: dense figures over the cross product of its nodes, and where each file prints them.

use std::path::PathBuf;

use super::axis::Axis;
use super::spec::RateUnit;
use super::words::Figure;
use crate::disclosure::Measure;

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
    pub(super) files: Vec<FileLayout>,
    /// Figures that files of this table print differently: measure and cell.
    pub(super) conflicts: Vec<(usize, usize)>,
    /// Figures that one file hides and another prints.
    pub(super) revealed: Vec<(usize, usize)>,
    /// Columns that the spec says nothing about: file and column.
    pub(super) unnamed: Vec<(String, String)>,
}

/// A rate's figures.
pub(super) struct Rate {
    pub(super) name: String,
    pub(super) numerator: usize,
    pub(super) denominator: usize,
    pub(super) decimals: u32,
    pub(super) unit: RateUnit,
    /// By cell, in units of the last decimal.
    pub(super) values: Vec<Figure>,
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
