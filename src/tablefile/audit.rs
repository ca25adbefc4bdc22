//! The audit of table files: what of their hidden figures a reader can compute, and how.

mod bounds;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use self::bounds::Said;
use super::averages;
use super::banded;
use super::deduce::{How, Known};
use super::layout::Loaded;
use super::load::{Job, Purpose, name_all};
use super::marks::Mark;
use super::minimums;
use super::perturbative;
use super::policy::{not_followed, policy};
use super::report::{
    AuditReport, Fall, FigureBook, FigureKind, Progress, Rule, RuleCount, TableBook, Way, WayCount, counted,
};
use super::scoring;
use super::spec::{MethodSpec, Symbols};
use super::views::{Bound, Group, groups};
use super::words::Figure;
use crate::disclosure::primary_rules::MagnitudeRule;
use crate::disclosure::{self, MeasureKind, Policy, Zeros};
use crate::error::Result;

/// How many of the worst falls a report names.
const WORST: usize = 10;

/// Audits published tables: those that the spec names, or of them the `named` files.
///
/// `progress` hears how far the work is.
///
/// # Guarantees
/// Each fall that is reported is a derivation from printed figures: subtraction step by step, a rate and its counts,
/// another table, or bounds and several equations as [`crate::disclosure::audit`] finds them. No value is in the report.
///
/// # Does not protect against
/// A reader who has more than the spec names. A cell without a row counts as empty where one beside it has a row: where
/// rows are left out because they are hidden, say `missing_rows: hidden`, or falls are reported that are none.
///
/// # Errors
/// A spec or files that can't be read. Falls are no error: see [`AuditReport::passed`].
pub fn audit(job: &Job, named: &[PathBuf], progress: &mut dyn FnMut(Progress)) -> Result<AuditReport> {
    let mut tables = job.tables(named, Purpose::Audit)?;
    tables.extend(job.also_public()?);
    name_all(&mut tables);
    minimums::enter(&job.spec.policy, &mut tables)?;
    if let Some(mut report) = perturbative::looked(job, &tables) {
        report.scores = scoring::published(&job.spec, &tables);
        return Ok(report);
    }
    let bound = bound(job);
    let (zeros, note) = if job.spec.policy.zeros.is_none() { zeros(&tables, &bound) } else { (Zeros::Hide, None) };
    let mut policy = policy(&job.spec.policy, zeros);
    if matches!(job.spec.policy.method, MethodSpec::Bands(_)) && !policy.homogeneous {
        // No numerator is printed, so none is known not to be empty.
        policy.zeros = Zeros::Hide;
    }
    let mut report = look(&tables, &bound, &policy, progress);
    banded::look(&job.spec, &tables, &mut report);
    report.notes.extend(note);
    report.notes.extend(telling(&job.spec.symbols, &tables));
    for (file, column) in tables.iter().flat_map(|table| &table.unnamed) {
        report.notes.push(format!("column `{column}` of {file} is not in the spec, and was not looked at"));
    }
    report.notes.extend(not_followed(&job.spec, Purpose::Audit));
    report.scores = scoring::published(&job.spec, &tables);
    Ok(report)
}

/// Whether a hidden count is known to be at least 1: whether empty cells are printed, and no hidden one turns out empty.
fn zeros(tables: &[Loaded], bound: &Bound) -> (Zeros, Option<String>) {
    let zero = |figure: &Figure| figure.printed() == Some(0);
    if !tables.iter().flat_map(|table| &table.values).any(|values| values.iter().any(zero)) {
        return (Zeros::Hide, None);
    }
    let empty: usize = groups(tables, bound).iter().map(|group| Known::new(group, tables).hidden_zeros()).sum();
    if empty == 0 {
        return (Zeros::Print, None);
    }
    let said =
        format!("empty cells are printed in some places and hidden in others ({empty}), so a hidden one may be empty");
    (Zeros::Hide, Some(said))
}

