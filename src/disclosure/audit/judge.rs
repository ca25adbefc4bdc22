//! What counts as given away, and how it came about, in words.

use super::bounds::{Bounds, Trace};
use super::figures::NONE;
use super::report::{Finding, FindingKind};
use super::system::{Rule, System};
use crate::disclosure::policy::{Attacker, Policy};
use crate::disclosure::table::CellName;

/// Names this many totals of a derivation at most.
const NAMED: usize = 40;

/// A reader's system with what is settled in it.
pub(in crate::disclosure) struct Settled<'s, 'a> {
    pub(in crate::disclosure) system: &'s System<'a>,
    pub(in crate::disclosure) bounds: &'s Bounds,
    pub(in crate::disclosure) trace: Trace,
    pub(in crate::disclosure) policy: &'s Policy,
    pub(in crate::disclosure) attacker: Attacker,
}

impl Settled<'_, '_> {
    /// The interval that exact bounds leave a figure.
    pub(in crate::disclosure) fn interval(&self, figure: u32) -> (i64, i64) {
        match (self.system.figures.printed(figure), self.system.index[figure as usize]) {
            (Some(value), _) => (value, value),
            (None, unknown) if unknown != NONE => {
                (self.bounds.lower[unknown as usize], self.bounds.upper[unknown as usize])
            }
            _ => (0, i64::MAX),
        }
    }

    /// Whether a reader who knows that a figure is in an interval knows that it is a small group; or that it is nobody
    /// or everybody of a group that is not empty, where the policy protects those.
    pub(in crate::disclosure) fn is_harmful(&self, figure: u32, (low, high): (i64, i64)) -> bool {
        if self.system.figures.is_magnitude(figure) {
            // Whether an amount gives somebody away depends on who is behind it.
            return false;
        }
        if low > 0 && self.policy.is_small(high) {
            return true;
        }
        // Those who came since are no group of a larger one: nobody came is no news about anybody.
        let group = |whole: u32| self.interval(whole).0 > 0;
        high == 0 && self.policy.homogeneous && self.system.enclosing(figure).into_iter().any(group)
    }

    /// Figures that are printed, or settled to a single value, and that give somebody away.
    pub(in crate::disclosure) fn fallen(&self) -> Vec<u32> {
        let figures = 0..self.system.figures.len() as u32;
        let is_fallen = |&figure: &u32| {
            let (low, high) = self.interval(figure);
            low == high && self.is_ours(figure) && self.is_harmful(figure, (low, high))
        };
        figures.filter(is_fallen).collect()
    }

    /// Whether a figure is one of the release, or what it shows beside an earlier one.
    pub(in crate::disclosure) fn is_ours(&self, figure: u32) -> bool {
        match self.system.figures.place(figure) {
            Some(place) => self.system.figures.locate(place).0 < self.system.figures.own,
            None => matches!(self.system.figures.extra(figure), Some(super::figures::Extra::Since { .. })),
        }
    }

    /// How a settled figure fell.
    pub(in crate::disclosure) fn how(&self, figure: u32) -> FindingKind {
        let unknown = self.system.index[figure as usize];
        if unknown == NONE {
            return match self.elsewhere(figure) {
                Some(cell) => FindingKind::Elsewhere { cell },
                None => FindingKind::Published,
            };
        }
        let equations = self.trace.behind(self.bounds, &self.system.equations, unknown);
        let rated = |&equation: &u32| matches!(self.system.labels[equation as usize].rule, Rule::Rate(..));
        let rates = equations.iter().any(rated);
        let named = &equations[equations.len().saturating_sub(NAMED)..];
        let totals: Vec<CellName> = named.iter().map(|&equation| self.system.total_name(equation as usize)).collect();
        let subtracted = self.trace.is_subtracted(self.bounds, unknown);
        match (rates, subtracted) {
            (true, _) => FindingKind::Rates { totals },
            (false, true) => FindingKind::Subtraction { totals },
            (false, false) => FindingKind::Bounds { totals },
        }
    }

    /// Where a figure is printed that stands in a table of the release without its value.
    fn elsewhere(&self, figure: u32) -> Option<CellName> {
        let figures = &self.system.figures;
        let printed = |place: usize| {
            let (table, (measure, of), cell) = figures.locate(place);
            of.is_none() && figures.tables[table].values[measure][cell].is_some()
        };
        if figures.place(figure).is_none_or(printed) {
            return None;
        }
        let places = figures
            .layouts
            .iter()
            .flat_map(|layout| layout.offset..layout.offset + layout.cells * layout.quantities.len());
        places.filter(|&place| figures.at(place) == figure).find(|&place| printed(place)).map(|p| figures.place_name(p))
    }

    /// Sums of hidden figures that a total shows: how many there are, and those that show a small group.
    pub(in crate::disclosure) fn sums(&self) -> (usize, Vec<Finding>) {
        let (mut count, mut findings) = (0, Vec::new());
        let equations = &self.system.equations;
        for equation in (0..equations.len()).filter(|&equation| self.system.labels[equation].rule.is_total()) {
            let (mut open, mut signs, mut rest) = (0usize, [false; 2], equations.rests[equation]);
            for (unknown, c) in equations.row(equation) {
                match self.bounds.is_fixed(unknown) {
                    true => rest -= c * self.bounds.lower[unknown],
                    false => {
                        open += 1;
                        signs[usize::from(c > 0)] = true;
                    }
                }
            }
            if open < 2 || signs == [true, true] {
                continue;
            }
            count += 1;
            let place = self.system.labels[equation].place as usize;
            let counted = !self.system.figures.is_magnitude(self.system.figures.at(place));
            if counted && self.policy.sums && self.policy.is_small(rest.abs()) {
                let kind = FindingKind::SmallSum { figures: open };
                let cell = self.system.total_name(equation);
                findings.push(Finding { cell, kind, attacker: self.attacker });
            }
        }
        (count, findings)
    }
}
