//! Controlled rounding: every figure becomes a multiple of a base, and every total stays the sum of its parts.
//!
//! | file | concept |
//! |---|---|
//! | `problem` | the tables as whole numbers of bases |
//! | `unit` | one more person: what grows together |
//! | `walk` | a rounding of a release of any size |
//! | `exact` | the nearest rounding of a small one |
//! | `beside` | what earlier roundings of the same figures say besides |

mod beside;
mod exact;
mod problem;
mod unit;
mod walk;

#[cfg(test)]
mod tests;

use super::error::DisclosureError;
use super::history;
use super::policy::{Phase, Policy, Progress};
use super::protection::{counts_only, is_open};
use super::public::PublicTable;
use super::system::{self, Release};
use super::table::{CellName, Table};
use exact::Outcome;
use problem::Problem;
use walk::Walk;

/// What a rounded figure is to be near to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The true figure: the least total distance. Who knows the procedure can rule out true tables that it would have
    /// rounded otherwise.
    Nearest,
    /// The multiple above with the probability of the remainder over the base, else the one below, drawn figure by
    /// figure; then as few changes of these draws as additivity needs. Every true table to which the published one is a
    /// neighbour could have led to it, also for a reader who knows the procedure and not the seed.
    Random {
        /// A secret; the same for the same tables, or repeated releases average the rounding out.
        seed: u64,
    },
}

impl std::fmt::Debug for Aim {
    /// Shows the kind only: the seed is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Aim::Nearest => "Nearest",
            Aim::Random { .. } => "Random",
        })
    }
}

/// The rules of a rounded release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rounding {
    /// Every figure becomes a multiple of this, at least 2.
    pub base: u64,
    /// What a rounded figure is to be near to.
    pub aim: Aim,
    /// Where the neighbouring multiples cannot be additive: less than this many bases from the true figure. 1 allows
    /// neighbouring multiples only.
    pub within: u64,
}

/// A figure that is not at a neighbouring multiple of its true value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relaxed {
    /// Where it stands, in the first table that shows it.
    pub cell: CellName,
    /// It is less than this many bases from the true figure.
    pub within: u64,
}

/// How far a rounding got. For stewards: the distance is a function of the true figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundingReport {
    /// Distinct figures, complements included.
    pub figures: usize,
    /// The sum over them of the distance between the rounded and the true figure.
    pub distance: i64,
    /// The same if each were at its nearest multiple: no rounding has less.
    pub bound: i64,
    /// A solver found no nearer rounding; never true for a random aim.
    pub optimal: bool,
    /// A solver found that neighbouring multiples cannot be additive.
    pub impossible: bool,
    /// Figures beyond their neighbouring multiples.
    pub relaxed: Vec<Relaxed>,
}

/// Rounded tables: the same shape, fit to be printed whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// The tables, rounded; without contributors.
    pub tables: Vec<Table>,
    /// How far the rounding got.
    pub report: RoundingReport,
}

/// The whole numbers that a reader must grant the true figure behind a rounded one.
///
/// From below: 0 or the true figure itself where that is less than the rounded one (no more is promised for linked
/// tables and several measures); to the rounded figure plus the base less one.
pub fn promised(rounded: i64, value: i64, base: i64) -> (i64, i64) {
    (rounded.min(value), rounded.saturating_add(base - 1))
}

