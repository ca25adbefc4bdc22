//! Attackers who know something that no table shows.

use std::collections::BTreeSet;

use super::assign::assign;
use super::bounds::{Bounds, Broken};
use super::chain::Chain;
use super::examine::{EFFORT, Question, contradiction, examine, hint, proposals};
use super::figures::NONE;
use super::open::Open;
use super::reader::Published;
use super::report::{Finding, FindingKind, View};
use super::room::Room;
use super::system::System;
use super::witness::{Wants, is_unmet, pushed, search};
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Attacker, Level, Policy, Reason, Requirement};
use crate::disclosure::primary::Target;
use crate::disclosure::public::Evidence;

/// Pairs of figures that are compared at most; beyond, nothing is said.
const PAIRS: usize = 400_000_000;

/// Counts the targets that somebody who is told which cells are primary can compute: a target lies between 1 and the
/// minimum cell less one, or is 0 where the reason says so; any other hidden count is the minimum cell or more, or 0 where
/// empty cells are hidden. Targets whose reason says that they are empty, or that few people are behind a large count, are
/// not counted.
///
/// # Errors
/// As [`audit`](super::audit()).
pub fn insider(published: Published<'_>, policy: &Policy, targets: &[Target]) -> Result<View, DisclosureError> {
    let findings = computed_by_insiders(published, policy, targets, None, true)?;
    let computed = findings.iter().filter(|finding| finding.kind.is_exact()).count();
    Ok(View { attacker: Attacker::Insider, fallen: findings.len(), computed })
}

/// The same figures by name. Where it need not be `thorough`, only what subtraction and bounds give is looked at.
///
/// # Errors
/// As [`audit`](super::audit()).
pub(in crate::disclosure) fn computed_by_insiders(
    published: Published<'_>,
    policy: &Policy,
    targets: &[Target],
    evidence: Option<Evidence<'_>>,
    thorough: bool,
) -> Result<Vec<Finding>, DisclosureError> {
    let system = System::new(published.tables, published.others, published.links, policy)?;
    let (mut lower, mut upper) = system.bounds(1);
    for (unknown, lower) in lower.iter_mut().enumerate() {
        // Complements and the like are 0 or not small, which is no interval: nothing is assumed of them.
        *lower = if *lower > 0 && unknown_is_count(&system, unknown) { policy.minimum() } else { *lower };
    }
    let mut told = Vec::new();
    for target in targets {
        let figure = system.figures.find(target.table, (target.measure, target.of), target.cell);
        let Some(unknown) = figure.map(|figure| system.index[figure as usize]).filter(|&u| u != NONE) else { continue };
        let unknown = unknown as usize;
        (lower[unknown], upper[unknown]) = match target.reason {
            Reason::MinimumCell | Reason::Numerator | Reason::Complement => {
                told.push(*target);
                (1, policy.minimum() - 1)
            }
            Reason::Homogeneous | Reason::Zero => (0, 0),
            Reason::Contributors => (1, upper[unknown]),
            Reason::Organisations | Reason::Dominance | Reason::Percent | Reason::PriorPosterior => continue,
        };
    }
    let named: BTreeSet<u32> = (told.iter())
        .filter_map(|target| system.figures.find(target.table, (target.measure, target.of), target.cell))
        .collect();
    let finding = |(figure, kind)| Finding { cell: system.figures.name(figure), kind, attacker: Attacker::Insider };
    if !thorough {
        let columns = system.equations.columns(system.unknowns.len());
        let mut bounds = Bounds::new((lower, upper));
        let settled = bounds.settle(&system.equations, &columns);
        settled.map_err(|Broken(equation)| contradiction(&system, equation))?;
        let is_fixed = |&figure: &u32| bounds.is_fixed(system.index[figure as usize] as usize);
        return Ok(named
            .into_iter()
            .filter(is_fixed)
            .map(|figure| finding((figure, FindingKind::SingleValue)))
            .collect());
    }
    let exact = Policy { level: Level::Exact, ..policy.clone() };
    let question = Question { policy: &exact, attacker: Attacker::Insider, targets: Some(&told), evidence };
    let outcome = examine(&system, (lower, upper), question, &mut |_, _| {})?;
    Ok(outcome.findings.into_iter().filter(|(figure, _)| named.contains(figure)).map(finding).collect())
}

fn unknown_is_count(system: &System<'_>, unknown: usize) -> bool {
    let place = system.figures.place(system.unknowns[unknown]);
    place.is_some_and(|place| system.figures.locate(place).1.1.is_none())
}

