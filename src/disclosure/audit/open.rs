//! What is left after subtraction and bounds: the open unknowns, equal ones taken together, in independent components.

use super::bounds::Bounds;
use super::figures::{Extra, NONE};
use super::system::{Columns, Equations, Rule, System};
use crate::disclosure::public::PublicTable;

/// The open system. Its unknowns are called variables: each stands for one or more figures that are equal in every
/// table that fits, such as a district of one school and that school.
#[derive(Clone)]
pub(in crate::disclosure) struct Open {
    /// Variable by unknown; [`NONE`] where the unknown has a single value or follows from others.
    pub(in crate::disclosure) variable: Vec<u32>,
    /// First unknown by variable.
    pub(in crate::disclosure) first: Vec<u32>,
    pub(in crate::disclosure) equations: Equations,
    /// The system's equation by equation.
    pub(in crate::disclosure) source: Vec<u32>,
    pub(in crate::disclosure) columns: Columns,
    pub(in crate::disclosure) lower: Vec<i64>,
    pub(in crate::disclosure) upper: Vec<i64>,
    /// Independent sets of variables, each sorted.
    pub(in crate::disclosure) components: Vec<Vec<u32>>,
    /// How deep in its table's largest dimension a variable stands, and the deepest variable of an equation: what is above
    /// can be settled before what is below.
    pub(in crate::disclosure) depth: Vec<u8>,
    pub(in crate::disclosure) row_depth: Vec<u8>,
    /// Whether an equation adds up along that dimension.
    pub(in crate::disclosure) across: Vec<bool>,
}

impl Open {
    /// Puts in what has a single value.
    pub(in crate::disclosure) fn new(system: &System<'_>, bounds: &Bounds) -> Self {
        let count = system.unknowns.len();
        let mut lower = bounds.lower.clone();
        let mut upper = bounds.upper.clone();
        let mut sets = Sets::new(count);
        let mut dropped = vec![false; count];
        let mut rows: Vec<u32> = Vec::new();
        for equation in 0..system.equations.len() {
            let (open, rest) = open_row(system, bounds, equation);
            match open[..] {
                [] => {}
                [(a, c), (b, d)] if c == -d && rest == 0 => sets.join(a, b),
                [(x, c), (slack, -1)] if is_slack(system, slack) => {
                    // c * x - slack = rest with slack at least 0.
                    dropped[slack] = true;
                    match c > 0 {
                        true => lower[x] = lower[x].max(-(-rest).div_euclid(c)),
                        false => upper[x] = upper[x].min((-rest).div_euclid(-c)),
                    }
                }
                _ => rows.push(equation as u32),
            }
        }
        let mut variable = vec![NONE; count];
        let mut first = Vec::new();
        for unknown in (0..count).filter(|&unknown| !bounds.is_fixed(unknown) && !dropped[unknown]) {
            let root = sets.root(unknown);
            if variable[root] == NONE {
                variable[root] = first.len() as u32;
                first.push(unknown as u32);
            }
            variable[unknown] = variable[root];
        }
        let (mut low, mut high) = (vec![i64::MIN; first.len()], vec![i64::MAX; first.len()]);
        for unknown in (0..count).filter(|&unknown| variable[unknown] != NONE) {
            let variable = variable[unknown] as usize;
            low[variable] = low[variable].max(lower[unknown]);
            high[variable] = high[variable].min(upper[unknown]);
        }
        let (equations, source) = condensed(system, bounds, &rows, &variable);
        let columns = equations.columns(first.len());
        let components = components(&equations, first.len());
        let depth = depths(system, &variable, first.len());
        let deepest = |row: usize| equations.row_terms(row).iter().map(|&term| depth[term as usize]).max().unwrap_or(0);
        let row_depth = (0..equations.len()).map(deepest).collect();
        let across = source.iter().map(|&row| is_across(system, row as usize)).collect();
        let (lower, upper) = (low, high);
        Open { variable, first, equations, source, columns, lower, upper, components, depth, row_depth, across }
    }

    /// How many variables there are.
    pub(in crate::disclosure) fn len(&self) -> usize {
        self.first.len()
    }
}

/// The dimension with the most nodes.
fn largest(table: &PublicTable) -> Option<usize> {
    let axes = table.dimensions.iter().enumerate();
    axes.max_by_key(|&(axis, dimension)| (dimension.nodes.len(), std::cmp::Reverse(axis))).map(|(axis, _)| axis)
}

/// Whether an equation adds up along its table's largest dimension.
fn is_across(system: &System<'_>, equation: usize) -> bool {
    let label = system.labels[equation];
    let table = system.figures.tables[system.figures.locate(label.place as usize).0];
    matches!(label.rule, Rule::Along(axis) if largest(table) == Some(axis as usize))
}

