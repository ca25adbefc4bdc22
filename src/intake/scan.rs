//! A source's deliveries, read in order: rows that the contract admits go to the sink, all others to quarantine.

use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::Batch;
use super::block::examine_all;
use super::check::{RowChecker, Tally};
use super::delivery::Delivery;
use super::extract::{Intake, Way};
use super::layout::Layout;
use super::quarantine::Quarantine;
use super::references::References;
use super::report::IntakeReport;
use super::rules::Rules;
use super::typed_rows::TypedRows;
use crate::error::{Error, Result};
use crate::parallel::Workers;
use crate::storage::Store;
use crate::workspace::{Contract, Share};

/// How far intake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of all deliveries.
    pub bytes: u64,
    /// Bytes of all deliveries.
    pub total_bytes: u64,
}

/// How the work is spread. What comes out does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Threads that examine rows.
    pub threads: usize,
    /// Bytes that they are given at a time, about.
    pub block: usize,
}

impl Spread {
    /// Over so many threads, in blocks that are large enough to make handing them on cheap, and small enough to be in no
    /// one's way.
    #[must_use]
    pub fn over(threads: usize) -> Self {
        Self { threads: threads.max(1), block: 1 << 20 }
    }
}

/// Reads the deliveries of a source in order, and hands its admitted rows on in that order. All fields of the contract are
/// checked; those named in `wanted` become columns of the typed rows, in that order. `references` holds the keys of sources
/// read before. Rejected rows go to `quarantine`, which is safely written before anything is said about how many there are.
///
/// # Errors
/// A delivery that does not meet its contract as a whole (`intake.*`), among them `intake.too_many_rejects` above the
/// contract's threshold; what the sink or the storage says. Nothing of the source may be used then.
#[expect(clippy::too_many_arguments, reason = "the seam between the run and intake: each is a thing of its own")]
pub async fn scan(
    store: &Store,
    source_name: &str,
    deliveries: &[Delivery],
    contract: &Contract,
    wanted: &[&str],
    references: &mut References,
    quarantine: &mut Quarantine,
    sink: &mut (dyn FnMut(TypedRows) -> Result<()> + Send),
    progress: &(dyn Fn(Progress) + Sync),
    spread: Spread,
) -> Result<IntakeReport> {
    let layouts = Layout::all(contract)?;
    let asked = references.asked(&contract.id);
    let start = || {
        let contract = Arc::new(contract.clone());
        let wanted: Arc<[String]> = wanted.iter().map(|&name| name.to_owned()).collect();
        Workers::start((0..spread.threads.max(1)).map(|_| {
            let (contract, wanted, asked) = (Arc::clone(&contract), Arc::clone(&wanted), asked.clone());
            move |queue| examine_all(&contract, &wanted, &asked, queue)
        }))
    };
    let mut intake = Intake {
        source: source_name,
        contract,
        layouts: &layouts,
        rows: RowChecker::new(contract, &asked)?,
        rules: Rules::new(contract, references)?,
        tally: Tally::new(contract),
        batch: Batch::new(contract, wanted)?,
        spread,
        workers: None,
        start: &start,
        pending: VecDeque::new(),
        stopped: false,
        rejected: Vec::new(),
        resolutions: std::mem::take(&mut quarantine.resolutions),
        captured: None,
        sink,
    };
    let mut report = IntakeReport::default();
    let at = Progress { bytes: 0, total_bytes: deliveries.iter().map(|one| one.size).sum() };
    let mut way = Way { store, quarantine, at, said: 0, progress };
    for (at, delivery) in deliveries.iter().enumerate() {
        if contract.delivery.by_itself() && at > 0 {
            intake.hand_on()?;
            intake.rules.start_over();
        }
        intake.batch.of_delivery(at);
        let book = intake.delivery(&mut way, delivery).await?;
        report.rows_in += book.rows_in;
        report.admitted += book.admitted;
        report.rejected += book.rejected;
        report.resolved += book.resolved;
        report.corrected += book.corrected;
        report.deliveries.push(book);
    }
    intake.hand_on()?;
    report.rejects = intake.tally.rejects();
    report.fields = intake.tally.fields();
    report.consistency = intake.rules.findings();
    balance(&report)?;
    intake.rules.learned(&contract.id, references)?;
    quarantine.finish().await?;
    check_rejects(contract, source_name, &report, quarantine.path())?;
    Ok(report)
}

/// Rows in = admitted + rejected + resolved, in each delivery and over all, or nothing goes on.
fn balance(report: &IntakeReport) -> Result<()> {
    let by_rule: u64 = report.rejects.iter().map(|one| one.rows).sum();
    let each = report.deliveries.iter().all(|one| {
        let parts: u64 = one.parts.iter().map(|part| part.admitted + part.rejected + part.resolved).sum();
        one.rows_in == one.admitted + one.rejected + one.resolved && (one.parts.is_empty() || parts == one.rows_in)
    });
    let all = report.rows_in == report.admitted + report.rejected + report.resolved;
    if each && all && by_rule == report.rejected && report.corrected <= report.admitted {
        return Ok(());
    }
    Err(Error::internal("intake.balance", "read the extracts: rows in are not rows admitted, rejected and resolved"))
}

fn check_rejects(contract: &Contract, source_name: &str, report: &IntakeReport, quarantine: &str) -> Result<()> {
    let limit = contract.thresholds.rejected;
    if report.rejected as f64 <= limit.0 * report.rows_in as f64 {
        return Ok(());
    }
    let share = report.rejected as f64 / report.rows_in as f64 * 100.0;
    let mut rules: Vec<_> = report.rejects.iter().collect();
    rules.sort_by_key(|one| std::cmp::Reverse(one.rows));
    let most = rules.first().map_or_else(String::new, |one| match &one.column {
        Some(column) => format!(", most by rule {} in column {column}", one.rule),
        None => format!(", most by rule {}", one.rule),
    });
    let said =
        format!("admit source `{source_name}`: {share:.1}% of its rows are rejected{most}; the limit is {limit}");
    Err(Error::data("intake.too_many_rejects", said).with_hint(format!(
        "the rejected rows are in {quarantine}; have the partner correct the extract, or agree a new version of contract {}",
        contract.id
    )))
}

/// Compares the number of rows with the last run's.
///
/// # Errors
/// `intake.row_change` where it changed by more than the contract's threshold, up or down.
pub fn check_row_change(contract: &Contract, source_name: &str, rows_now: u64, rows_last: Option<u64>) -> Result<()> {
    let Some(last) = rows_last else { return Ok(()) };
    let limit = contract.thresholds.row_change;
    let change = rows_now.abs_diff(last) as f64;
    if change <= limit.0 * last as f64 {
        return Ok(());
    }
    let direction = if rows_now > last { "more" } else { "fewer" };
    let share = if last == 0 { Share(1.0).0 * 100.0 } else { change / last as f64 * 100.0 };
    let said = format!(
        "admit source `{source_name}`: it has {share:.0}% {direction} rows than at the last run; the limit is {limit}"
    );
    Err(Error::data("intake.row_change", said).with_hint(format!(
        "ask the partner why; if it is right, raise `thresholds.row_change` of contract {} for this delivery",
        contract.id
    )))
}