/// Counts the targets (without them, the hidden figures) that somebody who knows that a hidden cell is not empty, such as
/// their own, can bound more narrowly than the policy allows: for each such cell the level must be met by whole tables in
/// which it is at least 1. Which cells are not empty is taken from the evidence's tables, or from a table that fits where
/// there are none. Figures that fall to the reader are not counted again.
///
/// `None`: there are too many pairs to compare.
///
/// # Errors
/// As [`audit`](super::audit()).
pub fn contributor(
    published: Published<'_>,
    policy: &Policy,
    targets: Option<&[Target]>,
    evidence: Option<Evidence<'_>>,
) -> Result<Option<View>, DisclosureError> {
    let see = |open: &Open, room: &Room<'_>, wants: &Wants, figures: &[u32], known: &[u32]| {
        let narrow = fallen(open, room, wants, figures, known);
        let mut figures: Vec<u32> = narrow.iter().map(|&(figure, _)| figure).collect();
        figures.dedup();
        // Of these, the figures of which no second value is left.
        let computed = fallen(open, room, &second_values(wants), &figures, known);
        let computed: BTreeSet<u32> = computed.into_iter().map(|(figure, _)| figure).collect();
        View { attacker: Attacker::Contributor, fallen: figures.len(), computed: computed.len() }
    };
    with_tables(published, policy, targets, evidence, |_, open, room, wants, figures, known| {
        see(open, room, wants, figures, known)
    })
}

/// A figure that somebody can compute, and the cell that they know not to be empty: table, measure and cell.
pub(in crate::disclosure) type Computed = (Finding, (usize, usize, usize));

/// What somebody who knows that a hidden cell is not empty can compute: figures with a single value left, each with every
/// cell that they may know of, as table, measure and cell. As [`contributor`] otherwise.
///
/// # Errors
/// As [`audit`](super::audit()).
pub(in crate::disclosure) fn computed_by_contributors(
    published: Published<'_>,
    policy: &Policy,
    targets: Option<&[Target]>,
    evidence: Option<Evidence<'_>>,
) -> Result<Option<Vec<Computed>>, DisclosureError> {
    with_tables(published, policy, targets, evidence, |system, open, room, wants, figures, known| {
        let unknown = |variable: u32| open.first[variable as usize];
        let place = |variable: u32| {
            let place = system.figures.place(system.unknowns[unknown(variable) as usize])?;
            let (table, (measure, _), cell) = system.figures.locate(place);
            Some((table, measure, cell))
        };
        let finding = |figure: u32| Finding {
            cell: system.name(unknown(figure) as usize),
            kind: FindingKind::SingleValue,
            attacker: Attacker::Contributor,
        };
        let computed = fallen(open, room, &second_values(wants), figures, known);
        computed.into_iter().filter_map(|(figure, known)| Some((finding(figure), place(known)?))).collect()
    })
}

/// A second value is all that is asked.
fn second_values(wants: &Wants) -> Wants {
    let second = Requirement { upper: i64::MIN, lower: i64::MAX, width: 1 };
    wants.iter().map(|want| want.map(|_| second)).collect()
}

/// Finds whole tables that show the wanted figures to be open, and gives them to `see` with these figures and with the
/// cells that somebody may know not to be empty. `None`: too many pairs.
fn with_tables<T>(
    published: Published<'_>,
    policy: &Policy,
    targets: Option<&[Target]>,
    evidence: Option<Evidence<'_>>,
    see: impl FnOnce(&System<'_>, &Open, &Room<'_>, &Wants, &[u32], &[u32]) -> T,
) -> Result<Option<T>, DisclosureError> {
    let system = System::new(published.tables, published.others, published.links, policy)?;
    let columns = system.equations.columns(system.unknowns.len());
    let mut bounds = Bounds::new(system.bounds(1));
    let settled = bounds.settle(&system.equations, &columns);
    settled.map_err(|Broken(equation)| contradiction(&system, equation))?;
    let open = Open::new(&system, &bounds);
    let wanted = wanted(&system, &open, targets);
    let hint = evidence.map(|evidence| hint(&system, &open, evidence));
    let (base, estimate, _) = assign(&open, hint.as_deref());
    let mut room = Room::new(&open, base);
    if let Some(evidence) = evidence {
        for change in proposals(&system, &open, evidence) {
            room.learn(0, change);
        }
    }
    let asked = |v: usize| wanted[v].then(|| policy.requirement(room.base()[v], open.lower[v]));
    let wants: Wants = (0..open.len()).map(asked).collect();
    search(&mut room, &wants, &estimate, EFFORT, &mut |_, _| {});
    let figures: Vec<u32> =
        (0..open.len() as u32).filter(|&v| wanted[v as usize] && !is_unmet(&room, &wants, v)).collect();
    let known: Vec<u32> = (0..open.len() as u32)
        .filter(|&v| open.lower[v as usize] == 0 && room.base()[v as usize] > 0 && is_printed(&system, &open, v))
        .collect();
    if figures.len().saturating_mul(known.len()) > PAIRS {
        return Ok(None);
    }
    Ok(Some(see(&system, &open, &room, &wants, &figures, &known)))
}

