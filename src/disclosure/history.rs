//! Earlier releases of one population beside the release at hand: which of their figures are the same, which have grown,
//! and what of them everybody knows already.
//!
//! A reader who has both compares what both print. Where every figure of a category that both print is the same, they
//! take the hidden ones to be the same, too; where none has become less, they take it that people came and nobody left,
//! and subtract. [`link`] does the same comparison and puts the earlier table into the form in which the audit takes it.

use std::collections::{BTreeMap, BTreeSet};

use super::public::{PublicTable, Within};
use super::restated::restated_parts;
use super::system::{Place, Release};
use super::table::{Dimension, Node, Table};

/// What is public besides the tables at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Earlier releases of the population, and tables that are public elsewhere.
    pub others: Vec<PublicTable>,
    /// Which universes contain which.
    pub links: Vec<Within>,
}

/// How an earlier table stands to the tables at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// All figures that both print are the same.
    Restated,
    /// Those of some categories of a dimension are.
    Partly {
        /// The dimension.
        dimension: String,
        /// How many of its highest categories.
        categories: usize,
    },
    /// None has become less: people came.
    Grown,
    /// Those of some parts are, though not of any category as a whole: of some measures, or of categories of several
    /// dimensions at once.
    Parts {
        /// How many.
        parts: usize,
    },
    /// Figures differ either way, or nothing is in both: nothing can be subtracted.
    Apart,
}

/// A figure by what it counts and where, as it is known across tables: universe, measure, and coordinates but those at
/// the only root of a dimension.
type Key<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

/// The coordinates of a cell of dimensions, sorted.
fn coordinates<'a>(dimensions: &'a [Dimension], totals: &[Option<usize>], cell: usize) -> Vec<(&'a str, &'a str)> {
    let mut rest = cell;
    let mut at = Vec::with_capacity(dimensions.len());
    for (dimension, total) in dimensions.iter().zip(totals).rev() {
        let node = rest % dimension.nodes.len();
        rest /= dimension.nodes.len();
        if Some(node) != *total {
            at.push((dimension.name.as_str(), dimension.nodes[node].id.as_str()));
        }
    }
    at.sort_unstable();
    at
}

fn totals(dimensions: &[Dimension]) -> Vec<Option<usize>> {
    dimensions.iter().map(Dimension::total).collect()
}

/// How two figures compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// Not both are there to be compared.
    Unknown,
    Same,
    More,
    Less,
}

/// Puts an earlier table beside the tables at hand, `edition` being its name in words. Nothing is added where they are
/// [`Linked::Apart`].
pub fn link(earlier: &PublicTable, edition: &str, tables: &[Table], beside: &mut Beside) -> Linked {
    let compared = compare(earlier, tables);
    let any = |wanted: Compared| compared.iter().flatten().any(|&one| one == wanted);
    let mut table = earlier.clone();
    table.edition = Some(edition.to_owned());
    if any(Compared::Same) && !any(Compared::More) && !any(Compared::Less) {
        beside.others.push(table);
        return Linked::Restated;
    }
    let best = best_axis(earlier, &compared);
    // Totals grow with each category that is added; that says nothing that the categories do not.
    let came = best.as_ref().is_none_or(|best| best.others_differ);
    let grown = came && any(Compared::More) && !any(Compared::Less);
    if grown {
        let part = format!("{} ({edition})", table.universe);
        let whole = std::mem::replace(&mut table.universe, part.clone());
        let link = Within { part, whole };
        if !beside.links.contains(&link) {
            beside.links.push(link);
        }
        beside.others.push(table.clone());
    }
    let parts = restated_parts(earlier, edition, tables);
    let count = parts.len();
    beside.others.extend(parts);
    let Some(best) = best else {
        return match (grown, count) {
            (true, _) => Linked::Grown,
            (false, 0) => Linked::Apart,
            (false, parts) => Linked::Parts { parts },
        };
    };
    // The categories that are the same keep their names, so that their figures are those at hand; all others, and the
    // totals above, get names of their own.
    table.universe.clone_from(&earlier.universe);
    let dimension = &mut table.dimensions[best.axis];
    let name = dimension.name.clone();
    let top = highest(dimension);
    for (node, &top) in dimension.nodes.iter_mut().zip(&top) {
        if top.is_none_or(|top| !best.same.contains(&top)) {
            node.id = format!("{} ({edition})", node.id);
        }
    }
    apart_from_totals(&mut table, best.axis);
    beside.others.push(table);
    if grown { Linked::Grown } else { Linked::Partly { dimension: name, categories: best.same.len() } }
}

/// How much a table of unknown people looks like one of those at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resemblance {
    /// Not: most that both print is another figure, or nothing is in both.
    None,
    /// Most that both print is the same.
    Mostly,
    /// All that both print is the same.
    Whole,
}