/// The depth of each variable: the least of its figures'.
fn depths(system: &System<'_>, variable: &[u32], count: usize) -> Vec<u8> {
    let figures = &system.figures;
    // By table: how far apart nodes of the largest dimension are, and the depth of each.
    let tables: Vec<(usize, Vec<u8>)> = (figures.tables.iter().zip(&figures.layouts))
        .map(|(table, layout)| {
            let Some(axis) = largest(table) else { return (1, vec![0]) };
            let dimension = &table.dimensions[axis];
            let next = |&node: &usize| dimension.nodes[node].parent;
            let depth = |node| std::iter::successors(Some(node), next).take(250).count().saturating_sub(1) as u8;
            (layout.strides[axis], (0..dimension.nodes.len()).map(depth).collect())
        })
        .collect();
    let mut depths = vec![u8::MAX - 1; count];
    for (unknown, &variable) in variable.iter().enumerate().filter(|&(_, &variable)| variable != NONE) {
        if let Some(place) = figures.place(system.unknowns[unknown]) {
            let (table, _, cell) = figures.locate(place);
            let (stride, own) = &tables[table];
            let depth = &mut depths[variable as usize];
            *depth = (*depth).min(own[cell / stride % own.len()]);
        }
    }
    depths
}

fn is_slack(system: &System<'_>, unknown: usize) -> bool {
    matches!(system.figures.extra(system.unknowns[unknown]), Some(Extra::Slack { .. }))
}

/// The open terms of an equation, and what they come to. A slack comes last, as it was entered.
fn open_row(system: &System<'_>, bounds: &Bounds, equation: usize) -> (Vec<(usize, i64)>, i64) {
    let mut rest = system.equations.rests[equation];
    let mut open = Vec::new();
    for (unknown, c) in system.equations.row(equation) {
        match bounds.is_fixed(unknown) {
            true => rest -= c * bounds.lower[unknown],
            false => open.push((unknown, c)),
        }
    }
    (open, rest)
}

/// The rows in variables, each kept once.
fn condensed(system: &System<'_>, bounds: &Bounds, rows: &[u32], variable: &[u32]) -> (Equations, Vec<u32>) {
    let mut equations = Equations::default();
    let mut source = Vec::new();
    // The last row of each hash, and for each row the one before.
    let mut known: std::collections::HashMap<u64, u32> = std::collections::HashMap::new();
    let mut before: Vec<u32> = Vec::new();
    for &row in rows {
        let (open, rest) = open_row(system, bounds, row as usize);
        let mut terms: Vec<(u32, i32)> = open.iter().map(|&(unknown, c)| (variable[unknown], c as i32)).collect();
        terms.sort_unstable();
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        terms.retain(|&(_, c)| c != 0);
        if terms.is_empty() {
            continue;
        }
        let same = known.entry(hash(&terms)).or_insert(NONE);
        let is_copy = |other: u32| {
            let other = other as usize;
            let ours = terms.iter().map(|&(term, c)| (term as usize, i64::from(c)));
            equations.rests[other] == rest && equations.width(other) == terms.len() && equations.row(other).eq(ours)
        };
        let next = |&at: &u32| Some(before[at as usize]).filter(|&at| at != NONE);
        let first = Some(*same).filter(|&at| at != NONE);
        if !std::iter::successors(first, next).any(is_copy) {
            before.push(*same);
            *same = equations.len() as u32;
            equations.push(&terms, rest);
            source.push(row);
        }
    }
    (equations, source)
}

fn hash(terms: &[(u32, i32)]) -> u64 {
    let step = |hash: u64, &(term, c): &(u32, i32)| {
        let word = u64::from(term) << 32 | u64::from(c.unsigned_abs());
        (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    };
    terms.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn components(equations: &Equations, variables: usize) -> Vec<Vec<u32>> {
    let mut sets = Sets::new(variables);
    for equation in 0..equations.len() {
        for pair in equations.row_terms(equation).windows(2) {
            sets.join(pair[0] as usize, pair[1] as usize);
        }
    }
    let mut number = vec![NONE; variables];
    let mut components: Vec<Vec<u32>> = Vec::new();
    for variable in 0..variables {
        let root = sets.root(variable);
        if number[root] == NONE {
            number[root] = components.len() as u32;
            components.push(Vec::new());
        }
        components[number[root] as usize].push(variable as u32);
    }
    components
}

/// Disjoint sets; the least member is the root.
struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Sets { parent: (0..count as u32).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parent[at] as usize != at {
            let up = self.parent[self.parent[at] as usize];
            self.parent[at] = up;
            at = up as usize;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b) as u32;
    }
}
