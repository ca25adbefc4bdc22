//! The totals that change with an innermost cell, for the check.

use super::verify::CertificateError;
use crate::disclosure::audit::parts::{NONE, Rule, System};

/// A change that is greater is of no table.
const LARGEST: u64 = 1 << 60;

/// One dimension: how far apart neighbouring nodes are, what each is part of, and whether it has parts itself.
struct Dimension {
    stride: usize,
    parents: Vec<Option<usize>>,
    is_total: Vec<bool>,
}

/// Sums by cell of one table of counts.
///
/// A change of innermost cells that is added to every total above keeps each total the sum of its parts, along each
/// dimension: an innermost cell is below exactly one part of a total, or below none and not below the total. So only what
/// is published has to be looked at, and that nothing falls below its least value.
pub(super) struct Above<'s, 'a> {
    system: &'s System<'a>,
    dimensions: Vec<Dimension>,
    sums: Vec<i64>,
    touched: Vec<u32>,
    cells: Vec<u32>,
}

impl<'s, 'a> Above<'s, 'a> {
    /// `None` where there are equations of another kind.
    pub(super) fn new(system: &'s System<'a>) -> Option<Self> {
        let [table] = system.figures.tables[..] else { return None };
        let count = system.figures.len();
        let plain = table.measures.len() == 1 && table.values[0].len() == count;
        if !plain || !system.labels.iter().all(|label| matches!(label.rule, Rule::Along(_))) {
            return None;
        }
        let strides = &system.figures.layouts[0].strides;
        let dimension = |(dimension, &stride): (&crate::disclosure::table::Dimension, &usize)| {
            let parents: Vec<Option<usize>> = dimension.nodes.iter().map(|node| node.parent).collect();
            let mut is_total = vec![false; parents.len()];
            parents.iter().flatten().for_each(|&parent| is_total[parent] = true);
            Dimension { stride, parents, is_total }
        };
        let dimensions = table.dimensions.iter().zip(strides).map(dimension).collect();
        Some(Above { system, dimensions, sums: vec![0; count], touched: Vec::new(), cells: Vec::new() })
    }

    /// What a change of innermost cells is in full: unknowns, each once, and by how much each changes.
    pub(super) fn in_full(
        &mut self,
        differences: impl Iterator<Item = (u32, i64)>,
        entry: usize,
    ) -> Result<Vec<(u32, i64)>, CertificateError> {
        let mut sound = true;
        for (unknown, by) in differences {
            // With one table, a figure's number is its cell's.
            let cell = self.system.unknowns[unknown as usize];
            sound &= self.find(cell);
            for &cell in &self.cells {
                let sum = &mut self.sums[cell as usize];
                if !sound {
                    break;
                }
                if *sum == 0 {
                    self.touched.push(cell);
                }
                *sum += by;
                sound &= sum.unsigned_abs() <= LARGEST;
            }
        }
        let (mut full, mut off) = (Vec::new(), None);
        for cell in self.touched.drain(..) {
            let by = std::mem::take(&mut self.sums[cell as usize]);
            match self.system.index[cell as usize] {
                _ if by == 0 => {}
                NONE => off = Some(cell),
                unknown => full.push((unknown, by)),
            }
        }
        match off {
            _ if !sound => {
                Err(CertificateError::Malformed { entry, what: "a change of cells is not one of innermost cells" })
            }
            Some(cell) => {
                let cell = Box::new(self.system.figures.name(cell));
                Err(CertificateError::DoesNotFit { table: entry, cell })
            }
            None => Ok(full),
        }
    }

    /// Finds a cell and all that it is part of; says whether it is an innermost one.
    fn find(&mut self, cell: u32) -> bool {
        self.cells.clear();
        self.cells.push(cell);
        let mut is_inner = true;
        for dimension in &self.dimensions {
            let node = cell as usize / dimension.stride % dimension.parents.len();
            is_inner &= !dimension.is_total[node];
            let before = self.cells.len();
            let mut at = node;
            while let Some(above) = dimension.parents[at] {
                for number in 0..before {
                    let below = self.cells[number] as usize;
                    self.cells.push((below - node * dimension.stride + above * dimension.stride) as u32);
                }
                at = above;
            }
        }
        is_inner
    }
}
