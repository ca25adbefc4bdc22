//! A certificate of one large table: changes of a table that fits, each of a few innermost cells.
//!
//! Nothing is solved for the table as a whole. Each hidden cell is moved by people who come from elsewhere; that they are
//! few, and together, is due to the table that all changes start from.

use super::far::far;
use super::leaves::fit;
use super::seen::Seen;
use super::{Certificate, Rules};
use crate::disclosure::audit::parts::{Bounds, System};
use crate::disclosure::innermost::{Ground, gather, raise};
use crate::disclosure::policy::Policy;
use crate::disclosure::public::PublicTable;

/// Makes a certificate; `None` where no table that fits was found.
pub(super) fn certificate(
    (system, bounds): (&System<'_>, &Bounds),
    table: &PublicTable,
    (policy, about): (&Policy, &str),
    step: &mut dyn FnMut(usize, usize),
) -> Option<Certificate> {
    let unknown = |cell: usize| system.index[cell] as usize;
    let ground = Ground::new(table, &|cell| bounds.lower[unknown(cell)] < bounds.upper[unknown(cell)]);
    let least = |cell: usize| bounds.lower[unknown(cell)];
    let fitted = fit(&ground, table, &least)?;
    let mut values: Vec<i64> = ground.leaves.iter().map(|&cell| fitted[cell as usize] - least(cell as usize)).collect();
    drop(fitted);
    let enough = enough(system, &ground, policy);
    gather(&ground, &mut values, enough);
    let base = ground.whole(table, &values, &least);
    let mut hidden = system.unknowns.iter().map(|&figure| (figure, base[figure as usize]));
    if hidden.any(|(figure, value)| value < i64::from(system.figures.least[figure as usize])) {
        return None;
    }
    let mut seen = Seen::new((system, bounds), (table, &base), policy);
    let mut changes = raise(&ground, values.clone(), enough, &mut seen, step);
    far(&ground, &values, &mut seen, &mut changes, step);
    let number = |(leaf, by): (u32, i64)| (system.index[ground.leaves[leaf as usize] as usize], by);
    Some(Certificate {
        about: about.to_owned(),
        policy: Rules::of(policy),
        base: system.unknowns.iter().map(|&figure| base[figure as usize]).collect(),
        tables: Vec::new(),
        moves: Vec::new(),
        cells: changes.into_iter().map(|change| (0, change.into_iter().map(number).collect())).collect(),
        steps: seen.steps(&ground),
    })
}

/// By how much most innermost cells have to rise from their least value.
fn enough(system: &System<'_>, ground: &Ground, policy: &Policy) -> i64 {
    let least = |&cell: &u32| i64::from(system.figures.least[cell as usize]);
    let least = ground.leaves.iter().map(least).min().unwrap_or(0);
    let mut minimums: Vec<i64> = ground.leaves.iter().map(|&cell| system.figures.minimum(cell, policy)).collect();
    let middle = minimums.len() / 2;
    let usual = if minimums.is_empty() { policy.minimum() } else { *minimums.select_nth_unstable(middle).1 };
    let need = policy.requirement_at(usual, least, least);
    (need.upper - least).max(need.width).max(1)
}