fn wanted(system: &System<'_>, open: &Open, targets: Option<&[Target]>) -> Vec<bool> {
    let Some(targets) = targets else { return vec![true; open.len()] };
    let mut wanted = vec![false; open.len()];
    for target in targets {
        let figure = system.figures.find(target.table, (target.measure, target.of), target.cell);
        let unknown = figure.map_or(NONE, |figure| system.index[figure as usize]);
        if unknown != NONE && open.variable[unknown as usize] != NONE {
            wanted[open.variable[unknown as usize] as usize] = true;
        }
    }
    wanted
}

fn is_printed(system: &System<'_>, open: &Open, variable: u32) -> bool {
    unknown_is_count(system, open.first[variable as usize] as usize)
}

/// The figures that some knowledge makes too narrow, each with each such knowledge.
fn fallen(open: &Open, room: &Room<'_>, wants: &Wants, figures: &[u32], known: &[u32]) -> Vec<(u32, u32)> {
    let assignments = assignments(room);
    let words = assignments.len().div_ceil(64);
    // By variable: the assignments in which it is at least 1.
    let mask = |variable: u32| {
        let mut mask = vec![0u64; words];
        for (number, values) in assignments.iter().enumerate() {
            mask[number / 64] |= u64::from(value(room, values, variable) > 0) << (number % 64);
        }
        mask
    };
    let mut groups: std::collections::BTreeMap<Vec<u64>, Vec<u32>> = std::collections::BTreeMap::new();
    for &variable in known {
        groups.entry(mask(variable)).or_default().push(variable);
    }
    let mut restricted = open.clone();
    let mut chain = Chain::new(open);
    let mut fallen = Vec::new();
    for &figure in figures {
        let Some(need) = wants[figure as usize] else { continue };
        let values: Vec<i64> = assignments.iter().map(|one| value(room, one, figure)).collect();
        let met = |mask: &[u64]| {
            let allowed = values.iter().enumerate().filter(|(at, _)| mask[at / 64] >> (at % 64) & 1 == 1);
            let (mut low, mut high) = (i64::MAX, i64::MIN);
            allowed.for_each(|(_, &value)| (low, high) = (low.min(value), high.max(value)));
            low <= high && need.is_met(low, high)
        };
        let open_to = |variable: u32, restricted: &mut Open, chain: &mut Chain| {
            let before = std::mem::replace(&mut restricted.lower[variable as usize], 1);
            let reached = reaches(restricted, room, chain, figure, variable, &need);
            restricted.lower[variable as usize] = before;
            reached
        };
        let unmet = groups.iter().filter(|(mask, _)| !met(mask)).flat_map(|(_, members)| members);
        let narrow = unmet.filter(|&&variable| !open_to(variable, &mut restricted, &mut chain));
        fallen.extend(narrow.map(|&variable| (figure, variable)).collect::<Vec<_>>());
    }
    fallen
}

/// Whether chains reach what is needed from tables in which a variable is at least 1.
fn reaches(open: &Open, room: &Room<'_>, chain: &mut Chain, figure: u32, known: u32, need: &Requirement) -> bool {
    let allowed = room.tables.iter().filter(|values| values[known as usize] > 0);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for values in allowed.clone() {
        let value = values[figure as usize];
        (low, high) = (low.min(value), high.max(value));
    }
    for values in allowed {
        let value = values[figure as usize];
        let goals = [need.upper.max(low.saturating_add(need.width)), high.saturating_sub(need.width), need.lower];
        for goal in goals {
            if goal < open.lower[figure as usize] || goal > open.upper[figure as usize] || goal == value {
                continue;
            }
            let (_, change) = pushed(open, chain, values, figure, goal);
            let mut tally = super::room::Tally::new(open);
            if tally.fits(open, values, &change) {
                let by = change.iter().find(|&&(moved, _)| moved == figure).map_or(0, |&(_, by)| by);
                (low, high) = (low.min(value + by), high.max(value + by));
            }
            if need.is_met(low, high) {
                return true;
            }
        }
    }
    false
}

/// A whole table, with a change or without.
type Assignment<'r> = (u32, &'r [(u32, i64)]);

fn assignments<'r>(room: &'r Room<'_>) -> Vec<Assignment<'r>> {
    let tables = (0..room.tables.len() as u32).map(|table| (table, &[][..]));
    tables.chain(room.moves.iter().map(|(table, change)| (*table, &change[..]))).collect()
}

fn value(room: &Room<'_>, &(table, change): &Assignment<'_>, variable: u32) -> i64 {
    let by = change.binary_search_by_key(&variable, |&(moved, _)| moved).map_or(0, |at| change[at].1);
    room.tables[table as usize][variable as usize] + by
}
