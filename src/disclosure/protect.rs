//! From tables to a protected and audited release.

use std::collections::BTreeSet;

use super::audit::{
    Asked, At, AuditReport, Computed, Knowledge, Published, View, audit, audit_closely, computed_by_insiders,
};
use super::condense::{System, condense};
use super::error::DisclosureError;
use super::exchange::Exchange;
use super::history::{self, Beside};
use super::large;
use super::policy::{Attacker, Level, Policy, Progress, Reason, Status, Summary};
use super::primary::{self, Primary, Target};
use super::primary_rules::MagnitudeRule;
use super::printed;
use super::public::{Change, Evidence, PublicTable, public_view};
use super::search::{Pattern, search, withstand};
use super::system::{self, Place, Release};
use super::table::Table;

/// Protected tables: what happens to each cell, and the audit that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// By table, measure and cell. For stewards: whether a cell is primary must not be published.
    pub statuses: Vec<Vec<Vec<Status>>>,
    /// The audit, which has passed.
    pub audit: AuditReport,
    /// What was hidden, in numbers.
    pub summary: Summary,
}

/// Hides what the policy asks and what is needed to keep it hidden, and audits the result.
///
/// The result depends on the tables and the policy alone; the order of the tables does not change which cells are
/// hidden.
///
/// # Guarantees
/// For each small count, small numerator, small complement, 0 % or 100 % group (if the policy protects them) and count
/// with too few contributors: what [`audit`] guarantees at the policy's level, against a reader who has every published
/// figure of all the tables given here, knows the structure, the threshold, and that counts are whole and not negative.
/// A rate may be published exactly where its numerator and denominator both are; then it adds nothing. With
/// [`Policy::contributor`] also that nobody computes one of them from being counted in a hidden cell themselves, and with
/// [`Policy::insider`] that nobody does who is told which hidden cells are primary.
///
/// # Does not protect against
/// What [`audit`] does not: releases and tables that are not given here (see [`protect_beside`]).
///
/// # Reference
/// The witnesses are those of the Benders cuts in M. Fischetti and J. J. Salazar, "Solving the cell suppression problem
/// on tabular data with linear constraints", Management Science 47 (2001). Protecting one cell after the other at the
/// least cost follows J. P. Kelly, B. L. Golden and A. A. Assad, "Cell suppression: disclosure protection for sensitive
/// tabular data", Networks 22 (1992).
///
/// # Errors
/// Tables that are malformed, give a cell two values or do not add up; a pattern that could not be found; an audit that
/// does not pass.
pub fn protect(
    tables: &[Table],
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Protected, DisclosureError> {
    protect_until(tables, policy, &|| false, progress)
}

/// As [`protect`], until `stop` says that the time is up: then the best pattern found so far is taken. The search for a
/// first pattern that protects everything is never cut short, and the audit neither.
///
/// # Errors
/// As [`protect`].
pub fn protect_until(
    tables: &[Table],
    policy: &Policy,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Protected, DisclosureError> {
    protect_beside(tables, policy, &Beside::default(), stop, progress)
}

/// As [`protect_until`], for readers who have something else besides: earlier releases, tables that are public
/// elsewhere. What is printed there stays printed here and protects nothing; what would be unmasked there counts as
/// unmasked here.
///
/// # Guarantees
/// Those of [`audit`] for the archivist, for the figures at hand, and that no figure hidden elsewhere falls that did not
/// fall before.
///
/// # Errors
/// As [`protect`]; a primary figure that is printed elsewhere is one that no pattern protects.
pub fn protect_beside(
    tables: &[Table],
    policy: &Policy,
    beside: &Beside,
    stop: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Protected, DisclosureError> {
    check(policy)?;
    let release = system::build(tables)?;
    let mut primary = primary::apply(tables, &release, policy);
    let (known, all_ours) = history::known(tables, &release, beside);
    primary.known = known;
    let targets = primary.targets(&release);
    // A pattern that was found, and what contributors compute of it.
    let mut found: Option<(Pattern, Vec<Computed>, AuditReport)> = None;
    let mut round = 0;
    loop {
        let system = condense(tables, &release, &primary, policy);
        let pattern = match found.take() {
            Some((pattern, computed, report)) => {
                let pattern = withstand(&system, policy, pattern, &pairs(&release, &system, &computed));
                if !pattern.unmet.is_empty() {
                    return Err(DisclosureError::AuditFailed(Box::new(report)));
                }
                pattern
            }
            None if large::is_large(tables, &system) && printed::is_for(policy, beside) => {
                printed::search(tables, &release, (&system, &targets), policy, stop, progress)
            }
            None if large::is_large(tables, &system) => {
                large::search(tables, &release, &system, policy, stop, progress)
            }
            None => search(&system, &Exchange::new(tables, &release, &system), policy, stop, progress),
        };
        if !pattern.unmet.is_empty() || !system.hopeless.is_empty() {
            return Err(unprotectable(tables, &release, &primary, &system, &pattern));
        }
        let statuses = statuses(tables, &release, &primary, &hidden(&release, &primary, &system, &pattern));
        let changes = changes(&release, &system, &pattern);
        let summary = summarise(tables, &statuses, &system, &pattern);
        // The audit needs the memory.
        drop(system);
        let public = public_view(tables, &statuses);
        let seen = Seen { beside, all_ours, public: &public, targets: &targets };
        let evidence = Evidence { tables, changes: &changes };
        let (report, computed) = seen.audit(policy, evidence, progress)?;
        if report.passed {
            return Ok(Protected { statuses, audit: report, summary });
        }
        let others = report.findings.iter().any(|finding| finding.attacker != Attacker::Contributor);
        if others || round == ROUNDS {
            return Err(DisclosureError::AuditFailed(Box::new(report)));
        }
        found = Some((pattern, computed, report));
        round += 1;
    }
}

/// What contributors compute and what they know, as unknowns.
fn pairs(release: &Release, system: &System, computed: &[Computed]) -> Vec<(usize, usize, Knowledge)> {
    let unknown =
        |&(table, (measure, of), cell): &At| system.unknown_of(release.at(Place { table, measure, of, cell })?);
    let pair = |one: &Computed| Some((unknown(&one.at)?, unknown(&one.known)?, one.knowledge));
    let mut pairs: Vec<(usize, usize, Knowledge)> = computed.iter().filter_map(pair).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// How often more is hidden for contributors: what is hidden for some is known to others.
const ROUNDS: usize = 12;

/// A release as its attackers see it.
struct Seen<'s> {
    beside: &'s Beside,
    /// Nothing is hidden elsewhere but figures of the release.
    all_ours: bool,
    public: &'s [PublicTable],
    targets: &'s [Target],
}

impl Seen<'_> {
    /// All attackers' views, and what contributors compute with the help of which cells.
    fn audit(
        &self,
        policy: &Policy,
        evidence: Evidence<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(AuditReport, Vec<Computed>), DisclosureError> {
        let published = Published { tables: self.public, others: &self.beside.others, links: &self.beside.links };
        let asked = Asked { published, told: &[], policy, targets: Some(self.targets), evidence: Some(evidence) };
        let (mut report, computed) = audit_closely(asked, progress)?;
        if !self.all_ours {
            unmasked(self.public, policy, self.beside, &mut report, progress)?;
        }
        // Insiders know of whole people.
        if report.passed && policy.unit() == 1 {
            let told = computed_by_insiders(published, policy, self.targets, Some(evidence), policy.insider)?;
            let exactly = told.iter().filter(|finding| finding.kind.is_exact()).count();
            report.attackers.push(View { attacker: Attacker::Insider, fallen: told.len(), computed: exactly });
            if policy.insider {
                report.findings.extend(told);
            }
            report.passed = report.findings.is_empty();
        }
        Ok((report, computed))
    }
}

/// The figures that must be protected, for an [`audit`] of tables that were protected elsewhere.
///
/// # Errors
/// As [`protect`], for the tables.
pub fn targets(tables: &[Table], policy: &Policy) -> Result<Vec<Target>, DisclosureError> {
    check(policy)?;
    let release = system::build(tables)?;
    Ok(primary::apply(tables, &release, policy).targets(&release))
}

fn check(policy: &Policy) -> Result<(), DisclosureError> {
    let fault = |what: &str| Err(DisclosureError::InvalidPolicy { what: what.to_owned() });
    if !(2..=1_000_000).contains(&policy.minimum_cell) {
        return fault("the minimum cell is below 2 or above a million");
    }
    policy.magnitudes.iter().chain(&policy.behind_counts).try_for_each(MagnitudeRule::check)?;
    match policy.level {
        Level::Interval(width) if !(1..=1_000_000).contains(&width) => {
            fault("the interval is below 1 or above a million")
        }
        Level::Percent(percent) if !(1..=1000).contains(&percent) => fault("the percentage is below 1 or above 1000"),
        _ => Ok(()),
    }
}

/// Adds what falls elsewhere once these tables are public, and did not before.
fn unmasked(
    public: &[PublicTable],
    policy: &Policy,
    beside: &Beside,
    report: &mut AuditReport,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DisclosureError> {
    let before = Published { tables: &beside.others, others: public, links: &beside.links };
    let policy = Policy { contributor: false, ..policy.clone() };
    let found = audit(before, &policy, None, None, progress)?;
    let new = found.findings.into_iter().filter(|finding| finding.attacker == Attacker::Archivist);
    report.findings.extend(new.filter(|finding| !report.findings.contains(finding)).collect::<Vec<_>>());
    report.passed = report.findings.is_empty();
    Ok(())
}

/// Whether each printed variable is hidden.
fn hidden(release: &Release, primary: &Primary, system: &System, pattern: &Pattern) -> Vec<bool> {
    let variables = 0..release.len();
    variables
        .map(|variable| match system.unknown_of(variable) {
            Some(unknown) => pattern.hidden[unknown],
            None => primary.hidden[variable].is_some(),
        })
        .collect()
}

/// The search's witnesses as changes of printed cells.
fn changes(release: &Release, system: &System, pattern: &Pattern) -> Vec<Vec<Change>> {
    // The first places of the printed variables of each unknown, one unknown after the other.
    let printed = || {
        let variables = release.variables().enumerate().filter(|(_, variable)| variable.is_printed());
        variables.filter_map(|(number, variable)| Some((system.unknown_of(number)?, variable.place())))
    };
    let mut starts = vec![0_usize; system.unknowns.len() + 1];
    printed().for_each(|(unknown, _)| starts[unknown + 1] += 1);
    for unknown in 0..system.unknowns.len() {
        starts[unknown + 1] += starts[unknown];
    }
    let mut at = starts.clone();
    let mut places = vec![(0_u32, 0_u32, 0_u32); starts[system.unknowns.len()]];
    for (unknown, place) in printed() {
        places[at[unknown]] = (place.table as u32, place.measure as u32, place.cell as u32);
        at[unknown] += 1;
    }
    let change = |&(unknown, by): &(usize, i64)| {
        let places = places[starts[unknown]..starts[unknown + 1]].iter();
        places.map(move |&(table, measure, cell)| Change {
            table: table as usize,
            measure: measure as usize,
            cell: cell as usize,
            by,
        })
    };
    pattern.witnesses.iter().map(|witness| witness.iter().flat_map(change).collect()).collect()
}

fn unprotectable(
    tables: &[Table],
    release: &Release,
    primary: &Primary,
    system: &System,
    pattern: &Pattern,
) -> DisclosureError {
    let unmet: BTreeSet<usize> = pattern.unmet.iter().copied().collect();
    let mut cells: Vec<usize> = (0..release.len())
        .filter(|&variable| {
            let unmet = system.unknown_of(variable).is_some_and(|unknown| unmet.contains(&unknown));
            unmet && primary.protected[variable].is_some()
        })
        .chain(system.hopeless.iter().copied())
        .collect();
    cells.sort_unstable();
    cells.dedup();
    DisclosureError::Unprotectable {
        cells: cells.into_iter().map(|variable| release.variable(variable).place().name(tables)).collect(),
    }
}

fn statuses(tables: &[Table], release: &Release, primary: &Primary, hidden: &[bool]) -> Vec<Vec<Vec<Status>>> {
    let status = |&variable: &u32| primary.status(variable as usize, hidden[variable as usize]);
    let cells = |table, measure| release.printed(table, measure).iter().map(status).collect();
    let measures = |(at, table): (usize, &Table)| (0..table.measures.len()).map(|measure| cells(at, measure)).collect();
    tables.iter().enumerate().map(measures).collect()
}

fn summarise(tables: &[Table], statuses: &[Vec<Vec<Status>>], system: &System, pattern: &Pattern) -> Summary {
    let mut summary = Summary {
        variables: system.unknowns.len(),
        components: system.components(),
        linear_programs: pattern.programs,
        ..Summary::default()
    };
    for (table, statuses) in tables.iter().zip(statuses) {
        for (value, status) in table.values.iter().flatten().zip(statuses.iter().flatten()) {
            summary.cells += 1;
            match status {
                Status::Published => {}
                Status::Primary(Reason::Zero) => summary.zeros += 1,
                Status::Primary(_) => summary.primary += 1,
                Status::Complementary => {
                    summary.complementary += 1;
                    summary.complementary_value += value;
                }
            }
        }
    }
    summary
}