/// What symbols say themselves, as `<10` does.
fn telling(symbols: &Symbols, tables: &[Loaded]) -> Option<String> {
    let figures: usize = tables.iter().map(|table| table.marks.len()).sum();
    let words: Vec<String> = symbols.telling().map(|word| format!("`{word}`")).collect();
    let (says, takes) = if words.len() == 1 { ("says", "takes it at its") } else { ("say", "takes them at their") };
    let said = format!(
        "{} {says} itself what {} may be: the audit, as a reader, {takes} word. That such a figure is small is no secret; the \
         audit asks that nothing more than the mark can be told of it",
        words.join(", "),
        counted(figures, "hidden figure", "hidden figures"),
    );
    (figures > 0).then(|| said.replace("say itself", "say themselves"))
}

/// The universes that `within` ties together.
pub(super) fn bound(job: &Job) -> Bound {
    let mut bound = BTreeMap::new();
    for public in job.spec.also_public.values() {
        if let (Some(part), Some(whole)) = (&public.universe, &public.within) {
            bound.insert(part.clone(), whole.clone());
        }
    }
    bound
}

/// Audits tables that are read and named.
pub(super) fn look(
    tables: &[Loaded],
    bound: &Bound,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> AuditReport {
    let groups = groups(tables, bound);
    let mut look = Look::new(tables, bound, policy);
    for (at, group) in groups.iter().enumerate() {
        let parts = groups.len();
        progress(Progress { part: at, parts, inner: None });
        look.group(group, &mut |inner| progress(Progress { part: at, parts, inner: Some(inner) }));
    }
    look.finish()
}

struct Look<'a> {
    tables: &'a [Loaded],
    bound: &'a Bound,
    policy: &'a Policy,
    report: AuditReport,
    falls: Vec<(bool, Fall)>,
    /// Whether a place was counted, since several views share places: by table, figure (measures, then rates), cell.
    seen: Vec<Vec<Vec<bool>>>,
    contradictions: BTreeSet<String>,
    /// Of each table's measures, then rates, then averages, the place among the report's figures.
    figures: Vec<Vec<usize>>,
    /// What marks say of counts that are small for that: by table, measure and cell.
    marked: HashMap<(usize, usize, u32), Said>,
    /// What was computed, by table, measure and cell, where a table has averages.
    computed: Vec<Vec<Vec<Option<i64>>>>,
}

impl<'a> Look<'a> {
    fn new(tables: &'a [Loaded], bound: &'a Bound, policy: &'a Policy) -> Self {
        let book = |table: &Loaded| TableBook {
            table: table.name.clone(),
            edition: table.edition.clone(),
            files: table.files.len(),
            ..TableBook::default()
        };
        let report = AuditReport {
            minimum_cell: policy.minimum_cell,
            tables: tables.iter().map(book).collect(),
            ..AuditReport::default()
        };
        let unseen = |table: &Loaded| vec![vec![false; table.cells()]; table.measures.len() + table.rates.len()];
        let seen = tables.iter().map(unseen).collect();
        let none = |table: &Loaded| match table.averages.is_empty() {
            true => Vec::new(),
            false => vec![vec![None; table.cells()]; table.measures.len()],
        };
        let mut look = Self {
            tables,
            bound,
            policy,
            report,
            falls: Vec::new(),
            seen,
            contradictions: BTreeSet::new(),
            figures: Vec::new(),
            marked: HashMap::new(),
            computed: tables.iter().map(none).collect(),
        };
        look.name_figures();
        look.read_marks();
        look.within_tables();
        look.quantiles();
        look.few();
        look
    }

