//! A certificate from the public figures alone.

use std::collections::BTreeSet;

use super::exchanges::certificate;
use super::reach::Reach;
use super::verify::{name, numbered};
use super::{Certificate, EquationName, Rules};
use crate::disclosure::audit::Published;
use crate::disclosure::audit::parts::{
    Bounds, Broken, EFFORT, Estimate, NONE, Open, Room, Shown, System, Wants, assign, contradiction, mix, one_by_one,
    whole_tables,
};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Phase, Policy, Progress};
use crate::disclosure::public::PublicTable;
use crate::disclosure::table::MeasureKind;

/// A large table has more hidden cells than this.
const LARGE: usize = 60_000;
/// A whole table is kept if it shows this many figures to be open, in parts of the figures that it changes.
const WORTH: usize = 40;

/// Pairs of whole tables that lean one way and the other.
const PAIRS: usize = 2;
/// How often each figure that is left is looked at, and the steps that may take.
const ROUNDS: u64 = 4;
const STEPS: usize = 2000;

/// Makes a certificate of public tables. `about` is a digest of them.
///
/// It knows nothing that is not in the tables: not which hidden figures are small, and not what they are. What it could
/// not show is left out; [`verify`](super::verify()) counts it.
///
/// # Errors
/// Tables that are malformed or contradict each other; tables for which no whole-number assignment was found.
pub fn certify(
    published: Published<'_>,
    policy: &Policy,
    about: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Certificate, DisclosureError> {
    let mut step = |done, total| progress(Progress { phase: Phase::Proof, done, total });
    let system = System::new(published.tables, published.others, published.links, policy)?;
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(system.bounds(1));
    let settled = bounds.settle(&system.equations, &columns);
    settled.map_err(|Broken(equation)| contradiction(&system, equation))?;
    drop(columns);
    if let Some(table) = large(published, &system)
        && let Some(made) = certificate((&system, &bounds), table, (policy, about), &mut step)
    {
        return Ok(made);
    }
    let open = Open::new(&system, &bounds);
    let (base, estimate, _) = assign(&open, None);
    let mut room = Room::new(&open, base);
    if let Some(lost) = room.anchored.iter().position(|&anchored| !anchored) {
        let unknown = open.first[open.components[lost][0] as usize];
        return Err(DisclosureError::Unassigned { cell: Box::new(system.name(unknown as usize)) });
    }
    let wants = wants((&system, &open), &room, policy);
    look(&mut room, &wants, estimate, &mut step);
    let maker = Maker { system: &system, bounds: &bounds, open: &open, room: &room, wants: &wants };
    Ok(maker.certificate(policy, about))
}

/// What each variable's range has to reach: all that the figures ask for that it stands for.
fn wants((system, open): (&System<'_>, &Open), room: &Room<'_>, policy: &Policy) -> Wants {
    let mut minimums = vec![0; open.len()];
    for (unknown, &variable) in open.variable.iter().enumerate().filter(|&(_, &variable)| variable != NONE) {
        let minimum = &mut minimums[variable as usize];
        *minimum = system.figures.minimum(system.unknowns[unknown], policy).max(*minimum);
    }
    let want = |(v, minimum): (usize, i64)| Some(policy.requirement_at(minimum, room.base()[v], open.lower[v]));
    minimums.into_iter().enumerate().map(want).collect()
}

/// Looks for tables and moves that show figures to be open: a few whole tables, then what takes each figure that is left to
/// its goal, then for the last few all that an audit tries.
fn look(room: &mut Room<'_>, wants: &Wants, estimate: Option<Estimate>, step: &mut dyn FnMut(usize, usize)) {
    let mut known = estimate;
    let mut left = whole_tables(room, wants, &mut known, PAIRS, step);
    let open = room.open;
    // What cannot be empty comes first.
    left.sort_by_key(|&v| (open.lower[v as usize] <= 0, mix(u64::from(v), 0), v));
    let mut reach = (!left.is_empty()).then(|| Reach::new(open));
    for salt in 0..ROUNDS {
        let (Some(reach), before) = (&mut reach, left.len()) else { return };
        left = reach.moves(room, wants, left, (salt, STEPS), step);
        if left.is_empty() {
            return;
        }
        if left.len() == before {
            break;
        }
    }
    one_by_one(room, wants, left, EFFORT / 20);
}

/// As [`certify`] does for a large table, whatever the size.
#[cfg(test)]
pub(in crate::disclosure) fn large_certificate(
    published: Published<'_>,
    policy: &Policy,
) -> Result<Option<Certificate>, DisclosureError> {
    let system = System::new(published.tables, published.others, published.links, policy)?;
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(system.bounds(1));
    bounds.settle(&system.equations, &columns).map_err(|Broken(equation)| contradiction(&system, equation))?;
    let table = &published.tables[0];
    Ok(certificate((&system, &bounds), table, (policy, ""), &mut |_, _| {}))
}

/// The only table, where it is a large one of one count.
fn large<'p>(published: Published<'p>, system: &System<'_>) -> Option<&'p PublicTable> {
    let [table] = published.tables else { return None };
    let plain = table.measures.len() == 1 && table.measures[0].kind == MeasureKind::Count && table.rates.is_empty();
    (plain && published.others.is_empty() && published.links.is_empty() && system.unknowns.len() > LARGE)
        .then_some(table)
}

struct Maker<'m, 'a> {
    system: &'m System<'a>,
    bounds: &'m Bounds,
    open: &'m Open,
    room: &'m Room<'m>,
    wants: &'m Wants,
}

impl Maker<'_, '_> {
    fn certificate(&self, policy: &Policy, about: &str) -> Certificate {
        let numbered = numbered(self.system);
        let members = self.members(&numbered);
        let value = |&unknown: &u32| match self.open.variable[unknown as usize] {
            NONE => self.bounds.lower[unknown as usize],
            variable => self.room.base()[variable as usize],
        };
        let (tables, moves) = self.chosen();
        let spread = |change: &mut dyn Iterator<Item = (u32, i64)>| {
            let mut all: Vec<(u32, i64)> =
                change.flat_map(|(v, by)| members[v as usize].iter().map(move |&number| (number, by))).collect();
            all.sort_unstable();
            all
        };
        let table = |&table: &u32| {
            let values = self.room.tables[table as usize].iter().zip(self.room.base());
            let differences = values.enumerate().map(|(v, (value, base))| (v as u32, value - base));
            spread(&mut differences.filter(|&(_, by)| by != 0))
        };
        let number = |table: u32| tables.binary_search(&table).map_or(0, |at| at as u32 + 1);
        Certificate {
            about: about.to_owned(),
            policy: Rules::of(policy),
            base: numbered.iter().map(value).collect(),
            tables: tables.iter().map(table).collect(),
            moves: (moves.iter().map(|&at| &self.room.moves[at as usize]))
                .map(|(table, change)| (number(*table), spread(&mut change.iter().copied())))
                .collect(),
            cells: Vec::new(),
            steps: self.steps(policy),
        }
    }

    /// The numbers of the hidden figures that a variable stands for.
    fn members(&self, numbered: &[u32]) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.open.len()];
        for (number, &unknown) in numbered.iter().enumerate() {
            let variable = self.open.variable[unknown as usize];
            if variable != NONE {
                members[variable as usize].push(number as u32);
            }
        }
        members
    }

    /// Tables and moves that between them show all that has been shown: the most telling tables first, then for each
    /// variable what it still lacks.
    fn chosen(&self) -> (Vec<u32>, Vec<u32>) {
        let mut ranges: Vec<(i64, i64)> = self.room.base().iter().map(|&value| (value, value)).collect();
        let is_met =
            |variable: usize, (low, high): (i64, i64)| self.wants[variable].is_none_or(|need| need.is_met(low, high));
        let (mut tables, mut moves) = (BTreeSet::new(), BTreeSet::new());
        let mut left: BTreeSet<u32> = (1..self.room.tables.len() as u32).collect();
        while !left.is_empty() {
            let gain = |&table: &u32| {
                let values = self.room.tables[table as usize].iter().enumerate();
                let news = values.filter(|&(variable, &value)| {
                    let (low, high) = ranges[variable];
                    !is_met(variable, (low, high)) && is_met(variable, (low.min(value), high.max(value)))
                });
                news.count()
            };
            let Some((gain, std::cmp::Reverse(best))) =
                left.iter().map(|table| (gain(table), std::cmp::Reverse(*table))).max()
            else {
                break;
            };
            if gain * WORTH < self.open.len() {
                break;
            }
            left.remove(&best);
            self.add(Shown::Table(best), &mut tables, &mut moves, &mut ranges);
        }
        for variable in 0..self.open.len() {
            if is_met(variable, ranges[variable]) || !is_met(variable, self.room.seen[variable]) {
                continue;
            }
            let (low, high) = self.room.shown_by[variable];
            self.add(high, &mut tables, &mut moves, &mut ranges);
            if !is_met(variable, ranges[variable]) {
                self.add(low, &mut tables, &mut moves, &mut ranges);
            }
        }
        (tables.into_iter().collect(), moves.into_iter().collect())
    }

    fn add(&self, shown: Shown, tables: &mut BTreeSet<u32>, moves: &mut BTreeSet<u32>, ranges: &mut [(i64, i64)]) {
        let mut widen = |variable: usize, value: i64| {
            let range = &mut ranges[variable];
            *range = (range.0.min(value), range.1.max(value));
        };
        let table = self.room.table_of(shown);
        if table > 0 && tables.insert(table) {
            for (variable, &value) in self.room.tables[table as usize].iter().enumerate() {
                widen(variable, value);
            }
        }
        if let Shown::Move(number) = shown {
            moves.insert(number);
            for &(variable, by) in &self.room.moves[number as usize].1 {
                widen(variable as usize, self.room.tables[table as usize][variable as usize] + by);
            }
        }
    }

    /// The equations that bound what could not be shown to be open.
    fn steps(&self, policy: &Policy) -> Vec<Vec<(EquationName, i64)>> {
        let mut wanted = vec![[false; 2]; self.system.unknowns.len()];
        for (unknown, wanted) in wanted.iter_mut().enumerate() {
            let variable = self.open.variable[unknown];
            let seen = if variable == NONE { (0, 0) } else { self.room.seen[variable as usize] };
            let met = variable != NONE && self.wants[variable as usize].is_some_and(|need| need.is_met(seen.0, seen.1));
            // A group that is nobody's gives nobody away, so that it matters whether a figure is at most 0 as well.
            let minimum = self.system.figures.minimum(self.system.unknowns[unknown], policy);
            *wanted = [!met && self.bounds.lower[unknown] >= minimum, !met && self.bounds.upper[unknown] == 0];
        }
        let log = self.bounds.needed(&self.system.equations, &mut wanted);
        let mut equations: Vec<u32> = log.iter().map(|step| step.equation).collect();
        equations.dedup();
        let single = equations.into_iter().map(|equation| vec![(name(self.system, equation as usize), 1)]);
        let combined = self.room.proofs.iter().map(|proof| {
            let terms = proof.multipliers.iter();
            terms.map(|&(row, m)| (name(self.system, self.open.source[row as usize] as usize), m)).collect()
        });
        single.chain(combined).collect()
    }
}