/// Compares what an earlier table prints, of whatever people, with the tables at hand, as a reader would who wonders whether
/// both count the same people. Its `universe` is the one to be tried.
pub fn resembles(earlier: &PublicTable, tables: &[Table]) -> Resemblance {
    let compared = compare(earlier, tables);
    let count = |wanted: &[Compared]| compared.iter().flatten().filter(|one| wanted.contains(one)).count();
    match (count(&[Compared::Same]), count(&[Compared::More, Compared::Less])) {
        (0, _) => Resemblance::None,
        (_, 0) => Resemblance::Whole,
        (same, differ) if same >= differ => Resemblance::Mostly,
        _ => Resemblance::None,
    }
}

/// As [`link`], but nothing is taken to be the same except parts in which all that both print is. No figure at hand contradicts
/// that, whatever became of the others: where releases contradict each other otherwise, this much can still be subtracted.
pub fn link_restated(earlier: &PublicTable, edition: &str, tables: &[Table], beside: &mut Beside) -> Linked {
    let compared = compare(earlier, tables);
    let all = |wanted: &[Compared]| compared.iter().flatten().all(|one| wanted.contains(one));
    let parts = match all(&[Compared::Same, Compared::Unknown]) && !all(&[Compared::Unknown]) {
        true => vec![PublicTable { edition: Some(edition.to_owned()), ..earlier.clone() }],
        false => restated_parts(earlier, edition, tables),
    };
    let count = parts.len();
    beside.others.extend(parts);
    if count == 0 { Linked::Apart } else { Linked::Parts { parts: count } }
}

/// By measure and cell.
pub(super) fn compare(earlier: &PublicTable, tables: &[Table]) -> Vec<Vec<Compared>> {
    let mut now: BTreeMap<Key<'_>, i64> = BTreeMap::new();
    for table in tables.iter().filter(|table| table.universe == earlier.universe) {
        let totals = totals(&table.dimensions);
        for cell in 0..table.cell_count() {
            let at = coordinates(&table.dimensions, &totals, cell);
            for (measure, values) in table.measures.iter().zip(&table.values) {
                now.insert((&table.universe, &measure.name, at.clone()), values[cell]);
            }
        }
    }
    let totals = totals(&earlier.dimensions);
    let compared = |measure: usize, cell: usize, before: Option<i64>| {
        let key = (
            earlier.universe.as_str(),
            earlier.measures[measure].name.as_str(),
            coordinates(&earlier.dimensions, &totals, cell),
        );
        match (before, now.get(&key)) {
            (Some(before), Some(&now)) if before == now => Compared::Same,
            (Some(before), Some(&now)) if before < now => Compared::More,
            (Some(_), Some(_)) => Compared::Less,
            _ => Compared::Unknown,
        }
    };
    let measure = |(measure, values): (usize, &Vec<Option<i64>>)| {
        values.iter().enumerate().map(|(cell, &before)| compared(measure, cell, before)).collect()
    };
    earlier.values.iter().enumerate().map(measure).collect()
}

/// The highest category that contains each node: itself or one above it, below the total where there is one. `None` for
/// the total.
pub(super) fn highest(dimension: &Dimension) -> Vec<Option<usize>> {
    let total = dimension.total();
    let top = |node: usize| {
        let up = |&at: &usize| dimension.nodes[at].parent;
        let path: Vec<usize> = std::iter::successors(Some(node), up).take(dimension.nodes.len()).collect();
        path.into_iter().rev().find(|&at| Some(at) != total)
    };
    (0..dimension.nodes.len()).map(top).collect()
}

/// The highest categories of a dimension that can be told apart, and `None` for its total where it has one. A root that was
/// put beside others counts for nothing.
pub(super) fn top_level(dimension: &Dimension) -> BTreeSet<Option<usize>> {
    let tops = highest(dimension).into_iter();
    tops.filter(|top| top.is_none_or(|top| dimension.nodes[top].id != " ")).collect()
}

/// A dimension of which some highest categories are the same in all that can be compared.
pub(super) struct Best {
    pub(super) axis: usize,
    pub(super) same: BTreeSet<usize>,
    /// Figures of other categories differ.
    others_differ: bool,
}

/// The dimension with the most figures in such categories.
pub(super) fn best_axis(earlier: &PublicTable, compared: &[Vec<Compared>]) -> Option<Best> {
    let mut best: Option<(usize, Best)> = None;
    let mut stride: usize = earlier.dimensions.iter().map(|dimension| dimension.nodes.len()).product();
    for (axis, dimension) in earlier.dimensions.iter().enumerate() {
        stride /= dimension.nodes.len();
        let top = highest(dimension);
        let mut counts = vec![(0_usize, false); dimension.nodes.len()];
        for values in compared {
            for (cell, &one) in values.iter().enumerate() {
                if let Some(top) = top[cell / stride % dimension.nodes.len()] {
                    counts[top].0 += usize::from(one == Compared::Same);
                    counts[top].1 |= matches!(one, Compared::More | Compared::Less);
                }
            }
        }
        let same: BTreeSet<usize> = (0..counts.len()).filter(|&node| counts[node].0 > 0 && !counts[node].1).collect();
        let figures = same.iter().map(|&node| counts[node].0).sum();
        if figures > best.as_ref().map_or(0, |&(figures, _)| figures) {
            best = Some((figures, Best { axis, same, others_differ: counts.iter().any(|&(_, differs)| differs) }));
        }
    }
    best.map(|(_, best)| best)
}