    /// Opens a book for each measure, rate and average, those of one name together.
    fn name_figures(&mut self) {
        for table in self.tables {
            let measures = table.measures.iter().map(|measure| (&measure.name, FigureKind::Count));
            let rates = table.rates.iter().map(|rate| (&rate.name, FigureKind::Rate));
            let averages = table.averages.iter().map(|average| (&average.name, FigureKind::Average));
            let books = &mut self.report.figures;
            let place = |(name, kind): (&String, FigureKind)| {
                books.iter().position(|book| book.figure == *name && book.kind == kind).unwrap_or_else(|| {
                    books.push(FigureBook { figure: name.clone(), kind, ..FigureBook::default() });
                    books.len() - 1
                })
            };
            self.figures.push(measures.chain(rates).chain(averages).map(place).collect());
        }
    }

    /// The marks that say that a count is small.
    fn read_marks(&mut self) {
        for (at, table) in self.tables.iter().enumerate() {
            for mark in &table.marks {
                let Mark::Count { measure, cell, bounds } = *mark else { continue };
                let Ok(place) = u32::try_from(cell) else { continue };
                let small = bounds.most.filter(|&most| most.unsigned_abs() < self.minimum(at, place));
                let Some(most) = small.filter(|_| table.values[measure][cell] == Figure::HIDDEN) else { continue };
                let never_empty = table.measures[measure].kind == MeasureKind::Count || !self.policy.homogeneous;
                self.marked.insert((at, measure, place), Said { least: bounds.least, most, never_empty });
            }
        }
        self.report.marked = self.marked.len();
    }

    /// The book of a table's measure or, after the measures, rate, or, after the rates, average.
    fn book(&mut self, table: usize, figure: usize) -> &mut FigureBook {
        &mut self.report.figures[self.figures[table][figure]]
    }

    /// What files of one table say differently.
    fn within_tables(&mut self) {
        for (at, table) in self.tables.iter().enumerate() {
            for &(measure, cell) in &table.revealed {
                if !std::mem::replace(&mut self.seen[at][measure][cell], true) {
                    self.report.tables[at].hidden += 1;
                    self.book(at, measure).hidden += 1;
                    self.fall((at, measure, cell), Way::Elsewhere, 0, false);
                }
            }
            for &(measure, cell) in &table.conflicts {
                let name = self.place(at, &table.measures[measure].name, cell);
                self.contradictions.insert(format!("two files print different figures for {name}"));
            }
        }
    }

    /// What quantiles give away.
    fn quantiles(&mut self) {
        let faults = |table: &Loaded| table.quantiles.iter().map(|one| one.faults(table).count()).sum::<usize>();
        self.report.printed_quantiles = self.tables.iter().map(faults).sum();
    }

    /// Figures that say themselves that few organisations are behind them.
    fn few(&mut self) {
        for behind in self.tables.iter().flat_map(|table| table.behind.iter().map(move |behind| (table, behind))) {
            let (table, behind) = behind;
            let amount = table.measures[behind.measure].kind == MeasureKind::Magnitude;
            let rules = if amount { &self.policy.magnitudes } else { &self.policy.behind_counts };
            let faulty = |&cell: &usize| {
                let value = table.values[behind.measure][cell].printed().filter(|&value| value > 0);
                let who = value.and_then(|value| behind.at(u32::try_from(cell).ok(), value).ok());
                who.is_some_and(|who| MagnitudeRule::judge(rules, &who).is_some())
            };
            self.report.printed_few += (0..table.cells()).filter(faulty).count();
        }
    }

