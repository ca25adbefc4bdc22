//! The reader's system: what is not published, and how it is tied to what is.

use std::collections::{BTreeMap, VecDeque};

use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Policy, Zeros};
use crate::disclosure::public::PublicTable;
use crate::disclosure::table::{CellName, MeasureKind};

/// One figure of the reader's system.
pub(super) struct Figure {
    pub(super) known: Option<i64>,
    pub(super) lower: i64,
    /// Table, measure, enclosing measure of a complement, cell: the first place where it stands.
    pub(super) place: (usize, usize, Option<usize>, usize),
    /// The sum that gave it, when it was subtracted.
    pub(super) from: Option<usize>,
    pub(super) sums: Vec<usize>,
}

/// `whole = sum of pieces`.
pub(super) struct Sum {
    pub(super) whole: usize,
    pub(super) pieces: Vec<usize>,
}

/// All figures and all sums.
pub(super) struct Reader<'a> {
    pub(super) tables: &'a [PublicTable],
    pub(super) figures: Vec<Figure>,
    pub(super) sums: Vec<Sum>,
    /// Figure by table, (measure, enclosing measure) and cell.
    pub(super) at: Vec<Quantities>,
}

/// Figures by cell, for each measure and each complement of a measure in an enclosing one.
pub(super) type Quantities = BTreeMap<(usize, Option<usize>), Vec<usize>>;

type Identity = (String, String, Option<String>, Vec<(String, String)>);

/// The node of each dimension at a cell, last dimension fastest.
fn nodes_of(table: &PublicTable, cell: usize) -> Vec<usize> {
    let mut rest = cell;
    let mut nodes = vec![0; table.dimensions.len()];
    for (node, dimension) in nodes.iter_mut().zip(&table.dimensions).rev() {
        *node = rest % dimension.nodes.len();
        rest /= dimension.nodes.len();
    }
    nodes
}

fn cell_of(table: &PublicTable, nodes: &[usize]) -> usize {
    nodes.iter().zip(&table.dimensions).fold(0, |cell, (node, dimension)| cell * dimension.nodes.len() + node)
}

fn cells_of(table: &PublicTable) -> usize {
    table.dimensions.iter().map(|dimension| dimension.nodes.len()).product()
}

/// The enclosing measures of a measure. A chain longer than the measures is malformed and cut off.
fn wholes(table: &PublicTable, measure: usize) -> Vec<usize> {
    let next = |&at: &usize| match table.measures[at].kind {
        MeasureKind::Count => None,
        MeasureKind::CountWhere { of } | MeasureKind::Part { of } => Some(of),
    };
    std::iter::successors(next(&measure), next).take(table.measures.len()).collect()
}

/// Coordinates that tell cells apart: those at the only root of a dimension say nothing.
fn identity(table: &PublicTable, cell: usize) -> Vec<(String, String)> {
    let mut coordinates = Vec::new();
    for (dimension, node) in table.dimensions.iter().zip(nodes_of(table, cell)) {
        let roots = dimension.nodes.iter().filter(|node| node.parent.is_none()).count();
        if roots > 1 || dimension.nodes[node].parent.is_some() {
            coordinates.push((dimension.name.clone(), dimension.nodes[node].id.clone()));
        }
    }
    coordinates.sort();
    coordinates
}

