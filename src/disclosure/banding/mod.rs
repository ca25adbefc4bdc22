//! Rates in bands that depend on the size of the group: no count is printed where a band is.
//!
//! | file | concept |
//! |---|---|
//! | `prints` | which bands are printed together for each rate, and what that says of its numerator |
//! | `loosen` | wider bands, where totals and other bands would say too much |
//! | `seen` | what a reader has, and the audit of it |

mod loosen;
mod prints;
mod seen;

#[cfg(test)]
mod tests;

use super::error::DisclosureError;
use super::policy::{Level, Phase, Policy, Progress, Reason, Status};
use super::primary;
use super::primary_rules::Bands;
use super::protect::protect_until;
use super::protection::counts_only;
use super::system;
use super::table::{CellName, MeasureKind, Table};
use loosen::{Search, around, loosen, tighten};
use prints::Prints;
use seen::{Asking, audit_numerators, audit_sizes};

/// How rates are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banding {
    /// The bands by size of the group.
    pub bands: Bands,
    /// Print the sizes of the groups beside their bands, those that must be hidden left out.
    pub sizes: bool,
}

/// A rate of two measures of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Index of the measure above the line.
    pub numerator: usize,
    /// Index of the measure below it: a count of all.
    pub denominator: usize,
}

/// What is printed of a rate.
#[derive(Clone, PartialEq, Eq)]
pub struct PrintedBand {
    /// The word.
    pub text: String,
    /// The least and the greatest whole percentage that is printed so.
    pub percentages: (u8, u8),
}

impl std::fmt::Debug for PrintedBand {
    /// Shows what is printed only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Tables whose rates are bands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banded {
    /// By table, measure and cell. Numerators and parts are never printed.
    pub statuses: Vec<Vec<Vec<Status>>>,
    /// By table, rate and cell; `None` where nothing is printed.
    pub bands: Vec<Vec<Vec<Option<PrintedBand>>>>,
    /// What came of it.
    pub report: BandingReport,
}

/// What was printed, in numbers of rates. For stewards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct BandingReport {
    /// Rates of groups that are not empty.
    pub rates: usize,
    /// Of them, those that are hidden since their group is.
    pub hidden: usize,
    /// Of the others, those of which nothing is printed, since every band would say too much.
    pub whole: usize,
    /// Those whose band joins several of the profile's since one of them holds small numbers.
    pub joined: usize,
    /// Those that were widened since totals and other bands would have said too much.
    pub widened: usize,
    /// Numerators, complements and sizes that the audits examined.
    pub examined: usize,
}

impl BandingReport {
    /// Both together.
    pub fn and(self, other: BandingReport) -> BandingReport {
        BandingReport {
            rates: self.rates + other.rates,
            hidden: self.hidden + other.hidden,
            whole: self.whole + other.whole,
            joined: self.joined + other.joined,
            widened: self.widened + other.widened,
            examined: self.examined + other.examined,
        }
    }
}