    /// What averages give away that subtraction did not.
    fn averages(&mut self) {
        for (at, table) in self.tables.iter().enumerate().filter(|(_, table)| !table.averages.is_empty()) {
            let known = std::mem::take(&mut self.computed[at]);
            let seen = averages::intervals(table, &known);
            let hidden = |measure: usize, cell: usize| table.values[measure][cell] == Figure::HIDDEN;
            let mut measures: Vec<usize> = table.averages.iter().flat_map(|one| [one.of, one.over]).collect();
            measures.sort_unstable();
            measures.dedup();
            for measure in measures {
                let cells = (0..table.cells()).filter(|&cell| hidden(measure, cell) && known[measure][cell].is_none());
                for cell in cells.collect::<Vec<_>>() {
                    self.by_average(at, measure, cell, seen[measure][cell]);
                }
            }
            for (number, average) in table.averages.iter().enumerate() {
                let figure = table.measures.len() + table.rates.len() + number;
                self.book(at, figure).printed += average.values.iter().filter(|one| one.printed().is_some()).count();
                let value = |measure: usize, cell: usize| table.values[measure][cell].count().or(known[measure][cell]);
                for cell in (0..table.cells()).filter(|&cell| average.values[cell] == Figure::HIDDEN) {
                    self.report.tables[at].hidden_rates += 1;
                    self.book(at, figure).hidden += 1;
                    let (of, over) = (value(average.of, cell), value(average.over, cell));
                    if of.is_none() || over.is_none_or(|over| over == 0) {
                        continue;
                    }
                    let beside = !hidden(average.of, cell) && !hidden(average.over, cell);
                    // Who prints both of its figures has nothing to hide in it.
                    self.report.harmless_rates += usize::from(beside);
                    let way = if beside { Way::RateBeside } else { Way::RateOfFallen };
                    self.fall((at, figure, cell), way, 1, false);
                }
            }
        }
    }

    /// A hidden figure of which averages leave an interval.
    fn by_average(&mut self, at: usize, measure: usize, cell: usize, (low, high): (i64, i64)) {
        let table = &self.tables[at];
        let name = &table.measures[measure].name;
        if low > high {
            self.contradictions.insert(self.place(at, name, cell));
            return;
        }
        let minimum = self.minimum(at, u32::try_from(cell).unwrap_or(u32::MAX));
        if table.measures[measure].kind == MeasureKind::Magnitude {
            if averages::is_close((low, high), averages::closeness(self.policy)) {
                self.fall((at, measure, cell), Way::Average, 1, false);
            }
        } else if low == high {
            let harmless = low == 0 || self.may_be_shown(low, None, minimum);
            self.report.small += usize::from(is_small(low, minimum));
            self.report.harmless += usize::from(harmless);
            self.report.tables[at].harmless += usize::from(harmless);
            self.fall((at, measure, cell), Way::Average, 1, is_small(low, minimum));
        } else if low > 0 && is_small(high, minimum) {
            self.report.narrow += 1;
            self.falls.push((true, Fall { cell: self.place(at, name, cell), way: Way::Average, steps: 1 }));
        }
    }

    /// The smallest count that may be shown at a cell.
    fn minimum(&self, table: usize, cell: u32) -> u64 {
        self.tables[table].minimums.as_ref().map_or(self.policy.minimum_cell, |own| own[cell as usize])
    }

    fn place(&self, table: usize, figure: &str, cell: usize) -> String {
        let table = &self.tables[table];
        let edition = table.edition.as_ref().map(|edition| format!(" ({edition})")).unwrap_or_default();
        format!("{figure} of {}{edition} at {}", table.name, table.name_of(cell))
    }

    /// A figure that falls: table, measure (or, after the measures, rate, or, after the rates, average) and cell.
    fn fall(&mut self, (table, figure, cell): (usize, usize, usize), way: Way, steps: u32, small: bool) {
        if way.is_rate() {
            self.report.tables[table].fallen_rates += 1;
        } else {
            self.report.tables[table].fallen += 1;
        }
        let book = self.book(table, figure);
        if way == Way::RateBeside {
            book.beside += 1
        } else {
            book.fallen += 1
        }
        let name = &self.report.figures[self.figures[table][figure]].figure;
        let fall = Fall { cell: self.place(table, name, cell), way, steps };
        self.falls.push((small, fall));
    }

