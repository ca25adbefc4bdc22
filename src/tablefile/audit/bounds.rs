//! What bounds and several equations at once say of hidden figures.

use std::collections::{BTreeSet, HashMap};

use super::Look;
use crate::disclosure::{self, Finding, FindingKind, Level, MeasureKind, Policy, Zeros};
use crate::tablefile::deduce::Known;
use crate::tablefile::engine::{self, Audited};
use crate::tablefile::report::{Fall, Way};
use crate::tablefile::views::Group;
use crate::tablefile::words::Figure;

/// What a mark says of a small count: it is at least this and at most that, and never empty where empty ones are printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    pub(super) least: i64,
    pub(super) most: i64,
    pub(super) never_empty: bool,
}

impl Said {
    /// What two marks of one figure say.
    fn and(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most), ..self }
    }

    /// How much more than one value it leaves possible.
    fn width(self, zeros: Zeros) -> u64 {
        let least = if zeros == Zeros::Print && self.never_empty { self.least.max(1) } else { self.least };
        (self.most - least).max(0).unsigned_abs()
    }
}

impl Look<'_> {
    /// What bounds and several equations at once give.
    pub(super) fn bounds(&mut self, group: &Group, known: &Known<'_>, progress: &mut dyn FnMut(disclosure::Progress)) {
        let contradicts = !known.contradictions.is_empty();
        self.report.unexamined += usize::from(contradicts);
        if contradicts {
            return;
        }
        // Each minimum has a look of its own, which counts where it holds; and so has what a mark says, since nobody may be
        // able to tell more than that.
        let marked = self.said_of(group, known);
        let said: BTreeSet<Option<Said>> = marked.values().copied().map(Some).chain([None]).collect();
        for minimum in self.minimums_of(group) {
            for &said in &said {
                for finding in self.findings(group, known, (minimum, said), progress) {
                    let place = engine::locate(group, self.tables, &finding.cell);
                    let own = place.as_ref().filter(|place| !place.complement);
                    let own = own.map(|place| known.figure(place.view, place.measure, place.cell));
                    if own.and_then(|figure| marked.get(&figure).copied()) == said {
                        self.finding(group, known, &finding, place, minimum);
                    }
                }
            }
        }
    }

    /// What marks say of a group's small counts, by figure: it may stand in several tables, and have a mark in one of them.
    fn said_of(&self, group: &Group, known: &Known<'_>) -> HashMap<u32, Said> {
        let mut said: HashMap<u32, Said> = HashMap::new();
        for (at, view) in group.views.iter().enumerate().filter(|_| !self.marked.is_empty()) {
            for (cell, place) in known.cells[at].iter().enumerate() {
                for measure in 0..self.tables[view.table].measures.len() {
                    let own = place.and_then(|place| self.marked.get(&(view.table, measure, place)));
                    let Some(own) = own else { continue };
                    let figure = known.figure(at, measure, cell);
                    said.entry(figure).and_modify(|all| *all = all.and(*own)).or_insert(*own);
                }
            }
        }
        said
    }

    /// The minimum cells that hold somewhere in a group.
    fn minimums_of(&self, group: &Group) -> BTreeSet<u64> {
        let tables = group.views.iter().map(|view| &self.tables[view.table]);
        let own = tables.filter_map(|table| table.minimums.as_ref()).flatten().copied();
        own.chain([self.policy.minimum_cell]).collect()
    }

    fn findings(
        &mut self,
        group: &Group,
        known: &Known<'_>,
        (minimum_cell, said): (u64, Option<Said>),
        progress: &mut dyn FnMut(disclosure::Progress),
    ) -> Vec<Finding> {
        let mut policy = Policy { minimum_cell, ..self.policy.clone() };
        if known.has_unpublished() {
            policy.zeros = Zeros::Hide;
        }
        let mut look = |policy: &Policy, trusting: bool| {
            let policy = Policy { level: level(policy, said), ..policy.clone() };
            engine::audit(group, self.tables, self.bound, &policy, trusting, progress)
        };
        let mut audited = look(&policy, true);
        if matches!(audited, Audited::Contradiction(_)) && policy.zeros == Zeros::Print {
            // Some hidden cell must be empty: the mark may stand for nobody after all.
            policy.zeros = Zeros::Hide;
            audited = look(&policy, true);
        }
        if let (Audited::Contradiction(cell), false) = (&audited, engine::told(group, self.tables).is_empty()) {
            // Some mark does not tell the truth, so that none of them is believed.
            let cell = cell.to_string();
            audited = look(&policy, false);
            if !matches!(audited, Audited::Contradiction(_)) {
                self.contradictions.insert(format!("{cell} (with what marks of hidden figures say)"));
            }
        }
        match audited {
            Audited::Findings(findings) => findings,
            Audited::Contradiction(cell) => {
                self.contradictions.insert(cell.to_string());
                Vec::new()
            }
            Audited::Wrong(error) => {
                self.report.notes.push(format!("a part could not be examined: {error}"));
                Vec::new()
            }
        }
    }

    /// A finding of the audit, unless it is counted already or is about a figure that nothing prints or hides.
    fn finding(
        &mut self,
        group: &Group,
        known: &Known<'_>,
        finding: &Finding,
        place: Option<engine::Place>,
        minimum: u64,
    ) {
        let base = place.as_ref().and_then(|place| Some((group.views[place.view].table, place.base?)));
        if base.map_or(self.policy.minimum_cell, |(table, cell)| self.minimum(table, cell)) != minimum {
            return;
        }
        let report = &mut self.report;
        let Some(place) = place else {
            // Those of a cohort who were not in it before.
            if finding.kind.is_exact() || matches!(finding.kind, FindingKind::TooNarrow) {
                report.bounds += 1;
                self.falls.push((true, Fall { cell: finding.cell.to_string(), way: Way::Edition, steps: 1 }));
            }
            return;
        };
        let table = &self.tables[group.views[place.view].table];
        let figure = place.base.map_or(Figure::ABSENT, |cell| table.values[place.measure][cell as usize]);
        let count = table.measures[place.measure].kind == MeasureKind::Count;
        let banded = !count && table.rates.iter().any(|rate| rate.bands.is_some());
        let (exact, narrow) = if banded { (Way::Bands, Way::Bands) } else { (Way::Bounds, Way::Narrow) };
        match (&finding.kind, place.complement) {
            (FindingKind::SmallSum { .. }, _) => {
                report.small_sums += 1;
                self.falls.push((true, Fall { cell: finding.cell.to_string(), way: Way::SmallSum, steps: 1 }));
            }
            _ if figure == Figure::ABSENT => {}
            (FindingKind::Published, false) if count => report.printed_small += 1,
            (FindingKind::Published, false) => report.printed_complements += 1,
            (kind, true) if kind.is_exact() => report.printed_complements += 1,
            (FindingKind::Subtraction { .. }, false) => {}
            (kind, false) if kind.is_exact() => {
                if figure == Figure::HIDDEN && known.value(place.view, place.measure, place.cell).is_none() {
                    report.bounds += 1;
                    self.falls.push((true, Fall { cell: finding.cell.to_string(), way: exact, steps: 1 }));
                }
            }
            (FindingKind::TooNarrow, _) => {
                report.narrow += 1;
                self.falls.push((true, Fall { cell: finding.cell.to_string(), way: narrow, steps: 1 }));
            }
            _ => report.undecided += 1,
        }
    }
}

/// What must stay open about figures: of those with a mark, all that the mark says.
fn level(policy: &Policy, said: Option<Said>) -> Level {
    let Some(width) = said.map(|said| said.width(policy.zeros)) else { return policy.level };
    match policy.level {
        Level::Full => Level::Interval(width),
        Level::Interval(asked) => Level::Interval(asked.min(width)),
        other => other,
    }
}
