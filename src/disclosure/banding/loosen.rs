//! Wider bands, where totals and other bands would say too much: one total and its parts at a time, cheapest first. What it
//! leaves is a proposal; the audit decides.

use std::collections::BTreeSet;

use super::prints::Prints;
use crate::disclosure::bounds::narrow;
use crate::disclosure::policy::{Policy, Requirement};
use crate::disclosure::primary::Primary;
use crate::disclosure::primary_rules::within_group;
use crate::disclosure::system::{Place, Release};
use crate::disclosure::table::{MeasureKind, Table};

/// Rounds of widening.
const ROUNDS: usize = 400;
/// How many totals away a band is widened.
const DEPTH: usize = 3;
/// Figures that are looked at to make bands narrow again.
const BUDGET: usize = 30_000_000;
/// A bound that is none.
const FAR: i64 = i64::MAX / 4;

/// Which way a bound must move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Way {
    fn back(self) -> Way {
        if self == Way::Up { Way::Down } else { Way::Up }
    }
}

/// The system in which bands are looked for.
pub(super) struct Search<'r> {
    release: &'r Release,
    /// Total and parts.
    equations: Vec<(usize, Vec<usize>)>,
    /// The equations of each variable.
    of: Vec<Vec<usize>>,
    /// The size of a group, which everybody may know.
    known: Vec<Option<i64>>,
    /// What must stay open, and of which variable.
    targets: Vec<(usize, Requirement)>,
}

/// The size of the group that a figure is a part of: a count of all.
pub(super) fn size(tables: &[Table], place: Place) -> Option<i64> {
    let table = &tables[place.table];
    let all = table.enclosing(place.measure).into_iter().find(|&of| table.measures[of].kind == MeasureKind::Count)?;
    Some(table.values[all][place.cell])
}

impl<'r> Search<'r> {
    pub(super) fn new(tables: &[Table], release: &'r Release, primary: &Primary, policy: &Policy) -> Self {
        let equations: Vec<(usize, Vec<usize>)> =
            release.equations().map(|equation| (equation.total, equation.parts().collect())).collect();
        let mut of = vec![Vec::new(); release.len()];
        for (number, (total, parts)) in equations.iter().enumerate() {
            parts.iter().chain([total]).for_each(|&variable| of[variable].push(number));
        }
        let (mut known, mut targets) = (Vec::with_capacity(release.len()), Vec::new());
        for (number, variable) in release.variables().enumerate() {
            let size = size(tables, variable.place());
            known.push(size.is_none().then_some(variable.value));
            if let Some(size) = size.filter(|_| primary.protected[number].is_some()) {
                targets.push((number, within_group(policy, variable.value, size)));
            }
        }
        Search { release, equations, of, known, targets }
    }

    /// What bands alone say of each variable.
    fn raw(&self, prints: &Prints) -> Vec<(i64, i64)> {
        let mut raw: Vec<(i64, i64)> =
            self.known.iter().map(|known| known.map_or((0, FAR), |known| (known, known))).collect();
        for print in &prints.all {
            let (own, (low, high)) = (&mut raw[print.numerator], print.numerators());
            *own = (own.0.max(low), own.1.min(high));
        }
        raw
    }

    /// What bands and totals say, one total at a time.
    fn seen(&self, raw: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut seen = raw.to_vec();
        narrow(self.release, &mut seen);
        seen
    }

    /// The targets about which too little stays open.
    fn failing(&self, seen: &[(i64, i64)]) -> Vec<(usize, Requirement)> {
        let fails = |&&(variable, asked): &&(usize, Requirement)| !asked.is_met(seen[variable].0, seen[variable].1);
        self.targets.iter().filter(fails).copied().collect()
    }

    /// How far an equation lets a variable go.
    fn implied(&self, equation: usize, variable: usize, way: Way, seen: &[(i64, i64)]) -> i64 {
        let (total, parts) = &self.equations[equation];
        let end = |at: usize, way: Way| if way == Way::Up { seen[at].1 } else { seen[at].0 };
        if *total == variable {
            return parts.iter().fold(0_i64, |sum, &part| sum.saturating_add(end(part, way)));
        }
        let others = parts.iter().filter(|&&part| part != variable);
        others.fold(end(*total, way), |rest, &part| rest.saturating_sub(end(part, way.back())))
    }

    /// Those whose bounds keep a variable of an equation from going a way, and the way that each must go.
    fn partners(&self, equation: usize, variable: usize, way: Way) -> Vec<(usize, Way)> {
        let (total, parts) = &self.equations[equation];
        let open = |at: &usize| self.known[*at].is_none() && *at != variable;
        if *total == variable {
            return parts.iter().copied().filter(|at| open(at)).map(|at| (at, way)).collect();
        }
        let others = parts.iter().copied().filter(|at| open(at)).map(|at| (at, way.back()));
        others.chain([*total].into_iter().filter(|at| open(at)).map(|at| (at, way))).collect()
    }
}

/// One round of widening.
struct Round<'s, 'p> {
    search: &'s Search<'s>,
    prints: &'p mut Prints,
    raw: Vec<(i64, i64)>,
    seen: Vec<(i64, i64)>,
    /// Equations in which something was widened.
    touched: BTreeSet<usize>,
}

impl Round<'_, '_> {
    /// How far a variable is from where a bound should be, and what it costs to widen its own bands so far; nothing where
    /// they do not keep it.
    fn cost(&self, variable: usize, way: Way, by: i64) -> Option<i64> {
        let (low, high) = self.goal(variable, way, by);
        let raw = self.raw[variable];
        if raw.0 <= low && raw.1 >= high {
            return None;
        }
        let prints = self.prints.of.get(&variable)?.iter().map(|&print| &self.prints.all[print]);
        let cost = prints.filter_map(|print| Some(print.wider(low, high)?.0.saturating_mul(100)));
        cost.reduce(i64::saturating_add)
    }