/// Gives a dimension a second root, of which nothing is known: so its total, which counts others than the one at hand,
/// is not taken for it.
fn apart_from_totals(table: &mut PublicTable, axis: usize) {
    let dimension = &mut table.dimensions[axis];
    if dimension.total().is_none() {
        return;
    }
    let before = dimension.nodes.len();
    dimension.nodes.push(Node { id: " ".to_owned(), parent: None });
    let stride: usize = table.dimensions[axis + 1..].iter().map(|dimension| dimension.nodes.len()).product();
    for values in &mut table.values {
        *values = values
            .chunks(before * stride)
            .flat_map(|block| block.iter().copied().chain(std::iter::repeat_n(None, stride)).collect::<Vec<_>>())
            .collect();
    }
    for rate in &mut table.rates {
        rate.values = rate
            .values
            .chunks(before * stride)
            .flat_map(|block| block.iter().copied().chain(std::iter::repeat_n(None, stride)).collect::<Vec<_>>())
            .collect();
    }
}

/// Which variables of a release are printed in what is public besides, and whether nothing is hidden there but figures
/// of the release.
pub(super) fn known(tables: &[Table], release: &Release, beside: &Beside) -> (Vec<bool>, bool) {
    let mut known = vec![false; release.len()];
    if beside.others.is_empty() {
        return (known, true);
    }
    let own_totals: Vec<Vec<Option<usize>>> = tables.iter().map(|table| totals(&table.dimensions)).collect();
    let mut ours: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    for (variable, figure) in release.variables().enumerate().filter(|(_, figure)| figure.is_printed()) {
        let place = figure.place();
        let table = &tables[place.table];
        let at = coordinates(&table.dimensions, &own_totals[place.table], place.cell);
        ours.insert((&table.universe, &table.measures[place.measure].name, at), variable);
    }
    let mut all_ours = true;
    for table in &beside.others {
        let totals = totals(&table.dimensions);
        for (measure, values) in table.measures.iter().zip(&table.values) {
            for (cell, value) in values.iter().enumerate() {
                let key =
                    (table.universe.as_str(), measure.name.as_str(), coordinates(&table.dimensions, &totals, cell));
                match (ours.get(&key), value) {
                    (Some(&variable), Some(_)) => known[variable] = true,
                    (None, None) => all_ours = false,
                    _ => {}
                }
            }
        }
    }
    (known, all_ours)
}

/// A number for each figure, made of what it counts and where: the same for a figure in every table and release.
pub(super) fn names(tables: &[Table], release: &Release) -> Vec<u64> {
    let totals: Vec<Vec<Option<usize>>> = tables.iter().map(|table| totals(&table.dimensions)).collect();
    let name = |place: Place| {
        let table = &tables[place.table];
        let at = coordinates(&table.dimensions, &totals[place.table], place.cell);
        let of = place.of.map_or("", |of| table.measures[of].name.as_str());
        let parts = [table.universe.as_str(), table.measures[place.measure].name.as_str(), of];
        let parts = parts.into_iter().chain(at.into_iter().flat_map(|(dimension, node)| [dimension, node]));
        // FNV-1a, each part closed by a byte that no text has.
        let bytes = parts.flat_map(|part| part.bytes().chain([0xFF]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    release.variables().map(|variable| name(variable.place())).collect()
}

/// What is printed elsewhere for each variable that the tables print, in any order.
pub(super) fn printed_elsewhere(tables: &[Table], release: &Release, others: &[PublicTable]) -> Vec<Vec<i64>> {
    let mut printed = vec![Vec::new(); release.len()];
    let own_totals: Vec<Vec<Option<usize>>> = tables.iter().map(|table| totals(&table.dimensions)).collect();
    let mut ours: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    for (variable, figure) in release.variables().enumerate().filter(|(_, figure)| figure.is_printed()) {
        for place in figure.places().filter(|place| place.of.is_none()) {
            let table = &tables[place.table];
            let at = coordinates(&table.dimensions, &own_totals[place.table], place.cell);
            ours.insert((&table.universe, &table.measures[place.measure].name, at), variable);
        }
    }
    for table in others {
        let totals = totals(&table.dimensions);
        for (measure, values) in table.measures.iter().zip(&table.values) {
            for (cell, value) in values.iter().enumerate().filter_map(|(cell, value)| Some((cell, (*value)?))) {
                let at = coordinates(&table.dimensions, &totals, cell);
                if let Some(&variable) = ours.get(&(table.universe.as_str(), measure.name.as_str(), at)) {
                    printed[variable].push(value);
                }
            }
        }
    }
    printed
}
