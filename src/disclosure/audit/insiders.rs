//! The attacker who knows which cells are primary.

use std::collections::BTreeSet;

use super::bounds::{Bounds, Broken};
use super::examine::{Question, contradiction, examine};
use super::figures::NONE;
use super::reader::Published;
use super::report::{Finding, FindingKind};
use super::system::System;
use crate::disclosure::error::DisclosureError;
use crate::disclosure::policy::{Attacker, Level, Policy, Reason};
use crate::disclosure::primary::Target;
use crate::disclosure::public::Evidence;

/// The targets that somebody who is told which cells are primary can compute: a target lies between 1 and its minimum
/// cell less one, or is 0 where the reason says so; any other hidden count is the minimum cell or more, or 0 where empty
/// cells are hidden. Targets whose reason says that they are empty, or that few people are behind a large count, are not
/// looked at. Where it need not be `thorough`, only what subtraction and bounds give is looked at.
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
                (1, target.minimum - 1)
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
    let exact = Policy { level: Level::Exact, contributor: false, ..policy.clone() };
    let question = Question { policy: &exact, attacker: Attacker::Insider, targets: Some(&told), evidence };
    let outcome = examine(&system, (lower, upper), question, &mut |_, _| {})?;
    Ok(outcome.findings.into_iter().filter(|(figure, _)| named.contains(figure)).map(finding).collect())
}

fn unknown_is_count(system: &System<'_>, unknown: usize) -> bool {
    let place = system.figures.place(system.unknowns[unknown]);
    place.is_some_and(|place| system.figures.locate(place).1.1.is_none())
}