    /// The interval that reaches so much further.
    fn goal(&self, variable: usize, way: Way, by: i64) -> (i64, i64) {
        let (low, high) = self.seen[variable];
        match way {
            Way::Up => (low, high.saturating_add(by)),
            Way::Down => ((low - by).max(0), high),
        }
    }

    /// Widens what keeps a variable from going further a way; whether anything was widened.
    fn open(&mut self, variable: usize, way: Way, by: i64, depth: usize) -> bool {
        if by <= 0 {
            return false;
        }
        let (low, high) = self.goal(variable, way, by);
        let mut changed = false;
        for print in self.prints.of.get(&variable).cloned().unwrap_or_default() {
            let print = &mut self.prints.all[print];
            let own = print.numerators();
            if (own.0 > low || own.1 < high)
                && let Some((_, shown)) = print.wider(low, high)
            {
                print.shown = shown;
                changed = true;
            }
        }
        if depth == 0 {
            return changed;
        }
        for equation in self.search.of[variable].clone() {
            let implied = self.search.implied(equation, variable, way, &self.seen);
            let lacks = if way == Way::Up { high - implied } else { implied - low };
            if lacks <= 0 || !self.touched.insert(equation) {
                continue;
            }
            let partners = self.search.partners(equation, variable, way);
            let mut priced: Vec<(i64, usize, Way)> = partners
                .into_iter()
                .map(|(at, way)| (self.cost(at, way, lacks).unwrap_or(i64::MAX), at, way))
                .collect();
            priced.sort_by_key(|&(cost, at, _)| (cost, at));
            let widened = priced.into_iter().any(|(_, at, way)| self.open(at, way, lacks, depth - 1));
            if widened {
                changed = true;
            } else {
                self.touched.remove(&equation);
            }
        }
        changed
    }

    /// Widens what keeps a target from its requirement.
    fn target(&mut self, variable: usize, asked: Requirement) -> bool {
        let (low, high) = self.seen[variable];
        let (up, down) = ((asked.upper - high).max(0), (low - asked.lower).max(0));
        let rest = (asked.width - (high - low) - up - down).max(0);
        let mut changed = self.open(variable, Way::Up, up, DEPTH) | self.open(variable, Way::Down, down, DEPTH);
        if rest > 0 {
            let below = low - down;
            changed |= self.open(variable, Way::Up, up + rest, DEPTH);
            if !changed && below > 0 {
                changed |= self.open(variable, Way::Down, down + rest.min(below), DEPTH);
            }
        }
        changed
    }
}

/// Widens bands until totals leave enough open about every target. Gives those about which they do not.
pub(super) fn loosen(search: &Search<'_>, prints: &mut Prints) -> Vec<usize> {
    for _ in 0..ROUNDS {
        let raw = search.raw(prints);
        let seen = search.seen(&raw);
        let failing = search.failing(&seen);
        if failing.is_empty() {
            return Vec::new();
        }
        let mut round = Round { search, prints, raw, seen, touched: BTreeSet::new() };
        let mut changed = false;
        for &(variable, asked) in &failing {
            changed |= round.target(variable, asked);
        }
        let found: Vec<usize> = failing.iter().map(|&(variable, _)| variable).collect();
        if !changed && !around(search, prints, &found, true) {
            return found;
        }
    }
    let raw = search.raw(prints);
    search.failing(&search.seen(&raw)).into_iter().map(|(variable, _)| variable).collect()
}

/// Prints bands again as narrow as at the start, those of the largest groups first, where the others can do without.
pub(super) fn tighten(search: &Search<'_>, prints: &mut Prints) {
    let mut wide: Vec<usize> =
        (0..prints.all.len()).filter(|&at| prints.all[at].shown != prints.all[at].least).collect();
    if wide.len().saturating_mul(search.release.len()) > BUDGET {
        return;
    }
    wide.sort_by_key(|&at| (std::cmp::Reverse(prints.all[at].size), at));
    for at in wide {
        let (shown, least) = (prints.all[at].shown, prints.all[at].least);
        prints.all[at].shown = least;
        let raw = search.raw(prints);
        if !search.failing(&search.seen(&raw)).is_empty() {
            prints.all[at].shown = shown;
        }
    }
}

/// Widens the bands beside some variables, or hides them; whether anything changed.
pub(super) fn around(search: &Search<'_>, prints: &mut Prints, found: &[usize], hide: bool) -> bool {
    let mut changed = false;
    for &variable in found {
        let mut near: BTreeSet<usize> = [variable].into();
        for _ in 0..DEPTH {
            let beside = near.iter().flat_map(|&at| &search.of[at]).flat_map(|&equation| {
                let (total, parts) = &search.equations[equation];
                parts.iter().chain([total]).copied()
            });
            near = beside.collect();
            let own: Vec<usize> = near.iter().filter_map(|at| prints.of.get(at)).flatten().copied().collect();
            let mut here = false;
            for at in own {
                let print = &mut prints.all[at];
                here |= match hide {
                    true => print.hide(),
                    false => {
                        let (low, high) = print.numerators();
                        let wider = print.wider((low - 1).max(0), high + 1);
                        wider.is_some_and(|(_, shown)| std::mem::replace(&mut print.shown, shown) != shown)
                    }
                };
            }
            changed |= here;
            if here {
                break;
            }
        }
    }
    changed
}
