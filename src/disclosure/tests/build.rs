//! Tables from their innermost cells.

use crate::disclosure::{Dimension, Measure, MeasureKind, Node, Policy, Progress, Protected, Table, protect};

/// A dimension from (node, parent) pairs, parents first; an empty parent is none.
pub(super) fn dimension(name: &str, nodes: &[(&str, &str)]) -> Dimension {
    let parent = |parent: &str| nodes.iter().position(|(id, _)| *id == parent);
    let node = |&(id, up): &(&str, &str)| Node { id: id.to_owned(), parent: parent(up) };
    Dimension { name: name.to_owned(), nodes: nodes.iter().map(node).collect() }
}

/// A dimension of a total and its categories.
pub(super) fn flat(name: &str, categories: &[&str]) -> Dimension {
    let nodes: Vec<(&str, &str)> =
        std::iter::once(("Total", "")).chain(categories.iter().map(|&category| (category, "Total"))).collect();
    dimension(name, &nodes)
}

pub(super) fn count(name: &str) -> Measure {
    Measure { name: name.to_owned(), kind: MeasureKind::Count }
}

pub(super) fn count_where(name: &str, of: usize) -> Measure {
    Measure { name: name.to_owned(), kind: MeasureKind::CountWhere { of } }
}

pub(super) fn part(name: &str, of: usize) -> Measure {
    Measure { name: name.to_owned(), kind: MeasureKind::Part { of } }
}

/// Adds up a table from the counts of its innermost cells, given by measure and the leaves' names.
pub(super) fn tabulate(
    name: &str,
    dimensions: Vec<Dimension>,
    measures: Vec<Measure>,
    leaf: impl Fn(usize, &[&str]) -> i64,
) -> Table {
    let values = vec![Vec::new(); measures.len()];
    let mut table = Table {
        name: name.to_owned(),
        universe: "people".to_owned(),
        dimensions,
        measures,
        values,
        contributors: None,
        contributions: Vec::new(),
        minimums: None,
    };
    let parents: Vec<Vec<bool>> =
        table.dimensions.iter().map(|d| d.children().iter().map(Vec::is_empty).collect()).collect();
    let cells = table.cell_count();
    let is_leaf = |nodes: &[usize]| nodes.iter().enumerate().all(|(axis, &node)| parents[axis][node]);
    let leaves: Vec<Vec<usize>> = (0..cells).map(|cell| table.coordinates(cell)).filter(|n| is_leaf(n)).collect();
    for measure in 0..table.measures.len() {
        let mut values = vec![0; cells];
        for nodes in &leaves {
            let names: Vec<&str> =
                nodes.iter().zip(&table.dimensions).map(|(&node, d)| d.nodes[node].id.as_str()).collect();
            let value = leaf(measure, &names);
            for (cell, total) in values.iter_mut().enumerate() {
                if table
                    .coordinates(cell)
                    .iter()
                    .zip(nodes)
                    .enumerate()
                    .all(|(axis, (&up, &down))| contains(&table.dimensions[axis], up, down))
                {
                    *total += value;
                }
            }
        }
        table.values[measure] = values;
    }
    table
}

fn contains(dimension: &Dimension, up: usize, down: usize) -> bool {
    let mut at = Some(down);
    while let Some(node) = at {
        if node == up {
            return true;
        }
        at = dimension.nodes[node].parent;
    }
    false
}

/// A table of one count from the text of its cells: `rows` gives each row's categories and count.
pub(super) fn from_rows(name: &str, dimensions: Vec<Dimension>, rows: &[(&[&str], i64)]) -> Table {
    tabulate(name, dimensions, vec![count("n")], |_, leaf| {
        rows.iter().filter(|(row, _)| row == &leaf).map(|(_, count)| count).sum()
    })
}

pub(super) fn silent(_: Progress) {}

pub(super) fn protected(tables: &[Table], policy: &Policy) -> Protected {
    protect(tables, policy, &mut silent).expect("protected")
}