    fn group(&mut self, group: &Group, progress: &mut dyn FnMut(disclosure::Progress)) {
        let known = Known::new(group, self.tables);
        let (all, own) = (&mut self.report.add_up, known.whole);
        all.totals += own.totals;
        all.wrong_totals += own.wrong_totals;
        all.wholes += own.wholes;
        all.wrong_wholes += own.wrong_wholes;
        for (at, view) in group.views.iter().enumerate() {
            for (cell, place) in known.cells[at].iter().enumerate() {
                let Some(place) = *place else { continue };
                for (measure, own) in self.computed[view.table].iter_mut().enumerate() {
                    own[place as usize] = own[place as usize].or(known.value(at, measure, cell));
                }
                self.counts(&known, group, (at, view.table), cell, place);
                self.rates(&known, (at, view.table), cell, place);
            }
        }
        for &(view, measure, cell) in known.contradictions.iter().chain(&known.impossible) {
            if let Some(place) = known.cells[view][cell] {
                let table = group.views[view].table;
                let name = self.place(table, &self.tables[table].measures[measure].name, place as usize);
                self.contradictions.insert(name);
            }
        }
        self.report.impossible += known.impossible.len();
        self.bounds(group, &known, progress);
    }

    /// The counts of a cell that a symbol hides.
    fn counts(&mut self, known: &Known<'_>, group: &Group, (view, table): (usize, usize), cell: usize, place: u32) {
        let own = &self.tables[table];
        for (measure, spec) in own.measures.iter().enumerate() {
            let figure = own.values[measure][place as usize];
            let seen = &mut self.seen[table][measure][place as usize];
            if figure == Figure::ABSENT || figure == Figure::NONE || std::mem::replace(seen, true) {
                continue;
            }
            if figure != Figure::HIDDEN {
                self.report.tables[table].printed += 1;
                self.book(table, measure).printed += 1;
                continue;
            }
            self.report.tables[table].hidden += 1;
            self.book(table, measure).hidden += 1;
            if known.impossible.contains(&(view, measure, cell)) {
                self.fall((table, measure, place as usize), Way::Impossible, 1, false);
                continue;
            }
            let (Some(how), Some(value)) = (known.how(view, measure, cell), known.value(view, measure, cell)) else {
                continue;
            };
            let denominator = spec.kind.of().and_then(|of| known.value(view, of, cell));
            let counted = spec.kind != MeasureKind::Magnitude;
            let minimum = self.minimum(table, place);
            let is_small = counted && is_small(value, minimum);
            let small = is_small
                || denominator.is_some_and(|all| self::is_small(all - value, minimum))
                || (value == 0 && denominator.is_some_and(|all| all > 0));
            if denominator.is_some_and(|all| all > 0 && (value == 0 || value == all)) {
                self.report.homogeneous += 1;
            }
            if is_small {
                self.report.small += 1;
            }
            // That nobody is there gives nobody away, unless it says that nobody of a group is counted.
            if value == 0
                && !(self.policy.homogeneous && denominator.is_none_or(|all| all > 0) && spec.kind.of().is_some())
            {
                self.report.empty += 1;
                self.report.tables[table].harmless += 1;
            } else if counted && self.may_be_shown(value, denominator, minimum) {
                self.report.harmless += 1;
                self.report.tables[table].harmless += 1;
            }
            let way = match how {
                How::Elsewhere if group.views.iter().any(|one| self.tables[one.table].edition.is_some()) => {
                    Way::Edition
                }
                How::Elsewhere => Way::Elsewhere,
                How::Total { steps: 1 } => Way::Subtraction,
                How::Total { .. } => Way::Steps,
                How::Parts { steps: 1 } => Way::Parts,
                How::Parts { .. } => Way::Steps,
                How::Sum { .. } => Way::Sum,
                How::Rate { .. } => Way::Rate,
                How::Nothing { .. } => Way::Nothing,
            };
            self.fall((table, measure, place as usize), way, how.steps(), small);
        }
    }

    /// Whether the policy lets a count be shown: neither it nor what it leaves of its denominator is small, nor is it
    /// nobody or everybody of a group where that is protected.
    fn may_be_shown(&self, value: i64, denominator: Option<i64>, minimum: u64) -> bool {
        let homogeneous = |all: i64| self.policy.homogeneous && all > 0 && (value == 0 || value == all);
        let alone = |all: i64| !is_small(all - value, minimum) && !homogeneous(all);
        !is_small(value, minimum) && denominator.is_none_or(alone)
    }