/// Prints rates as bands.
///
/// # Guarantees
/// No numerator, part or complement is printed, and no rate of a group whose size is below the minimum cell, or is hidden
/// to protect such a one. For each numerator and complement that is small, or is nobody or everybody of a group (where the
/// policy protects those), whole tables that agree with all bands and totals move it over the range that the level asks,
/// within its group: against a reader who knows the bands and this rule, the size of *every* group, printed or not, and all
/// totals. With [`Policy::contributor`] one more value stays, for who is counted in it. Which bands of the profile are
/// joined at the start depends on sizes alone. Sizes that are printed keep what [`protect`](super::protect) guarantees,
/// bands taken into account. Sizes that are not printed: no size below the minimum cell can be computed from the bands; at
/// a level with an interval as many values stay open as that asks, as far as the smallest class has them.
///
/// # Does not protect against
/// Earlier releases and other tables. That a group is smaller than the smallest class says its mark, where no size is
/// printed. Numerators that are not small: bands may give them. Which bands were widened for the sake of others is known to
/// who repeats the search on each candidate. That somebody of one group knows of themselves when they look at another.
///
/// # Reference
/// Rules S7 to S9: NCES 2011-603 (SLDS Technical Brief 3); the public files of EDFacts.
///
/// # Errors
/// A policy or tables that bands can't be printed of; cells for which no bands were found.
pub fn band(
    tables: &[Table],
    rates: &[Vec<Rate>],
    banding: &Banding,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Banded, DisclosureError> {
    check(tables, rates, policy)?;
    let sizes = sizes(tables, banding, policy, stop, progress)?;
    let release = system::build(tables)?;
    let primary = primary::apply(tables, &release, policy);
    let mut prints = Prints::new(tables, rates, &release, &sizes, banding, policy);
    let search = Search::new(tables, &release, &primary, policy);
    progress(Progress { phase: Phase::Search, done: 0, total: 2 });
    let mut unmet = loosen(&search, &mut prints);
    if unmet.is_empty() {
        progress(Progress { phase: Phase::Release, done: 1, total: 2 });
        tighten(&search, &mut prints);
    }
    let asking = Asking { tables, rates, release: &release, primary: &primary, policy };
    for _ in 0..ROUNDS {
        if !unmet.is_empty() {
            break;
        }
        let (numerators, examined) = audit_numerators(asking, &prints, &banding.bands, progress)?;
        let (groups, more) = audit_sizes(asking, &prints, &sizes, banding, progress)?;
        if numerators.is_empty() && groups.is_empty() {
            let mut report = prints.report(tables, rates);
            report.examined = examined + more;
            let bands = prints.bands(&banding.bands);
            return Ok(Banded { statuses: sizes, bands, report });
        }
        let found: Vec<usize> = numerators.iter().chain(&groups).copied().collect();
        if !around(&search, &mut prints, &found, !groups.is_empty()) {
            unmet = found;
            break;
        }
        unmet = loosen(&search, &mut prints);
    }
    unmet.sort_unstable();
    let cells: Vec<CellName> = unmet.iter().map(|&at| release.variable(at).place().name(tables)).collect();
    Err(DisclosureError::Unprotectable { cells })
}

/// How often bands are widened after an audit.
const ROUNDS: usize = 40;

fn check(tables: &[Table], rates: &[Vec<Rate>], policy: &Policy) -> Result<(), DisclosureError> {
    let policy_fault = |what: &str| Err(DisclosureError::InvalidPolicy { what: what.to_owned() });
    if matches!(policy.level, Level::Percent(_)) {
        return policy_fault("bands leave whole numbers open, not percentages of them: use another level");
    }
    if policy.insider {
        return policy_fault("what insiders compute from bands is not looked at");
    }
    counts_only(tables)?;
    for (table, rates) in tables.iter().zip(rates) {
        let fault = |what: String| Err(DisclosureError::InvalidTable { table: table.name.clone(), what });
        if table.minimums.is_some() || table.contributors.is_some() {
            return fault("bands have one minimum, of the people counted".to_owned());
        }
        for rate in rates {
            let of = |measure: usize| &table.measures[measure];
            let fits =
                rate.numerator < table.measures.len() && table.enclosing(rate.numerator).contains(&rate.denominator);
            if !fits || of(rate.denominator).kind != MeasureKind::Count {
                return fault("a rate in bands is of a part of a group and the whole group".to_owned());
            }
        }
    }
    Ok(())
}

/// Which sizes are printed: all measures' statuses, those of numerators hidden.
fn sizes(
    tables: &[Table],
    banding: &Banding,
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Vec<Vec<Status>>>, DisclosureError> {
    let own = |value: i64| match value {
        0 => Status::Primary(Reason::Zero),
        value if policy.is_small(value) => Status::Primary(Reason::MinimumCell),
        _ => Status::Complementary,
    };
    let all = |table: &Table| table.values.iter().map(|values| values.iter().map(|&v| own(v)).collect()).collect();
    let mut statuses: Vec<Vec<Vec<Status>>> = tables.iter().map(all).collect();
    if !banding.sizes {
        return Ok(statuses);
    }
    let groups = |table: &Table| -> Vec<usize> {
        (0..table.measures.len()).filter(|&at| table.measures[at].kind == MeasureKind::Count).collect()
    };
    let reduced = |table: &Table| Table {
        measures: groups(table).iter().map(|&at| table.measures[at].clone()).collect(),
        values: groups(table).iter().map(|&at| table.values[at].clone()).collect(),
        ..table.clone()
    };
    let own: Vec<Table> = tables.iter().map(reduced).collect();
    let protected = protect_until(&own, policy, stop, progress)?;
    for ((table, own), statuses) in tables.iter().zip(protected.statuses).zip(&mut statuses) {
        for (measure, own) in groups(table).into_iter().zip(own) {
            statuses[measure] = own;
        }
    }
    Ok(statuses)
}
