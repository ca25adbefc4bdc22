//! The only place of this folder that calls the protection and the audit of [`crate::disclosure`].

use super::layout::Loaded;
use super::marks::{self, Mark};
use super::views::{Bound, Group, View};
use super::words::Figure;
use crate::disclosure::Zeros;
use crate::disclosure::primary_rules::Contributions;
use crate::disclosure::{
    self, Banded, Banding, Beside, CellKey, CellKeyReport, CellName, DisclosureError, Finding, Keys, Policy, Progress,
    Protected, PublicRate, PublicTable, Published, Rate, Rounding, Status, Table, Told, Within,
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

/// Protects the tables at hand of a group, beside those of it that are public already. `bound` names for a universe the one
/// that counts all of its people.
pub(super) fn protect(
    group: &Group,
    tables: &[Loaded],
    bound: &Bound,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Outcome {
    let views = group.views[..group.at_hand(tables)].iter().enumerate();
    let own: Result<Vec<Table>, DisclosureError> =
        views.map(|(at, view)| with_contributions(whole(at, view, group, tables), view, &tables[view.table])).collect();
    let protected = own.and_then(|own| {
        let others = public_tables(group, tables, policy.zeros).split_off(own.len());
        let beside = Beside { links: links(group, tables, bound), others };
        disclosure::protect_beside(&own, policy, &beside, stop, progress)
    });
    match protected {
        Ok(protected) => Outcome::Protected(Box::new(protected)),
        Err(DisclosureError::Unprotectable { cells }) => Outcome::Blocked(cells),
        Err(DisclosureError::AuditFailed(report)) => Outcome::Leaks(report.findings),
        Err(error) => Outcome::Wrong(error),
    }
}

/// Prints the rates of a group as bands.
pub(super) fn band(
    group: &Group,
    tables: &[Loaded],
    banding: &Banding,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Banded, DisclosureError> {
    let own: Vec<Table> = group.views.iter().enumerate().map(|(at, view)| whole(at, view, group, tables)).collect();
    let of = |rate: &super::layout::Rate| Rate { numerator: rate.numerator, denominator: rate.denominator };
    let rates: Vec<Vec<Rate>> =
        group.views.iter().map(|view| tables[view.table].rates.iter().map(of).collect()).collect();
    disclosure::band(&own, &rates, banding, policy, stop, progress)
}

/// Figures of a group by view, measure and cell.
pub(super) type Changed = Vec<Vec<Vec<i64>>>;

/// Rounds a group: by view and measure, each cell's rounded figure; and how many are beyond a neighbouring multiple.
pub(super) fn round(
    group: &Group,
    tables: &[Loaded],
    rounding: &Rounding,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Changed, usize), DisclosureError> {
    let own: Vec<Table> = group.views.iter().enumerate().map(|(at, view)| whole(at, view, group, tables)).collect();
    let rounded = disclosure::round(&own, rounding, policy, progress)?;
    let relaxed = rounded.report.relaxed.len();
    Ok((rounded.tables.into_iter().map(|table| table.values).collect(), relaxed))
}

/// Perturbs a group: by view, measure and cell, figures with noise; and what came of it.
pub(super) fn perturb(
    group: &Group,
    tables: &[Loaded],
    rule: &CellKey,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Changed, CellKeyReport), DisclosureError> {
    let own: Vec<Table> = group.views.iter().enumerate().map(|(at, view)| whole(at, view, group, tables)).collect();
    let keys: Option<Vec<Keys>> = own.iter().zip(&group.views).map(|(table, view)| keys(table, view, tables)).collect();
    let keys = keys.ok_or_else(|| DisclosureError::InvalidTable {
        table: own.first().map(|table| table.name.clone()).unwrap_or_default(),
        what: "a measure has no keys of cells".to_owned(),
    })?;
    let perturbed = disclosure::perturb(&own, &keys, rule, policy, progress)?;
    Ok((perturbed.tables.into_iter().map(|table| table.values).collect(), perturbed.report))
}

/// The keys of a view's cells; those of totals are the sums of the others.
fn keys(table: &Table, view: &View, tables: &[Loaded]) -> Option<Keys> {
    let loaded = &tables[view.table];
    let cells = view.cells(loaded);
    let key = |keys: &Vec<u64>, cell: &Option<u32>| cell.and_then(|cell| keys.get(cell as usize).copied()).unwrap_or(0);
    let leaves: Vec<Vec<u64>> =
        loaded.keys.iter().map(|keys| cells.iter().map(|cell| key(keys, cell)).collect()).collect();
    Keys::from_leaves(table, &leaves)
}

/// Audits a group: every figure that is not printed, with what marks say of it where the reader is `trusting`. `bound` names for a universe the one that counts all of its people.
pub(super) fn audit(
    group: &Group,
    tables: &[Loaded],
    bound: &Bound,
    policy: &Policy,
    trusting: bool,
    progress: &mut dyn FnMut(Progress),
) -> Audited {
    let own = public_tables(group, tables, policy.zeros);
    let links = links(group, tables, bound);
    let told = if trusting { told(group, tables) } else { Vec::new() };
    let published = Published { tables: &own, others: &[], links: &links };
    match disclosure::audit_told(published, &told, policy, progress) {
        Ok(report) => Audited::Findings(report.findings),
        Err(DisclosureError::Contradiction { cell }) => Audited::Contradiction(*cell),
        Err(error) => Audited::Wrong(error),
    }
}

/// What marks say of the hidden figures of a group.
pub(super) fn told(group: &Group, tables: &[Loaded]) -> Vec<Told> {
    let mut told = Vec::new();
    for (at, view) in group.views.iter().enumerate() {
        let table = &tables[view.table];
        if table.marks.is_empty() {
            continue;
        }
        let mut cell_of = vec![None; table.cells()];
        for (cell, place) in view.cells(table).into_iter().enumerate() {
            if let Some(place) = place {
                cell_of[place as usize] = Some(cell);
            }
        }
        let here = |mark: &Mark| cell_of[mark.cell()].map(|cell| marks::told(mark, &table.rates, at, cell));
        told.extend(table.marks.iter().filter_map(here).flatten());
    }
    told
}

/// Which universes of a group are contained in which.
fn links(group: &Group, tables: &[Loaded], bound: &Bound) -> Vec<Within> {
    let in_slice = |name: &String| format!("{name}\u{1f}{}", slice(group));
    let named = |name: &String| group.views.iter().any(|view| tables[view.table].universe == *name);
    let both = bound.iter().filter(|(part, whole)| named(part) && named(whole));
    both.map(|(part, whole)| Within { part: in_slice(part), whole: in_slice(whole) }).collect()
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
    format!("{}\u{1f}{}", table.universe, slice(group))
}

fn slice(group: &Group) -> &str {
    group.universe.split_once('\u{1f}').map_or("", |(_, slice)| slice)
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
        minimums: minimums(table, &cells),
    }
}

/// The smallest count that may be shown at each cell; at one that no file has, the least of all.
fn minimums(table: &Loaded, cells: &[Option<u32>]) -> Option<Vec<u64>> {
    let own = table.minimums.as_ref()?;
    let least = own.iter().copied().min().unwrap_or(0);
    Some(cells.iter().map(|cell| cell.map_or(least, |cell| own[cell as usize])).collect())
}

/// The table with who is behind its amounts.
fn with_contributions(mut table: Table, view: &View, loaded: &Loaded) -> Result<Table, DisclosureError> {
    if loaded.behind.is_empty() {
        return Ok(table);
    }
    let cells = view.cells(loaded);
    table.contributions = vec![Vec::new(); table.measures.len()];
    for behind in &loaded.behind {
        let of_cell = |(cell, &sum): (&Option<u32>, &i64)| {
            let wrong = |what: &str| DisclosureError::InvalidTable {
                table: table.name.clone(),
                what: format!("{what} at {}", loaded.name_of(cell.map_or(0, |cell| cell as usize))),
            };
            behind.at(*cell, sum).map_err(|error| match error {
                DisclosureError::InvalidTable { what, .. } => wrong(&what),
                error => error,
            })
        };
        let own: Result<Vec<Contributions>, DisclosureError> =
            cells.iter().zip(&table.values[behind.measure]).map(of_cell).collect();
        table.contributions[behind.measure] = own?;
    }
    Ok(table)
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
        values: match &rate.bands {
            None => cells.iter().map(|cell| printed(&rate.values, cell)).collect(),
            Some(_) => vec![None; cells.len()],
        },
        bands: rate
            .bands
            .as_ref()
            .map_or_else(Vec::new, |_| cells.iter().map(|cell| rate.public_band((*cell)?)).collect()),
    };
    PublicTable {
        name: name(at, view, tables),
        universe: universe(group, table),
        dimensions: view.dimensions(table),
        measures: table.measures.clone(),
        values: table.values.iter().map(|values| cells.iter().map(|cell| count(values, cell)).collect()).collect(),
        rates: table.rates.iter().map(rate).collect(),
        edition: table.edition.clone(),
        minimums: minimums(table, &cells),
    }
}