    /// The rates of a cell that a symbol hides: each is its two counts.
    fn rates(&mut self, known: &Known<'_>, (view, table): (usize, usize), cell: usize, place: u32) {
        let own = &self.tables[table];
        for (at, rate) in own.rates.iter().enumerate() {
            let figure = own.measures.len() + at;
            let (value, seen) = (rate.values[place as usize], &mut self.seen[table][figure][place as usize]);
            if value == Figure::ABSENT || value == Figure::NONE || std::mem::replace(seen, true) {
                continue;
            }
            if value != Figure::HIDDEN {
                self.book(table, figure).printed += 1;
                continue;
            }
            self.report.tables[table].hidden_rates += 1;
            self.book(table, figure).hidden += 1;
            let count = |measure: usize| known.value(view, measure, cell);
            let (Some(above), Some(below)) = (count(rate.numerator), count(rate.denominator)) else { continue };
            if below == 0 {
                continue;
            }
            let minimum = self.minimum(table, place);
            if self.may_be_shown(above, Some(below), minimum) && self.may_be_shown(below, None, minimum) {
                self.report.harmless_rates += 1;
            }
            let printed = |measure: usize| own.values[measure][place as usize].printed().is_some();
            let beside = printed(rate.numerator) && printed(rate.denominator);
            let way = if beside { Way::RateBeside } else { Way::RateOfFallen };
            self.fall((table, figure, place as usize), way, 1, false);
        }
    }

    fn finish(mut self) -> AuditReport {
        self.averages();
        let mut ways: BTreeMap<Way, usize> = BTreeMap::new();
        for (_, fall) in &self.falls {
            *ways.entry(fall.way).or_default() += 1;
        }
        let mut rules: BTreeMap<Rule, usize> = BTreeMap::new();
        for (way, count) in &ways {
            *rules.entry(way.rule()).or_default() += count;
        }
        if self.report.printed_small > 0 {
            *rules.entry(Rule::S1).or_default() += self.report.printed_small;
        }
        if self.report.printed_complements > 0 {
            *rules.entry(Rule::S2).or_default() += self.report.printed_complements;
        }
        if self.report.printed_few > 0 {
            *rules.entry(Rule::S12).or_default() += self.report.printed_few;
        }
        if self.report.printed_quantiles > 0 {
            *rules.entry(Rule::S13).or_default() += self.report.printed_quantiles;
        }
        // Small groups first, then the shortest derivations.
        self.falls.sort_by(|(a_small, a), (b_small, b)| {
            let key = |small: bool, fall: &Fall| (fall.way.is_rate(), !small, fall.way == Way::SmallSum, fall.steps);
            key(*a_small, a).cmp(&key(*b_small, b)).then_with(|| a.cell.cmp(&b.cell))
        });
        let report = &mut self.report;
        report.ways = ways.into_iter().map(|(way, figures)| WayCount { way, figures, rule: way.rule() }).collect();
        report.rules =
            rules.into_iter().map(|(rule, figures)| RuleCount { rule, asks: rule.words(), figures }).collect();
        // One total may show a small sum along several dimensions.
        let mut worst: Vec<Fall> = self.falls.into_iter().map(|(_, fall)| fall).collect();
        worst.dedup_by(|one, other| one.cell == other.cell && one.way == other.way);
        worst.truncate(WORST);
        report.worst = worst;
        report.contradictions = self.contradictions.len();
        report.contradicting = self.contradictions.into_iter().take(WORST).collect();
        self.report
    }
}

/// Whether a count is small: somebody, and fewer than the minimum.
fn is_small(count: i64, minimum: u64) -> bool {
    count > 0 && count.unsigned_abs() < minimum
}