impl Rounding {
    /// Checks that what a rounded figure leaves open is what the policy asks for small figures.
    ///
    /// Each small figure is looked at with each multiple to which it can be rounded and the interval of [`promised`].
    /// [`Level::Full`](super::Level::Full) needs a base above the minimum cell: a figure rounded to 0 lies below the
    /// base. [`Level::Percent`](super::Level::Percent) cannot be had: a figure just below the base that is rounded to
    /// 0 has nothing above it.
    ///
    /// # Errors
    /// [`DisclosureError::InvalidPolicy`] with the least base that will do.
    pub fn check(&self, policy: &Policy) -> Result<(), DisclosureError> {
        let fault = |what: String| Err(DisclosureError::InvalidPolicy { what });
        if !(2..=1_000_000).contains(&self.base) || !(1..=1000).contains(&self.within) {
            return fault(
                "the base is below 2 or above a million, or the rounding is within less than 1 base".to_owned(),
            );
        }
        if meets(self.base(), policy) {
            return Ok(());
        }
        let least = (2..=policy.minimum().min(1_000_000) + 2).find(|&base| meets(base, policy));
        fault(match least {
            Some(least) => {
                format!("rounding to base {} leaves small counts too narrow; use at least {least}", self.base)
            }
            None => "no base leaves small counts as open as the level asks; use another level".to_owned(),
        })
    }

    fn base(&self) -> i64 {
        i64::try_from(self.base).unwrap_or(i64::MAX)
    }
}

/// Whether every small figure is open enough at each multiple to which it can be rounded.
fn meets(base: i64, policy: &Policy) -> bool {
    (1..policy.minimum()).all(|value| {
        let below = value - value % base;
        let neighbours = if below == value { vec![below] } else { vec![below, below + base] };
        neighbours.into_iter().all(|rounded| is_open(policy, value, promised(rounded, value, base)))
    })
}

