//! Small tables for the tests of the protections and of the primary rules.

use super::table::{Dimension, Measure, MeasureKind, Node, Table};

/// A dimension from "node" or "node<parent", parents first.
pub(in crate::disclosure) fn dimension(name: &str, nodes: &str) -> Dimension {
    let mut dimension = Dimension { name: name.to_owned(), nodes: Vec::new() };
    for node in nodes.split_whitespace() {
        let (id, parent) = node.split_once('<').unwrap_or((node, ""));
        let parent = dimension.nodes.iter().position(|node| node.id == parent);
        dimension.nodes.push(Node { id: id.to_owned(), parent });
    }
    dimension
}

/// A table of a universe with the given counts at its innermost cells, by measure, in the order of the cells.
pub(in crate::disclosure) fn table(
    name: &str,
    dimensions: Vec<Dimension>,
    measures: &[(&str, MeasureKind)],
    leaves: &[&[i64]],
) -> Table {
    let measures: Vec<Measure> = measures.iter().map(|&(name, kind)| Measure { name: name.to_owned(), kind }).collect();
    let mut table = Table {
        name: name.to_owned(),
        universe: "people".to_owned(),
        dimensions,
        measures,
        values: Vec::new(),
        contributors: None,
        contributions: Vec::new(),
        minimums: None,
    };
    let cells = leaf_cells(&table);
    table.values = leaves.iter().map(|leaves| sums(&table, &cells, leaves)).collect();
    table
}

/// The cells without parts, in order.
pub(in crate::disclosure) fn leaf_cells(table: &Table) -> Vec<usize> {
    let children: Vec<Vec<Vec<usize>>> = table.dimensions.iter().map(Dimension::children).collect();
    let is_leaf = |cell: &usize| {
        table.coordinates(*cell).iter().zip(&children).all(|(&node, children)| children[node].is_empty())
    };
    (0..table.cell_count()).filter(is_leaf).collect()
}

/// Whether a cell lies in another or is it.
pub(in crate::disclosure) fn contains(table: &Table, outer: usize, inner: usize) -> bool {
    let axes = table.dimensions.iter().zip(table.coordinates(outer)).zip(table.coordinates(inner));
    axes.into_iter().all(|((dimension, outer), inner)| {
        let mut at = Some(inner);
        while let Some(node) = at {
            if node == outer {
                return true;
            }
            at = dimension.nodes[node].parent;
        }
        false
    })
}

/// Every cell's sum of the innermost cells in it.
pub(in crate::disclosure) fn sums(table: &Table, cells: &[usize], leaves: &[i64]) -> Vec<i64> {
    let sum = |outer: usize| {
        let inside = cells.iter().zip(leaves).filter(|&(&inner, _)| contains(table, outer, inner));
        inside.map(|(_, leaf)| leaf).sum()
    };
    (0..table.cell_count()).map(sum).collect()
}