impl<'a> Reader<'a> {
    /// Builds the system and puts in the published figures.
    pub(super) fn new(tables: &'a [PublicTable], policy: &Policy) -> Result<Self, DisclosureError> {
        let mut reader = Reader { tables, figures: Vec::new(), sums: Vec::new(), at: Vec::new() };
        let mut seen: BTreeMap<Identity, usize> = BTreeMap::new();
        for (index, table) in tables.iter().enumerate() {
            check(table)?;
            let mut at = BTreeMap::new();
            let identities: Vec<_> = (0..cells_of(table)).map(|cell| identity(table, cell)).collect();
            for measure in 0..table.measures.len() {
                let complements = wholes(table, measure).into_iter().map(Some);
                for of in std::iter::once(None).chain(complements) {
                    let name = |measure: usize| table.measures[measure].name.clone();
                    let mut own = Vec::with_capacity(identities.len());
                    for (cell, coordinates) in identities.iter().enumerate() {
                        let key = (table.universe.clone(), name(measure), of.map(name), coordinates.clone());
                        let figure = *seen.entry(key).or_insert(reader.figures.len());
                        reader.enter(figure, (index, measure, of, cell), policy)?;
                        own.push(figure);
                    }
                    at.insert((measure, of), own);
                }
            }
            reader.at.push(at);
        }
        reader.add_sums();
        Ok(reader)
    }