/// Rounds tables.
///
/// # Guarantees
/// - Every figure of every table, and every complement that a reader computes from them, is a multiple of the base; the
///   same figure is the same in every table; every total is the sum of its parts; an empty cell stays empty.
/// - Every figure is a neighbouring multiple of the true one (at a distance below the base; a multiple stays), save
///   those in [`RoundingReport::relaxed`], which are less than [`Rounding::within`] bases from it. All of this is checked
///   on the result in whole numbers.
/// - A reader who knows the rounded tables, the structure and this rule has to grant each figure its true value, and
///   every value from the rounded one `r` to `r + base - 1`: if `k` people like one in the cell came to the tables as
///   published, with `k` below the base, the published tables would be a rounding of those. In a single table with its
///   innermost cells and one measure, or a numerator and its denominator, also every value from `r - base + 1` where `r`
///   is not 0: `2 * base - 1` values.
/// - With [`Aim::Random`] that holds also against a reader who knows this procedure and not the seed.
///
/// # Does not protect against
/// A figure that is rounded to 0 is known to be less than the base, and one rounded to the base not to be empty. With
/// [`Aim::Nearest`] a reader who runs the procedure on each candidate can rule some out, and the nearer ones are
/// likelier. Other releases of the same people, unless rounded together with these; who knows some of the people in a
/// cell subtracts them. Rates must be computed from the rounded figures.
///
/// # Reference
/// L. H. Cox, "A constructive procedure for unbiased controlled rounding", JASA 82 (1987); J. J. Salazar-González,
/// "Controlled rounding and cell perturbation", Mathematical Programming 105 (2006), which shows that the strict problem
/// may have no solution and is hard to decide from three dimensions on.
///
/// # Errors
/// A policy that the base does not meet; tables that [`protect`](super::protect) would refuse as malformed; a rounding
/// that was not found, with the figures in the way.
pub fn round(
    tables: &[Table],
    rounding: &Rounding,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Rounded, DisclosureError> {
    round_beside(tables, rounding, policy, &[], progress)
}

/// As [`round`], for readers who have earlier roundings to the same base besides.
///
/// # Guarantees
/// Those of [`round`] where each earlier figure that a reader may take for the one at hand (it is less than the base from
/// the true one) is printed alike: who came to one release came to the other. Where some are printed otherwise, both
/// multiples are known; then no small figure falls below the policy's level by use of one total and its parts at a
/// time, repeatedly, or the tables are refused. Of people who came or left in between a reader knows the difference to
/// within two bases.
///
/// # Errors
/// As [`round`]; figures of which the releases together say too much.
pub fn round_beside(
    tables: &[Table],
    rounding: &Rounding,
    policy: &Policy,
    earlier: &[PublicTable],
    progress: &mut dyn FnMut(Progress),
) -> Result<Rounded, DisclosureError> {
    rounding.check(policy)?;
    counts_only(tables)?;
    let release = system::build(tables)?;
    let problem = Problem::new(&release, rounding, &history::names(tables, &release));
    let found = find(&problem, rounding, progress);
    let rounded = printed(tables, &release, &found.units, problem.base);
    progress(Progress { phase: Phase::Audit, done: 0, total: 1 });
    let report = check(&rounded, &release, &problem, rounding, &found)?;
    beside::check(tables, &release, &rounded, rounding, policy, earlier)?;
    progress(Progress { phase: Phase::Audit, done: 1, total: 1 });
    Ok(Rounded { tables: rounded, report })
}

/// Rounds of mending.
const ROUNDS: usize = 5;

/// A rounding in units, and what is known of it.
struct Found {
    units: Vec<i64>,
    optimal: bool,
    impossible: bool,
}

fn find(problem: &Problem, rounding: &Rounding, progress: &mut dyn FnMut(Progress)) -> Found {
    let aims: Vec<i64> = problem.aims.iter().map(|aim| aim / problem.base).collect();
    if problem.aims.iter().all(|aim| aim % problem.base == 0) && problem.is_strict(&aims) {
        return Found { units: aims, optimal: false, impossible: false };
    }
    let impossible = match exact::solve(problem) {
        Outcome::Found { units, optimal } => {
            return Found { units, optimal: optimal && rounding.aim == Aim::Nearest, impossible: false };
        }
        Outcome::Impossible => true,
        Outcome::Unknown => false,
    };
    let seed = match rounding.aim {
        Aim::Nearest => 0,
        Aim::Random { seed } => seed,
    };
    let mut walk = Walk::new(problem, seed);
    walk.run(if impossible { 1 } else { ROUNDS }, progress);
    // A solver that calls impossible what stands here is not believed.
    let impossible = impossible && walk.violations() > 0;
    Found { units: walk.units, optimal: false, impossible }
}

fn printed(tables: &[Table], release: &Release, units: &[i64], base: i64) -> Vec<Table> {
    let cells =
        |at, measure| release.printed(at, measure).iter().map(|&figure| units[figure as usize] * base).collect();
    let round = |(at, table): (usize, &Table)| Table {
        values: (0..table.measures.len()).map(|measure| cells(at, measure)).collect(),
        contributors: None,
        contributions: Vec::new(),
        ..table.clone()
    };
    tables.iter().enumerate().map(round).collect()
}

/// Believes nothing: builds the system anew from the rounded tables, and compares figure by figure.
fn check(
    tables: &[Table],
    release: &Release,
    problem: &Problem,
    rounding: &Rounding,
    found: &Found,
) -> Result<RoundingReport, DisclosureError> {
    let rounded = system::build(tables)?;
    let base = problem.base;
    let mut report = RoundingReport {
        figures: problem.values.len(),
        distance: 0,
        bound: problem.values.iter().map(|value| (value % base).min(base - value % base)).sum(),
        optimal: found.optimal,
        impossible: found.impossible,
        relaxed: Vec::new(),
    };
    let mut unrounded = Vec::new();
    for (before, after) in release.variables().zip(rounded.variables()) {
        let distance = (after.value - before.value).abs();
        report.distance += distance;
        let cell = before.place().name(tables);
        let within = (distance / base + 1).unsigned_abs();
        let multiple = after.value % base == 0 && (before.value > 0 || after.value == 0);
        if !multiple || within > rounding.within {
            unrounded.push(cell);
        } else if within > 1 {
            report.relaxed.push(Relaxed { cell, within });
        }
    }
    if unrounded.is_empty() { Ok(report) } else { Err(DisclosureError::Unroundable { cells: unrounded }) }
}
