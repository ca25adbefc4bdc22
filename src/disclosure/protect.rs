//! From tables to a protected and audited release.

use super::audit::{AuditReport, Finding, Published, View, audit, computed_by_contributors, computed_by_insiders};
use super::condense::{System, condense};
use super::error::DisclosureError;
use super::exchange::Exchange;
use super::history::{self, Beside};
use super::policy::{Attacker, Level, Policy, Progress, Reason, Status, Summary};
use super::primary::{self, Primary, Target};
use super::public::{Change, Evidence, PublicTable, public_view};
use super::search::{Pattern, search};
use super::system::{self, Release};
use super::table::{MeasureKind, Table};

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
/// A rate may be published exactly where its numerator and denominator both are; then it adds nothing.
///
/// # Does not protect against
/// What [`audit`] does not: releases and tables that are not given here, contributors who know their own value, a
/// reader who is told which hidden cells are primary.
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
    check_counts(tables)?;
    let release = system::build(tables)?;
    let mut primary = primary::apply(tables, &release, policy);
    let (known, all_ours) = history::known(tables, &release, beside);
    primary.known = known;
    let mut round = 0;
    loop {
        let system = condense(tables, &release, &primary, policy);
        let exchange = Exchange::new(tables, &release, &system);
        let pattern = search(&system, &exchange, policy, stop, progress);
        let hidden = hidden(&release, &primary, &system, &pattern);
        if !pattern.unmet.is_empty() || !system.hopeless.is_empty() {
            return Err(unprotectable(tables, &release, &primary, &system, &pattern));
        }
        let statuses = statuses(&release, &primary, &hidden);
        let public = public_view(tables, &statuses);
        let changes = changes(&release, &system, &pattern);
        let seen = Seen { beside, all_ours, public: &public, targets: &primary.targets(&release) };
        let evidence = Evidence { tables, changes: &changes };
        let (report, not_empty) = seen.audit(policy, evidence, progress)?;
        if report.passed {
            let summary = summarise(tables, &statuses, &system, &pattern);
            return Ok(Protected { statuses, audit: report, summary });
        }
        if not_empty.is_empty() || round == ROUNDS {
            return Err(DisclosureError::AuditFailed(Box::new(report)));
        }
        // What somebody may know not to be empty is not taken for empty any more; in the last round, nothing that is not.
        for (table, measure, cell) in not_empty {
            let lower = &mut primary.lower[release.printed[table][measure][cell]];
            *lower = (*lower).max(1);
        }
        if round + 1 == ROUNDS {
            for (lower, figure) in primary.lower.iter_mut().zip(&release.variables).filter(|(_, f)| f.is_printed()) {
                *lower = (*lower).max(figure.value.min(1));
            }
        }
        round += 1;
    }
}

/// How often a pattern is made anew for contributors.
const ROUNDS: usize = 2;

/// A release as its attackers see it.
struct Seen<'s> {
    beside: &'s Beside,
    /// Nothing is hidden elsewhere but figures of the release.
    all_ours: bool,
    public: &'s [PublicTable],
    targets: &'s [Target],
}

/// A cell, as table, measure and cell.
type At = (usize, usize, usize);

