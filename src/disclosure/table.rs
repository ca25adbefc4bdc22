//! The tables as they come from tabulation: every cell and every margin, before anything is hidden.

use std::fmt;

use super::error::DisclosureError;
use super::primary_rules::Contributions;

/// One category, or one total, of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The category's name, unique in its dimension.
    pub id: String,
    /// Index of the node that this one is a part of; `None` for a root.
    pub parent: Option<usize>,
}

/// A forest of categories. A dimension with a total has one root (the total); one without has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The dimension's name; dimensions of one name in two tables are the same dimension.
    pub name: String,
    /// The nodes, in the order in which cells are laid out.
    pub nodes: Vec<Node>,
}

impl Dimension {
    /// The children of each node, by index.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (child, node) in self.nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                children[parent].push(child);
            }
        }
        children
    }

    /// The index of the total, where there is exactly one root.
    pub fn total(&self) -> Option<usize> {
        let mut roots = (0..self.nodes.len()).filter(|&node| self.nodes[node].parent.is_none());
        let first = roots.next()?;
        roots.next().is_none().then_some(first)
    }
}

/// What a measure counts, relative to the other measures of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    /// All units of the cell.
    Count,
    /// A total of contributions, such as earnings or days, in fixed-point units.
    Magnitude,
    /// The units of the measure `of` (its index) for which a condition holds; `of` is a count or another such measure.
    CountWhere {
        /// Index of the enclosing measure.
        of: usize,
    },
    /// One of two or more exclusive parts that add up to the measure `of` (its index).
    Part {
        /// Index of the measure that the parts add up to.
        of: usize,
    },
}

impl MeasureKind {
    /// Index of the enclosing measure.
    pub fn of(self) -> Option<usize> {
        match self {
            MeasureKind::Count | MeasureKind::Magnitude => None,
            MeasureKind::CountWhere { of } | MeasureKind::Part { of } => Some(of),
        }
    }
}

/// One printed column of counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The measure's name; measures of one name in two tables of a universe are the same measure.
    pub name: String,
    /// What it counts.
    pub kind: MeasureKind,
}

/// A table of counts with all its margins.
///
/// Dense: one value per measure and cell. A cell's index is row-major over the nodes of the dimensions (the last
/// dimension varies fastest), totals and subtotals included.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    /// The table's name, unique in a release.
    pub name: String,
    /// The people counted. Tables of one universe share the cells that have the same coordinates.
    pub universe: String,
    /// The dimensions, outermost first.
    pub dimensions: Vec<Dimension>,
    /// The printed measures.
    pub measures: Vec<Measure>,
    /// Counts, by measure and cell.
    pub values: Vec<Vec<i64>>,
    /// Distinct people behind each cell's count, by cell, where they can differ from the count.
    pub contributors: Option<Vec<u64>>,
    /// By measure and cell, what stands behind each magnitude, and behind counts of which it is known which organisations
    /// they are of; empty for the other measures, or altogether.
    pub contributions: Vec<Vec<Contributions>>,
    /// The minimum count by cell, where it is not the policy's everywhere.
    pub minimums: Option<Vec<u64>>,
}

impl fmt::Debug for Table {
    /// Shows the shape only: the values may be counts below the threshold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .field("universe", &self.universe)
            .field("dimensions", &self.dimensions.iter().map(|d| (&d.name, d.nodes.len())).collect::<Vec<_>>())
            .field("measures", &self.measures.iter().map(|m| &m.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Where a figure stands, in words; never its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellName {
    /// The table's name.
    pub table: String,
    /// The measure's name, or "A less B" for a complement that no column prints.
    pub measure: String,
    /// Dimension and node of each coordinate, in the table's order.
    pub coordinates: Vec<(String, String)>,
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} at ", self.measure, self.table)?;
        for (position, (dimension, node)) in self.coordinates.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{dimension}={node}")?;
        }
        Ok(())
    }
}

impl Table {
    /// The number of cells per measure.
    pub fn cell_count(&self) -> usize {
        self.dimensions.iter().map(|dimension| dimension.nodes.len()).product()
    }

