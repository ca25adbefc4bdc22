//! A source's deliveries, read in order: rows that the contract admits go to the sink, all others to quarantine.

use bytes::Bytes;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use super::batch::Batch;
use super::check::{Checker, text_of};
use super::delivery::Delivery;
use super::quarantine::{Entry, Quarantine};
use super::reader::{Columns, Reader, Record};
use super::report::{DeliveryBook, IntakeReport};
use super::typed_rows::TypedRows;
use crate::error::{Context, Error, Result};
use crate::storage::Store;
use crate::workspace::{Contract, Format, Share};

/// How many bytes are read between two signs of progress.
const STRIDE: u64 = 1 << 20;

/// How far intake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of all deliveries.
    pub bytes: u64,
    /// Bytes of all deliveries.
    pub total_bytes: u64,
}

/// Reads the deliveries of a source in order. All fields of the contract are checked; those named in `wanted` become
/// columns of the typed rows, in that order. Rejected rows go to `quarantine`, which is safely written before anything is
/// said about how many there are.
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
    quarantine: &mut Quarantine,
    sink: &mut (dyn FnMut(TypedRows) -> Result<()> + Send),
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<IntakeReport> {
    let mut intake = Intake {
        source: source_name,
        contract,
        checker: Checker::new(contract)?,
        batch: Batch::new(contract, wanted)?,
        rejected: Vec::new(),
        sink,
    };
    let mut report = IntakeReport::default();
    let mut at = Progress { bytes: 0, total_bytes: deliveries.iter().map(|one| one.size).sum() };
    for delivery in deliveries {
        let book = intake.delivery(store, delivery, quarantine, &mut at, progress).await?;
        report.rows_in += book.rows_in;
        report.admitted += book.admitted;
        report.rejected += book.rejected;
        report.deliveries.push(book);
    }
    intake.hand_on()?;
    report.rejects = intake.checker.rejects();
    report.fields = intake.checker.fields();
    report.consistency = intake.checker.findings();
    balance(&report)?;
    quarantine.finish().await?;
    check_rejects(contract, source_name, &report, quarantine.path())?;
    Ok(report)
}

/// A source being read.
struct Intake<'a> {
    source: &'a str,
    contract: &'a Contract,
    checker: Checker<'a>,
    batch: Batch,
    /// Lines for the quarantine that are not encrypted yet.
    rejected: Vec<u8>,
    sink: &'a mut (dyn FnMut(TypedRows) -> Result<()> + Send),
}

/// A delivery being read.
struct Open {
    reader: Reader,
    columns: Option<Columns>,
    book: DeliveryBook,
}

impl Intake<'_> {
    async fn delivery(
        &mut self,
        store: &Store,
        delivery: &Delivery,
        quarantine: &mut Quarantine,
        at: &mut Progress,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<DeliveryBook> {
        let path = &delivery.path;
        let book = DeliveryBook {
            path: path.clone(),
            digest: delivery.digest.clone(),
            duplicates: delivery.duplicates.clone(),
            ..DeliveryBook::default()
        };
        let mut open = Open { reader: Reader::new(self.contract, path)?, columns: None, book };
        let mut hash = Sha256::new();
        let mut said = at.bytes;
        let mut stream = store.stream(path).await.context(|| format!("read extract {path}"))?;
        while let Some(piece) = stream.next().await {
            let piece: Bytes = piece.context(|| format!("read extract {path}"))?;
            hash.update(&piece);
            open.book.bytes += piece.len() as u64;
            at.bytes += piece.len() as u64;
            self.piece(&mut open, &piece)?;
            quarantine.add(&mut self.rejected).await?;
            if at.bytes - said >= STRIDE {
                said = at.bytes;
                progress(*at);
            }
        }
        self.end(&mut open)?;
        quarantine.add(&mut self.rejected).await?;
        progress(*at);
        if hex::encode(hash.finalize()) != delivery.digest {
            return Err(Error::data(
                "intake.changed",
                format!("read extract {path}: it was changed while it was read"),
            )
            .with_hint("run again when the partner's delivery is complete"));
        }
        Ok(open.book)
    }

    fn piece(&mut self, open: &mut Open, bytes: &[u8]) -> Result<()> {
        let Open { reader, columns, book } = open;
        reader.push(bytes, &mut |record| self.record(record, columns, book))
    }

    fn end(&mut self, open: &mut Open) -> Result<()> {
        let Open { reader, columns, book } = open;
        reader.finish(&mut |record| self.record(record, columns, book))?;
        if book.rows_in == 0 {
            let said = if columns.is_some() { "it has a header and no row" } else { "it is empty" };
            return Err(Error::data("intake.empty_extract", format!("read extract {}: {said}", book.path))
                .with_hint("ask the partner whether the export ran; remove the file if there is nothing to deliver"));
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, columns: &mut Option<Columns>, book: &mut DeliveryBook) -> Result<()> {
        let columns = match columns {
            Some(columns) => columns,
            None => {
                let found = columns.insert(Columns::find(self.contract, record, &book.path)?);
                if matches!(self.contract.format, Format::Delimited { header: true, .. }) {
                    return Ok(());
                }
                found
            }
        };
        book.rows_in += 1;
        match self.checker.check(record, columns) {
            Ok(()) => {
                book.admitted += 1;
                let scratch = &self.checker.scratch;
                let full = self.batch.push(&self.checker.cells, |cell| text_of(cell, record.text, scratch))?;
                if full { self.hand_on() } else { Ok(()) }
            }
            Err(reject) => {
                book.rejected += 1;
                let entry = Entry {
                    source: self.source,
                    delivery: &book.path,
                    line: record.line,
                    column: reject.column,
                    rule: reject.misfit.rule,
                    reason: &reject.misfit.reason,
                    record: record.raw,
                };
                entry.write(&mut self.rejected)
            }
        }
    }

    fn hand_on(&mut self) -> Result<()> {
        match self.batch.take()? {
            Some(rows) => (self.sink)(rows),
            None => Ok(()),
        }
    }
}

/// Rows in = admitted + rejected, in each delivery and over all, or nothing goes on.
fn balance(report: &IntakeReport) -> Result<()> {
    let by_rule: u64 = report.rejects.iter().map(|one| one.rows).sum();
    let each = report.deliveries.iter().all(|one| one.rows_in == one.admitted + one.rejected);
    if each && report.rows_in == report.admitted + report.rejected && by_rule == report.rejected {
        return Ok(());
    }
    Err(Error::internal("intake.balance", "read the extracts: rows in are not rows admitted and rejected"))
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
