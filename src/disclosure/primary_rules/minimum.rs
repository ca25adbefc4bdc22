//! The minimum count by dimension, by category and by source (rule S1): the largest that applies to a cell.

use crate::disclosure::table::Table;

/// Where a minimum of its own holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Cells that are broken down by a dimension: below its total, where it has one.
    Dimension(String),
    /// Cells of one category of a dimension, or of a part of it.
    Category(String, String),
    /// Figures that a source contributes to.
    Source(String),
}

/// The smallest counts that may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimums {
    /// For every cell.
    pub general: u64,
    /// Others, where they hold; a smaller one than another that applies changes nothing.
    pub special: Vec<(Scope, u64)>,
}

impl Minimums {
    /// The minimum of a cell to which these sources contribute.
    pub fn at(&self, table: &Table, cell: usize, sources: &[&str]) -> u64 {
        let nodes = table.coordinates(cell);
        let applies = |scope: &Scope| match scope {
            Scope::Source(source) => sources.contains(&source.as_str()),
            Scope::Dimension(name) => table
                .dimensions
                .iter()
                .zip(&nodes)
                .any(|(dimension, &node)| dimension.name == *name && dimension.total() != Some(node)),
            Scope::Category(name, id) => table.dimensions.iter().zip(&nodes).any(|(dimension, &node)| {
                let up = |&at: &usize| dimension.nodes[at].parent;
                let mut above = std::iter::successors(Some(node), up).take(dimension.nodes.len());
                dimension.name == *name && above.any(|node| dimension.nodes[node].id == *id)
            }),
        };
        let special = self.special.iter().filter(|(scope, _)| applies(scope)).map(|&(_, minimum)| minimum);
        special.fold(self.general, u64::max)
    }

    /// The minimum of every cell of a table.
    pub fn of(&self, table: &Table, sources: &[&str]) -> Vec<u64> {
        (0..table.cell_count()).map(|cell| self.at(table, cell, sources)).collect()
    }
}
