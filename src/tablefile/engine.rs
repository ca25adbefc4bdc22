//! The only place of this folder that calls the protection and the audit of [`crate::disclosure`].

use super::layout::Loaded;
use super::views::{Group, View};
use super::words::Figure;
use crate::disclosure::Zeros;
use crate::disclosure::{
    self, CellName, DisclosureError, Evidence, Finding, Policy, Progress, Protected, PublicRate, PublicTable, Rounding,
    Status, Table,
};

/// What came of protecting a group.
pub(super) enum Outcome {
    /// The status of each view's measures and cells.
    Protected(Box<Protected>),
    /// No pattern protects these cells.
    Blocked(Vec<CellName>),
    /// The audit of the pattern found these.
    Leaks(Vec<Finding>),
    /// The tables are wrong.
    Wrong(DisclosureError),
}

/// What the audit of a group says.
pub(super) enum Audited {
    /// Its findings.
    Findings(Vec<Finding>),
    /// The figures contradict each other, so that nothing can be concluded.
    Contradiction(CellName),
    /// The tables are wrong.
    Wrong(DisclosureError),
}

/// Protects a group.
pub(super) fn protect(
    group: &Group,
    tables: &[Loaded],
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Outcome {
    let own: Vec<Table> = group.views.iter().enumerate().map(|(at, view)| whole(at, view, group, tables)).collect();
    match disclosure::protect_until(&own, policy, stop, progress) {
        Ok(protected) => Outcome::Protected(Box::new(protected)),
        Err(DisclosureError::Unprotectable { cells }) => Outcome::Blocked(cells),
        Err(DisclosureError::AuditFailed(report)) => Outcome::Leaks(report.findings),
        Err(error) => Outcome::Wrong(error),
    }
}

/// By view, measure and cell, rounded figures; and how many of them are beyond a neighbouring multiple.
pub(super) type RoundedGroup = (Vec<Vec<Vec<i64>>>, usize);

/// Rounds a group: by view and measure, each cell's rounded figure; and how many are beyond a neighbouring multiple.
pub(super) fn round(
    group: &Group,
    tables: &[Loaded],
    rounding: &Rounding,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<RoundedGroup, DisclosureError> {
    let own: Vec<Table> = group.views.iter().enumerate().map(|(at, view)| whole(at, view, group, tables)).collect();
    let rounded = disclosure::round(&own, rounding, policy, progress)?;
    let relaxed = rounded.report.relaxed.len();
    Ok((rounded.tables.into_iter().map(|table| table.values).collect(), relaxed))
}

/// Audits a group: every figure that is not printed.
pub(super) fn audit(group: &Group, tables: &[Loaded], policy: &Policy, progress: &mut dyn FnMut(Progress)) -> Audited {
    let own = public_tables(group, tables, policy.zeros);
    let none: Option<Evidence<'_>> = None;
    match disclosure::audit(own[..].into(), policy, None, none, progress) {
        Ok(report) => Audited::Findings(report.findings),
        Err(DisclosureError::Contradiction { cell }) => Audited::Contradiction(*cell),
        Err(error) => Audited::Wrong(error),
    }
}

/// A group as its readers have it.
pub(super) fn public_tables(group: &Group, tables: &[Loaded], zeros: Zeros) -> Vec<PublicTable> {
    group.views.iter().enumerate().map(|(at, view)| public(at, view, group, tables, zeros)).collect()
}

/// Where a figure of a finding stands.
pub(super) struct Place {
    pub(super) view: usize,
    pub(super) measure: usize,
    /// The cell of the view.
    pub(super) cell: usize,
    /// The cell of the view's table.
    pub(super) base: Option<u32>,
    /// It is not the measure itself, but what it leaves of an enclosing one.
    pub(super) complement: bool,
}

/// Finds the figure that a name names.
pub(super) fn locate(group: &Group, tables: &[Loaded], wanted: &CellName) -> Option<Place> {
    let (view, found) = group.views.iter().enumerate().find(|(at, view)| name(*at, view, tables) == wanted.table)?;
    let table = &tables[found.table];
    let is = |measure: &crate::disclosure::Measure| measure.name == wanted.measure;
    let ends = |measure: &crate::disclosure::Measure| wanted.measure.ends_with(&format!(" less {}", measure.name));
    let whole = table.measures.iter().position(is);
    let measure = whole.or_else(|| table.measures.iter().position(ends))?;
    let mut cell = 0;
    for (dimension, (_, node)) in found.dimensions(table).iter().zip(&wanted.coordinates) {
        cell = cell * dimension.nodes.len() + dimension.nodes.iter().position(|one| one.id == *node)?;
    }
    let base = found.cells(table).get(cell).copied().flatten();
    Some(Place { view, measure, cell, base, complement: whole.is_none() })
}

/// The status that a protected figure has.
pub(super) fn status(protected: &Protected, view: usize, measure: usize, cell: usize) -> Status {
    protected.statuses[view][measure][cell]
}

/// A view's name: its table's, and a number where it is not the first choice of hierarchies.
fn name(at: usize, view: &View, tables: &[Loaded]) -> String {
    let name = &tables[view.table].name;
    if view.is_main() { name.clone() } else { format!("{name} ({at})") }
}

fn universe(group: &Group, table: &Loaded) -> String {
    let slice = group.universe.split_once('\u{1f}').map_or("", |(_, slice)| slice);
    format!("{}\u{1f}{slice}", table.universe)
}

fn whole(at: usize, view: &View, group: &Group, tables: &[Loaded]) -> Table {
    let table = &tables[view.table];
    let cells = view.cells(table);
    let value =
        |values: &Vec<Figure>, cell: &Option<u32>| cell.and_then(|cell| values[cell as usize].count()).unwrap_or(0);
    Table {
        name: name(at, view, tables),
        universe: universe(group, table),
        dimensions: view.dimensions(table),
        measures: table.measures.clone(),
        values: table.values.iter().map(|values| cells.iter().map(|cell| value(values, cell)).collect()).collect(),
        contributors: None,
        contributions: Vec::new(),
        minimums: None,
    }
}

fn public(at: usize, view: &View, group: &Group, tables: &[Loaded], zeros: Zeros) -> PublicTable {
    let table = &tables[view.table];
    let cells = view.cells(table);
    // Where empty cells are printed, one without a row is empty.
    let absent = (zeros == Zeros::Print).then_some(0);
    let count = |values: &Vec<Figure>, cell: &Option<u32>| match cell.map(|cell| values[cell as usize]) {
        None => absent,
        Some(figure) if figure == Figure::ABSENT => absent,
        Some(figure) => figure.count(),
    };
    let printed = |values: &Vec<Figure>, cell: &Option<u32>| cell.and_then(|cell| values[cell as usize].printed());
    let rate = |rate: &super::layout::Rate| PublicRate {
        name: rate.name.clone(),
        numerator: rate.numerator,
        denominator: rate.denominator,
        scale: rate.scale(),
        values: cells.iter().map(|cell| printed(&rate.values, cell)).collect(),
    };
    PublicTable {
        name: name(at, view, tables),
        universe: universe(group, table),
        dimensions: view.dimensions(table),
        measures: table.measures.clone(),
        values: table.values.iter().map(|values| cells.iter().map(|cell| count(values, cell)).collect()).collect(),
        rates: table.rates.iter().map(rate).collect(),
        edition: table.edition.clone(),
    }
}