    /// How far apart in cell index two neighbouring nodes of each dimension are.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.dimensions.len()];
        for position in (1..self.dimensions.len()).rev() {
            strides[position - 1] = strides[position] * self.dimensions[position].nodes.len();
        }
        strides
    }

    /// The node of each dimension at a cell.
    pub fn coordinates(&self, cell: usize) -> Vec<usize> {
        let strides = self.strides();
        self.dimensions.iter().zip(strides).map(|(dimension, stride)| cell / stride % dimension.nodes.len()).collect()
    }

    /// The measures that enclose a measure, nearest first.
    pub fn enclosing(&self, measure: usize) -> Vec<usize> {
        let mut enclosing = Vec::new();
        let mut at = measure;
        while let Some(of) = self.measures[at].kind.of() {
            enclosing.push(of);
            at = of;
        }
        enclosing
    }

    /// A cell's name; `of` names the complement of the measure in an enclosing one.
    pub fn cell_name(&self, measure: usize, of: Option<usize>, cell: usize) -> CellName {
        let name = &self.measures[measure].name;
        CellName {
            table: self.name.clone(),
            measure: of.map_or_else(|| name.clone(), |of| format!("{} less {name}", self.measures[of].name)),
            coordinates: self
                .dimensions
                .iter()
                .zip(self.coordinates(cell))
                .map(|(dimension, node)| (dimension.name.clone(), dimension.nodes[node].id.clone()))
                .collect(),
        }
    }

    /// Checks the table's own form: lengths, indices, forests, unique names, no negative count.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidTable`] with the first fault.
    pub fn check(&self) -> Result<(), DisclosureError> {
        let fault = |what: String| Err(DisclosureError::InvalidTable { table: self.name.clone(), what });
        for (position, dimension) in self.dimensions.iter().enumerate() {
            if self.dimensions[..position].iter().any(|other| other.name == dimension.name) {
                return fault(format!("the dimension {} occurs twice", dimension.name));
            }
            if let Some(what) = forest_fault(dimension) {
                return fault(what);
            }
        }
        if let Some(what) = measure_fault(&self.measures) {
            return fault(what);
        }
        let cells = self.cell_count();
        if self.values.len() != self.measures.len() || self.values.iter().any(|values| values.len() != cells) {
            return fault(format!("each measure needs {cells} values"));
        }
        if self.contributors.as_ref().is_some_and(|contributors| contributors.len() != cells) {
            return fault(format!("contributors need {cells} values"));
        }
        if self.minimums.as_ref().is_some_and(|minimums| minimums.len() != cells) {
            return fault(format!("minimums need {cells} values"));
        }
        if let Some(what) = self.contribution_fault() {
            return fault(what);
        }
        for (measure, values) in self.values.iter().enumerate() {
            if let Some(cell) = values.iter().position(|&value| !(0..=MAXIMUM_COUNT).contains(&value)) {
                return fault(format!("{} is negative or too large", self.cell_name(measure, None, cell)));
            }
        }
        Ok(())
    }
}

impl Table {
    /// Each magnitude has the contributions of every cell, and they add up to its values; so do those of counts.
    fn contribution_fault(&self) -> Option<String> {
        for (index, measure) in self.measures.iter().enumerate() {
            let own = self.contributions.get(index).map_or(&[][..], Vec::as_slice);
            if measure.kind != MeasureKind::Magnitude && own.is_empty() {
                continue;
            }
            if own.len() != self.values[index].len() {
                return Some(format!("{} needs the contributions of every cell", measure.name));
            }
            let differs = own.iter().zip(&self.values[index]).position(|(own, &value)| own.sum() != value);
            if let Some(cell) = differs {
                return Some(format!("the contributions to {} do not add up to it", self.cell_name(index, None, cell)));
            }
        }
        None
    }
}

/// Counts up to here stay exact in double precision with room for sums, which the linear programs need.
const MAXIMUM_COUNT: i64 = 1 << 40;

fn forest_fault(dimension: &Dimension) -> Option<String> {
    let name = &dimension.name;
    if dimension.nodes.is_empty() {
        return Some(format!("the dimension {name} has no nodes"));
    }
    let mut ids: Vec<&str> = dimension.nodes.iter().map(|node| node.id.as_str()).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Some(format!("the dimension {name} has two nodes {}", pair[0]));
    }
    for node in &dimension.nodes {
        let mut at = node.parent;
        for _ in 0..dimension.nodes.len() {
            match at {
                None => break,
                Some(parent) if parent >= dimension.nodes.len() => {
                    return Some(format!("the node {} of {name} has a parent that does not exist", node.id));
                }
                Some(parent) => at = dimension.nodes[parent].parent,
            }
        }
        if at.is_some() {
            return Some(format!("the node {} of {name} is a part of itself", node.id));
        }
    }
    None
}

fn measure_fault(measures: &[Measure]) -> Option<String> {
    for (index, measure) in measures.iter().enumerate() {
        let name = &measure.name;
        if measures[..index].iter().any(|other| other.name == *name) {
            return Some(format!("the measure {name} occurs twice"));
        }
        let mut at = measure.kind.of();
        for _ in 0..measures.len() {
            match at {
                None => break,
                Some(of) if of >= measures.len() => {
                    return Some(format!("the measure {name} counts within one that does not exist"));
                }
                Some(of) => at = measures[of].kind.of(),
            }
        }
        if at.is_some() {
            return Some(format!("the measure {name} counts within itself"));
        }
        let parts = measures.iter().filter(|other| other.kind == measure.kind).count();
        if matches!(measure.kind, MeasureKind::Part { .. }) && parts < 2 {
            return Some(format!("the measure {name} is the only part of its whole"));
        }
    }
    None
}
