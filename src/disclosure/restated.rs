//! The parts of an earlier table in which all that both print is the same: of all measures or of one, down to single
//! cells.
//!
//! People come to some groups and leave others. Where nothing printed has changed, a reader takes it that nobody did, and
//! puts what one release hides together with what the other prints. The figures at hand agree with every such part (what it
//! prints is what is true now), so that no two parts contradict each other.

use std::collections::BTreeSet;

use super::history::{Compared, best_axis, compare, highest, top_level};
use super::public::PublicTable;
use super::table::{MeasureKind, Node, Table};

/// The parts, the largest first; none where nothing is the same.
pub(super) fn restated_parts(earlier: &PublicTable, edition: &str, tables: &[Table]) -> Vec<PublicTable> {
    let mut parts = Vec::new();
    let whole = PublicTable { edition: Some(edition.to_owned()), rates: Vec::new(), ..earlier.clone() };
    divide(&whole, tables, &mut parts);
    if earlier.measures.len() > 1 {
        for measure in 0..earlier.measures.len() {
            divide(&of_measure(&whole, measure), tables, &mut parts);
        }
    }
    parts.dedup();
    parts
}

/// One measure by itself.
fn of_measure(table: &PublicTable, measure: usize) -> PublicTable {
    let mut alone = table.measures[measure].clone();
    alone.kind = MeasureKind::Count;
    PublicTable { measures: vec![alone], values: vec![table.values[measure].clone()], ..table.clone() }
}

/// Divides a table along its dimensions until all that both print is the same in a part, or nothing is.
fn divide(table: &PublicTable, tables: &[Table], parts: &mut Vec<PublicTable>) {
    let compared = compare(table, tables);
    let any = |wanted: &[Compared]| compared.iter().flatten().any(|one| wanted.contains(one));
    if !any(&[Compared::Same]) {
        return;
    }
    if !any(&[Compared::More, Compared::Less]) {
        parts.push(table.clone());
        return;
    }
    let best = best_axis(table, &compared);
    let divisible = |axis: &usize| top_level(&table.dimensions[*axis]).len() > 1;
    let Some(axis) = best.as_ref().map(|best| best.axis).or_else(|| (0..table.dimensions.len()).find(divisible)) else {
        return;
    };
    let same = best.map(|best| best.same).unwrap_or_default();
    let tops = highest(&table.dimensions[axis]);
    if !same.is_empty() {
        let nodes = (0..tops.len()).filter(|&node| tops[node].is_some_and(|top| same.contains(&top))).collect();
        divide(&restricted(table, axis, &nodes), tables, parts);
    }
    for top in top_level(&table.dimensions[axis]).into_iter().filter(|top| top.is_none_or(|top| !same.contains(&top))) {
        let nodes: BTreeSet<usize> = (0..tops.len()).filter(|&node| tops[node] == top).collect();
        if nodes.len() < tops.len() {
            divide(&restricted(table, axis, &nodes), tables, parts);
        }
    }
}

/// The table at some nodes of a dimension. Where one root is left that is no total, it gets another one beside it, of which
/// nothing is known, so that it is not taken for a total.
fn restricted(table: &PublicTable, axis: usize, nodes: &BTreeSet<usize>) -> PublicTable {
    let dimension = &table.dimensions[axis];
    let (before, total) = (dimension.nodes.len(), dimension.total());
    let kept: Vec<usize> = (0..before).filter(|node| nodes.contains(node)).collect();
    let position = |node: usize| kept.iter().position(|&kept| kept == node);
    let mut own: Vec<Node> = kept
        .iter()
        .map(|&node| Node {
            id: dimension.nodes[node].id.clone(),
            parent: dimension.nodes[node].parent.and_then(position),
        })
        .collect();
    let one_root = own.iter().filter(|node| node.parent.is_none()).count() == 1;
    let beside = one_root && total.is_none_or(|total| !nodes.contains(&total));
    if beside {
        own.push(Node { id: " ".to_owned(), parent: None });
    }
    let stride: usize = table.dimensions[axis + 1..].iter().map(|dimension| dimension.nodes.len()).product();
    let more = if beside { stride } else { 0 };
    let values = table.values.iter().map(|values| cut(values, before, stride, &kept, (more, None))).collect();
    let least = |minimums: &Vec<u64>| minimums.iter().copied().min().unwrap_or(0);
    let minimums = table.minimums.as_ref();
    let minimums = minimums.map(|own| cut(own, before, stride, &kept, (more, least(own))));
    let mut part = PublicTable { values, minimums, ..table.clone() };
    part.dimensions[axis].nodes = own;
    part
}

/// What is at the kept nodes of a dimension of `before` nodes that are `stride` apart, and after each run of them something
/// else, so many times.
fn cut<T: Copy>(all: &[T], before: usize, stride: usize, kept: &[usize], (more, other): (usize, T)) -> Vec<T> {
    let mut cut = Vec::new();
    for block in all.chunks(before * stride) {
        kept.iter().for_each(|&node| cut.extend_from_slice(&block[node * stride..(node + 1) * stride]));
        cut.extend(std::iter::repeat_n(other, more));
    }
    cut
}
