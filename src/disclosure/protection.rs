//! Which protection a table is under, and that no people are under two.

use super::cell_key::CellKey;
use super::error::DisclosureError;
use super::policy::Policy;
use super::public::Within;
use super::rounding::Rounding;
use super::table::{MeasureKind, Table};

/// How the tables of a universe are protected. The policy says in each case which figures are small and how far they must
/// stay open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Cells are hidden: [`protect`](super::protect).
    Suppression(Policy),
    /// Figures are rounded: [`round`](super::round).
    Rounding(Policy, Rounding),
    /// Figures have noise: [`perturb`](super::perturb).
    CellKey(Policy, CellKey),
}

impl Protection {
    /// Its name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Protection::Suppression(_) => "suppression",
            Protection::Rounding(..) => "rounding",
            Protection::CellKey(..) => "cell keys",
        }
    }
}

/// Checks that tables which count the same people, or people of whom some are the same, are under one protection with
/// one set of parameters.
///
/// A figure that is hidden in one table and rounded in another is not hidden; one rounded to two bases, or rounded and
/// perturbed, lies where both intervals overlap. No guarantee of any of the protections covers that.
///
/// # Errors
/// [`DisclosureError::Mixed`] with the first two such tables.
pub fn check_unmixed(tables: &[(&Table, &Protection)], within: &[Within]) -> Result<(), DisclosureError> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    let links = within.iter().map(|link| vec![link.part.as_str(), link.whole.as_str()]);
    for mut group in tables.iter().map(|(table, _)| vec![table.universe.as_str()]).chain(links) {
        let (joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|other| other.iter().any(|name| group.contains(name)));
        group.extend(joined.into_iter().flatten());
        groups = apart;
        groups.push(group);
    }
    for group in &groups {
        let mut members = tables.iter().filter(|(table, _)| group.contains(&table.universe.as_str()));
        if let Some((first, protection)) = members.next()
            && let Some((second, other)) = members.find(|(_, other)| other != protection)
        {
            return Err(DisclosureError::Mixed {
                first: first.name.clone(),
                second: second.name.clone(),
                protections: [protection.name(), other.name()],
            });
        }
    }
    Ok(())
}

/// Whether an interval of a count is what the policy's level asks for.
pub(super) fn is_open(policy: &Policy, value: i64, (low, high): (i64, i64)) -> bool {
    let unit = policy.unit();
    policy.requirement(value.saturating_mul(unit), 0).is_met(low.saturating_mul(unit), high.saturating_mul(unit))
}

/// Checks that there is no magnitude: rounding and cell keys are defined and proven for counts.
pub(super) fn counts_only(tables: &[Table]) -> Result<(), DisclosureError> {
    let magnitude = |table: &&Table| table.measures.iter().any(|measure| measure.kind == MeasureKind::Magnitude);
    let what = "a magnitude can be suppressed, and neither rounded nor perturbed".to_owned();
    match tables.iter().find(magnitude) {
        Some(table) => Err(DisclosureError::InvalidTable { table: table.name.clone(), what }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disclosure::rounding::Aim;
    use crate::disclosure::samples::{dimension, table};

    fn named(name: &str, universe: &str) -> Table {
        let counts = &[("n", MeasureKind::Count)];
        Table { universe: universe.to_owned(), ..table(name, vec![dimension("a", "T x<T y<T")], counts, &[&[1, 2]]) }
    }

    #[test]
    fn nothing_mixes_two_protections_over_the_same_people() {
        let rounding = |base| Protection::Rounding(Policy::default(), Rounding { base, aim: Aim::Nearest, within: 1 });
        let hidden = Protection::Suppression(Policy::default());
        let rule = CellKey { maximum: 11, variance_percent: 600, threshold: 0 };
        let keyed = Protection::CellKey(Policy::default(), rule);
        let (a, b, c) = (named("a", "2025"), named("b", "2025"), named("c", "2026"));
        for (one, other) in
            [(&hidden, &keyed), (&rounding(12), &hidden), (&rounding(12), &rounding(15)), (&keyed, &hidden)]
        {
            let error = check_unmixed(&[(&a, one), (&b, other)], &[]).expect_err("mixed");
            assert!(matches!(error, DisclosureError::Mixed { .. }), "{error}");
            assert!(error.hint().contains("one protection"));
            assert_eq!(check_unmixed(&[(&a, one), (&b, one), (&c, other)], &[]), Ok(()));
            let within = [Within { part: "2025".to_owned(), whole: "2026".to_owned() }];
            assert!(check_unmixed(&[(&a, one), (&b, one), (&c, other)], &within).is_err());
        }
    }
}