impl Seen<'_> {
    /// All attackers' views, and the cells with whose help contributors compute something.
    fn audit(
        &self,
        policy: &Policy,
        evidence: Evidence<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(AuditReport, Vec<At>), DisclosureError> {
        let published = Published { tables: self.public, others: &self.beside.others, links: &self.beside.links };
        let mut report = audit(published, policy, Some(self.targets), Some(evidence), progress)?;
        if !self.all_ours {
            unmasked(self.public, policy, self.beside, &mut report, progress)?;
        }
        let mut not_empty = Vec::new();
        // Contributors and insiders know of whole people.
        if report.passed && policy.unit() == 1 {
            if policy.contributor {
                let computed = computed_by_contributors(published, policy, Some(self.targets), Some(evidence))?;
                let (mut found, known): (Vec<Finding>, Vec<At>) = computed.unwrap_or_default().into_iter().unzip();
                found.dedup();
                report.attackers.push(View {
                    attacker: Attacker::Contributor,
                    fallen: found.len(),
                    computed: found.len(),
                });
                report.findings.extend(found);
                not_empty = known;
            }
            let told = computed_by_insiders(published, policy, self.targets, Some(evidence), policy.insider)?;
            let computed = told.iter().filter(|finding| finding.kind.is_exact()).count();
            report.attackers.push(View { attacker: Attacker::Insider, fallen: told.len(), computed });
            if policy.insider {
                report.findings.extend(told);
            }
            report.passed = report.findings.is_empty();
        }
        Ok((report, not_empty))
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

/// What the search does not protect to the full is refused: magnitudes, whose intervals depend on contributions, and
/// minimums that differ by cell.
fn check_counts(tables: &[Table]) -> Result<(), DisclosureError> {
    for table in tables {
        let magnitude = table.measures.iter().any(|measure| measure.kind == MeasureKind::Magnitude);
        if magnitude || table.minimums.is_some() {
            let what = "magnitudes and minimums by cell can be judged, but not suppressed yet".to_owned();
            return Err(DisclosureError::InvalidTable { table: table.name.clone(), what });
        }
    }
    Ok(())
}

fn check(policy: &Policy) -> Result<(), DisclosureError> {
    let fault = |what: &str| Err(DisclosureError::InvalidPolicy { what: what.to_owned() });
    if !(2..=1_000_000).contains(&policy.minimum_cell) {
        return fault("the minimum cell is below 2 or above a million");
    }
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
    let found = audit(before, policy, None, None, progress)?;
    let new = found.findings.into_iter().filter(|finding| finding.attacker == Attacker::Archivist);
    report.findings.extend(new.filter(|finding| !report.findings.contains(finding)).collect::<Vec<_>>());
    report.passed = report.findings.is_empty();
    Ok(())
}

/// Whether each printed variable is hidden.
fn hidden(release: &Release, primary: &Primary, system: &System, pattern: &Pattern) -> Vec<bool> {
    let variables = 0..release.variables.len();
    variables
        .map(|variable| match system.unknown_of[variable] {
            Some(unknown) => pattern.hidden[unknown],
            None => primary.hidden[variable].is_some(),
        })
        .collect()
}

/// The search's witnesses as changes of printed cells.
fn changes(release: &Release, system: &System, pattern: &Pattern) -> Vec<Vec<Change>> {
    let mut printed = vec![Vec::new(); system.unknowns.len()];
    for (variable, unknown) in release.variables.iter().zip(&system.unknown_of) {
        if let (true, Some(unknown)) = (variable.is_printed(), unknown) {
            printed[*unknown].push(variable.places[0]);
        }
    }
    let change = |&(unknown, by): &(usize, i64)| {
        let places = printed[unknown].iter();
        places.map(move |place| Change { table: place.table, measure: place.measure, cell: place.cell, by })
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
    let unmet = (0..release.variables.len()).filter(|&variable| {
        let unmet = system.unknown_of[variable].is_some_and(|unknown| pattern.unmet.contains(&unknown));
        system.hopeless.contains(&variable) || (unmet && primary.protected[variable].is_some())
    });
    DisclosureError::Unprotectable { cells: unmet.map(|v| release.variables[v].places[0].name(tables)).collect() }
}

fn statuses(release: &Release, primary: &Primary, hidden: &[bool]) -> Vec<Vec<Vec<Status>>> {
    let status = |&variable: &usize| primary.status(variable, hidden[variable]);
    let measures =
        |measures: &Vec<Vec<usize>>| measures.iter().map(|cells| cells.iter().map(status).collect()).collect();
    release.printed.iter().map(measures).collect()
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
