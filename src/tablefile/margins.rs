//! Cells without a row: empty ones, and totals that are computed.

use super::layout::Loaded;
use super::words::Figure;

/// Leaves of each axis: nodes that contain none.
fn leaves(table: &Loaded) -> Vec<Vec<bool>> {
    let of_axis = |axis: &super::axis::Axis| {
        let mut leaf = vec![true; axis.nodes.len()];
        for parent in axis.trees.iter().flat_map(|tree| tree.parent.iter().flatten()) {
            leaf[*parent] = false;
        }
        leaf
    };
    table.axes.iter().map(of_axis).collect()
}

/// Whether each cell is at leaves only.
fn leaf_cells(table: &Loaded) -> Vec<bool> {
    let mut cells = vec![true];
    for leaf in leaves(table) {
        cells = cells.iter().flat_map(|&cell| leaf.iter().map(move |&own| cell && own)).collect();
    }
    cells
}

/// Takes each cell without a row as empty, unless it is a total.
pub(super) fn fill_all(table: &mut Loaded) {
    let leaf = leaf_cells(table);
    for values in &mut table.values {
        for (value, leaf) in values.iter_mut().zip(&leaf) {
            if *value == Figure::ABSENT && *leaf {
                *value = Figure::NONE;
            }
        }
    }
}

/// Takes a cell without a row as empty where one beside it has a row: then the rows were left out one by one, and not
/// because the slice is not published.
pub(super) fn fill_beside(table: &mut Loaded) {
    let leaf = leaf_cells(table);
    for measure in 0..table.values.len() {
        let present: Vec<bool> = table.values[measure].iter().map(|value| *value != Figure::ABSENT).collect();
        let mut beside = vec![false; present.len()];
        each_sum(table, |_, parts| {
            if parts.clone().any(|part| present[part]) {
                parts.for_each(|part| beside[part] = true);
            }
        });
        let values = table.values[measure].iter_mut().zip(leaf.iter().zip(beside));
        for (value, (leaf, beside)) in values {
            if *value == Figure::ABSENT && *leaf && beside {
                *value = Figure::NONE;
            }
        }
    }
}

/// A total of an amount that has no row and is not empty: measure and cell.
pub(super) fn amount_without_row(table: &Loaded) -> Option<(usize, usize)> {
    let mut found = None;
    for behind in &table.behind {
        let values = &table.values[behind.measure];
        each_sum(table, |whole, mut parts| {
            let empty = |part: usize| values[part].count() == Some(0);
            if found.is_none() && values[whole] == Figure::ABSENT && !parts.all(empty) {
                found = Some((behind.measure, whole));
            }
        });
    }
    found
}

/// Computes each total that has no row from what it contains.
pub(super) fn add_up(table: &mut Loaded) {
    for measure in 0..table.values.len() {
        let mut values = std::mem::take(&mut table.values[measure]);
        each_sum(table, |whole, mut parts| {
            if values[whole] == Figure::ABSENT {
                let sum = parts.try_fold(0_i64, |sum, part| sum.checked_add(values[part].count()?));
                values[whole] = sum.and_then(Figure::of).unwrap_or(Figure::ABSENT);
            }
        });
        table.values[measure] = values;
    }
}

/// Every total with what it contains, along one axis after the other, inner totals before outer ones.
pub(super) fn each_sum(table: &Loaded, mut each: impl FnMut(usize, Parts<'_>)) {
    let (strides, cells) = (table.strides(), table.cells());
    for (axis, stride) in table.axes.iter().zip(strides) {
        let span = stride * axis.nodes.len();
        for tree in &axis.trees {
            let children = tree.children();
            for node in inner_first(&children) {
                for outer in (0..cells).step_by(span.max(1)) {
                    for base in outer..outer + stride {
                        each(base + node * stride, Parts { base, stride, children: children[node].iter() });
                    }
                }
            }
        }
    }
}

/// Cells that a total contains.
#[derive(Clone)]
pub(super) struct Parts<'a> {
    base: usize,
    stride: usize,
    children: std::slice::Iter<'a, usize>,
}

impl Iterator for Parts<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.children.next().map(|child| self.base + child * self.stride)
    }
}

/// Nodes that contain others, those within before those around them.
fn inner_first(children: &[Vec<usize>]) -> Vec<usize> {
    let mut height = vec![0_usize; children.len()];
    // A forest is no deeper than it has nodes; each round settles one level.
    loop {
        let mut changed = false;
        for (node, below) in children.iter().enumerate() {
            let own = below.iter().map(|&child| height[child] + 1).max().unwrap_or(0);
            changed |= std::mem::replace(&mut height[node], own) != own;
            if own > children.len() {
                return Vec::new();
            }
        }
        if !changed {
            break;
        }
    }
    let mut inner: Vec<usize> = (0..children.len()).filter(|&node| !children[node].is_empty()).collect();
    inner.sort_by_key(|&node| (height[node], node));
    inner
}