    fn enter(
        &mut self,
        figure: usize,
        place: (usize, usize, Option<usize>, usize),
        policy: &Policy,
    ) -> Result<(), DisclosureError> {
        let (table, measure, of, cell) = place;
        let printed = if of.is_none() { self.tables[table].values[measure][cell] } else { None };
        if figure == self.figures.len() {
            let count = self.tables[table].measures[measure].kind == MeasureKind::Count;
            // A hidden zero is possible where zeros are hidden, for numerators of protected 0 % groups, and for
            // complements, which nothing prints.
            let positive = policy.zeros == Zeros::Print && of.is_none() && (count || !policy.homogeneous);
            let lower = i64::from(positive);
            self.figures.push(Figure { known: printed, lower, place, from: None, sums: Vec::new() });
            return Ok(());
        }
        match (self.figures[figure].known, printed) {
            (Some(known), Some(value)) if known != value => {
                Err(DisclosureError::Contradiction { cell: Box::new(self.name(figure)) })
            }
            (None, Some(value)) => {
                self.figures[figure].known = Some(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_sums(&mut self) {
        let mut sums = BTreeMap::new();
        for (table, at) in self.tables.iter().zip(&self.at) {
            for (axis, dimension) in table.dimensions.iter().enumerate() {
                for (measure, cell) in (0..table.measures.len()).flat_map(|m| (0..cells_of(table)).map(move |c| (m, c)))
                {
                    let figures = &at[&(measure, None)];
                    let mut nodes = nodes_of(table, cell);
                    let whole = nodes[axis];
                    let mut pieces = Vec::new();
                    for (child, node) in dimension.nodes.iter().enumerate() {
                        if node.parent == Some(whole) {
                            nodes[axis] = child;
                            pieces.push(figures[cell_of(table, &nodes)]);
                        }
                    }
                    pieces.sort_unstable();
                    sums.insert((figures[cell], pieces), ());
                }
            }
            for (&(measure, of), figures) in at {
                for (cell, &figure) in figures.iter().enumerate() {
                    if let Some(of) = of {
                        sums.insert((at[&(of, None)][cell], vec![at[&(measure, None)][cell], figure]), ());
                        continue;
                    }
                    let is_part = |&part: &usize| table.measures[part].kind == MeasureKind::Part { of: measure };
                    let parts = (0..table.measures.len()).filter(is_part);
                    sums.insert((figure, parts.map(|part| at[&(part, None)][cell]).collect()), ());
                }
            }
        }
        for (whole, pieces) in sums.into_keys().filter(|(_, pieces)| !pieces.is_empty()) {
            for &figure in pieces.iter().chain([&whole]) {
                self.figures[figure].sums.push(self.sums.len());
            }
            self.sums.push(Sum { whole, pieces });
        }
    }

    /// Whole less pieces: the terms that are not known, and what they come to.
    pub(super) fn open_terms(&self, sum: usize) -> (Vec<(usize, i64)>, i64) {
        let sum = &self.sums[sum];
        let mut terms = Vec::new();
        let mut known = 0;
        for (figure, sign) in sum.pieces.iter().map(|&piece| (piece, 1)).chain([(sum.whole, -1)]) {
            match self.figures[figure].known {
                Some(value) => known += sign * value,
                None => terms.push((figure, sign)),
            }
        }
        (terms, -known)
    }

    /// Subtracts as long as a sum has a single unknown.
    pub(super) fn subtract(&mut self) -> Result<(), DisclosureError> {
        let mut queue: VecDeque<usize> = (0..self.sums.len()).collect();
        while let Some(sum) = queue.pop_front() {
            match self.open_terms(sum) {
                (terms, rest) if terms.is_empty() && rest != 0 => {
                    return Err(DisclosureError::Contradiction { cell: Box::new(self.name(self.sums[sum].whole)) });
                }
                (terms, rest) if terms.len() == 1 => {
                    let (figure, sign) = terms[0];
                    if sign * rest < 0 {
                        return Err(DisclosureError::Contradiction { cell: Box::new(self.name(figure)) });
                    }
                    self.figures[figure].known = Some(sign * rest);
                    self.figures[figure].from = Some(sum);
                    queue.extend(self.figures[figure].sums.iter().copied());
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn name(&self, figure: usize) -> CellName {
        let (table, measure, of, cell) = self.figures[figure].place;
        let table = &self.tables[table];
        let name = &table.measures[measure].name;
        let nodes = table.dimensions.iter().zip(nodes_of(table, cell));
        CellName {
            table: table.name.clone(),
            measure: of.map_or_else(|| name.clone(), |of| format!("{} less {name}", table.measures[of].name)),
            coordinates: nodes.map(|(d, node)| (d.name.clone(), d.nodes[node].id.clone())).collect(),
        }
    }

    /// The totals of the subtractions that give a figure, first to last.
    pub(super) fn derivation(&self, figure: usize) -> Vec<CellName> {
        let mut totals = Vec::new();
        let mut stack = vec![figure];
        let mut done = vec![false; self.sums.len()];
        while let Some(figure) = stack.pop() {
            let Some(sum) = self.figures[figure].from else { continue };
            if std::mem::replace(&mut done[sum], true) {
                continue;
            }
            totals.push(self.name(self.sums[sum].whole));
            let sum = &self.sums[sum];
            stack.extend(sum.pieces.iter().chain([&sum.whole]).copied().filter(|&other| other != figure));
        }
        totals.reverse();
        totals
    }

    /// Independent sets of unknowns, each sorted.
    pub(super) fn components(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.figures.len()];
        let mut components = Vec::new();
        for start in 0..self.figures.len() {
            if seen[start] || self.figures[start].known.is_some() {
                continue;
            }
            seen[start] = true;
            let mut members = vec![start];
            let mut next = 0;
            while next < members.len() {
                for &sum in &self.figures[members[next]].sums {
                    for (other, _) in self.open_terms(sum).0 {
                        if !std::mem::replace(&mut seen[other], true) {
                            members.push(other);
                        }
                    }
                }
                next += 1;
            }
            members.sort_unstable();
            components.push(members);
        }
        components
    }
}

/// Checks a public table's form as far as the audit relies on it.
fn check(table: &PublicTable) -> Result<(), DisclosureError> {
    let cells = cells_of(table);
    let measures = table.measures.len();
    let fits = table.values.len() == measures && table.values.iter().all(|values| values.len() == cells);
    let kinds = table.measures.iter().all(|measure| measure.kind.of().is_none_or(|of| of < measures));
    let parents = table.dimensions.iter().all(|dimension| {
        let nodes = dimension.nodes.len();
        dimension.nodes.iter().all(|node| node.parent.is_none_or(|parent| parent < nodes))
    });
    if fits && kinds && parents {
        return Ok(());
    }
    let what = "the lengths or indices of dimensions, measures and values do not fit".to_owned();
    Err(DisclosureError::InvalidTable { table: table.name.clone(), what })
}
