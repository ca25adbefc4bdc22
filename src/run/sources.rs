//! Intake and identity of one source: extract in, staged pseudonymized rows out. Typed rows with names in them live in
//! memory only, a batch at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use super::books::SourceBook;
use super::fingerprint::Input;
use super::quarantine::{Decided, quarantine_path};
use super::settle::{Added, settle};
use super::{Job, STAGING};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, LinkEncoding, Pseudonymizer, SourcePeople};
use crate::intake::{self, Delivery, Found, IntakeReport, Quarantine, References, TypedRows};
use crate::report::{Event, Step};
use crate::staging::{ParquetFile, Staged};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, ResolvedSource};

/// Batches that may wait between pseudonymization and the staged file.
pub(super) const WAITING: usize = 4;

/// A source after identity.
pub(super) struct Admitted {
    pub(super) staged: Staged,
    pub(super) people: SourcePeople,
    pub(super) book: SourceBook,
}

/// What is to be read of a source.
pub(super) struct Delivered {
    pub(super) found: Found,
    /// What was decided about rows that were rejected before.
    pub(super) decided: Decided,
}

impl Delivered {
    /// What of it decides what a candidate is.
    pub(super) fn input<'a>(&'a self, source: &'a str) -> Input<'a> {
        Input { source, deliveries: &self.found.deliveries, decided: &self.decided.digests }
    }
}

/// The deliveries of a source, to be read.
pub(super) struct Reading<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) pipeline: &'a ResolvedPipeline,
    pub(super) source: &'a ResolvedSource,
    pub(super) delivered: &'a Delivered,
    pub(super) keys: &'a AgreementKeys,
}

impl Reading<'_> {
    /// What is read, in order.
    pub(super) fn deliveries(&self) -> &[Delivery] {
        &self.delivered.found.deliveries
    }

    /// Reads all deliveries: rejected rows go to quarantine, the others to `sink`, with the columns named in `wanted`.
    pub(super) async fn scan(
        &self,
        wanted: &[&str],
        references: &mut References,
        sink: &mut (dyn FnMut(TypedRows) -> Result<()> + Send),
    ) -> Result<IntakeReport> {
        let Self { job, source, delivered, .. } = self;
        let (name, deliveries) = (&self.pipeline.spec.name, self.deliveries());
        let path = quarantine_path(name, &source.name, deliveries);
        let quarantine = Quarantine::create(job.state, &path, self.keys.quarantine_recipient()).await?;
        let mut quarantine = quarantine.with_resolutions(delivered.decided.resolutions.clone());
        let extracts = job.extracts.of(&source.contract.partner)?;
        let progress = |at: intake::Progress| {
            job.reporter.event(&Event::Progress {
                pipeline: name.clone(),
                step: Step::Intake,
                subject: source.name.clone(),
                done: at.bytes,
                total: Some(at.total_bytes),
                unit: "bytes",
            });
        };
        intake::scan(
            &extracts,
            &source.name,
            deliveries,
            &source.contract,
            wanted,
            references,
            &mut quarantine,
            sink,
            &progress,
        )
        .await
    }
}

/// Reads all deliveries of a source; `last` is its book of the run before.
pub(super) async fn admit(
    reading: &Reading<'_>,
    references: &mut References,
    last: Option<&SourceBook>,
) -> Result<Admitted> {
    let Reading { job, pipeline, source, delivered, keys } = reading;
    let deliveries = reading.deliveries();
    let name = &pipeline.spec.name;
    job.reporter.event(&Event::StepStarted {
        pipeline: name.clone(),
        step: Step::Intake,
        subject: source.name.clone(),
    });
    let wanted: Vec<&str> = source.clause.link.iter().chain(&source.clause.analyse).map(String::as_str).collect();
    let mut pseudonymizer =
        Pseudonymizer::new(&source.contract, &source.clause, keys, &encodings(pipeline, &source.name))?;
    let settled = if source.contract.delivery.is_settled() { Some(settle(reading, references).await?) } else { None };
    let mut added = Added::new(&source.contract, deliveries, &pseudonymizer.schema(), settled);
    let path = format!("{STAGING}/{name}/sources/{}.parquet", source.name);
    let file = ParquetFile::create(job.state, &path, added.schema(), &metadata(keys)).await?;
    let (sender, receiver) = sync_channel::<RecordBatch>(WAITING);
    let writing = spawn_writer(file, receiver);
    let mut without_person = 0;
    let scanned = {
        let mut sink = |rows| -> Result<()> {
            let (rows, column) = added.left(rows)?;
            let rows = pseudonymizer.apply(rows)?;
            without_person += rows.without_person;
            hand_on(&sender, added.beside(rows, column)?)
        };
        reading.scan(&wanted, references, &mut sink).await
    };
    drop(sender);
    let written = writing.await.map_err(|_| Error::internal("run.writer", "the staging writer stopped"))?;
    // A full disk shows on the writing side first; the scan then only knows that nobody takes its rows.
    let rows_out = written?;
    let report = scanned?;
    let counts = added.counts()?;
    let people = pseudonymizer.finish();
    let book = SourceBook {
        source: source.name.clone(),
        contract: source.contract.id.clone(),
        duplicates: deliveries.iter().flat_map(|one| one.duplicates.iter().cloned()).collect(),
        replaced: delivered.found.replaced.clone(),
        rows_in: report.rows_in,
        rejected: report.rejected,
        resolved: report.resolved,
        corrected: report.corrected,
        without_key: counts.without_key,
        superseded: counts.superseded,
        deletions: counts.deletions,
        unknown_changes: counts.unknown_changes,
        unknown_deletions: counts.unknown_deletions,
        without_person,
        rows_out,
        people: (!source.contract.person.is_empty()).then(|| people.count()),
        intake: serde_json::to_value(&report)
            .map_err(|_| Error::internal("run.books", "the books can't be written"))?,
    };
    if !book.balances() {
        return Err(Error::internal("run.balance", format!("the rows of source `{}` do not add up", book.source)));
    }
    let terms = &source.contract.delivery;
    let (now, before) = (book.compared(terms), last.and_then(|last| last.compared(terms)));
    intake::check_row_change(&source.contract, &source.name, now.unwrap_or(book.rows_in), before)?;
    job.reporter.event(&Event::StepDone {
        pipeline: name.clone(),
        step: Step::Intake,
        subject: source.name.clone(),
        rows_in: book.rows_in,
        rows_out: book.rows_out,
        rejected: book.rows_in - book.rows_out,
    });
    let staged = Staged { table: format!("sources.{}", source.name), path, rows: rows_out };
    Ok(Admitted { staged, people, book })
}

pub(super) fn spawn_writer(
    mut file: ParquetFile,
    receiver: Receiver<RecordBatch>,
) -> tokio::task::JoinHandle<Result<u64>> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        for batch in receiver {
            runtime.block_on(file.write(&batch))?;
        }
        runtime.block_on(file.close())
    })
}

pub(super) fn hand_on(sender: &SyncSender<RecordBatch>, batch: RecordBatch) -> Result<()> {
    sender.send(batch).map_err(|_| Error::storage("staging.write", "staged rows can't be written"))
}

/// The rules of all links that this source takes part in.
fn encodings(pipeline: &ResolvedPipeline, source: &str) -> Vec<LinkEncoding> {
    let mut encodings = Vec::new();
    for (name, link) in
        pipeline.spec.identity.links.iter().filter(|(_, link)| link.left == source || link.right == source)
    {
        for (rule, one) in link.rules.iter().enumerate() {
            encodings.push(LinkEncoding { link: name.to_owned(), rule, fields: one.fields.clone() });
        }
    }
    encodings
}

fn metadata(keys: &AgreementKeys) -> Vec<(&'static str, String)> {
    vec![
        ("accord.agreement", keys.agreement().to_owned()),
        ("accord.epoch", keys.epoch().to_string()),
        ("accord.key", keys.fingerprint()),
    ]
}

/// Stages the pairs of a link.
pub(super) async fn stage_links(
    store: &Store,
    pipeline: &str,
    name: &str,
    batch: &RecordBatch,
    keys: &AgreementKeys,
) -> Result<Staged> {
    let path = format!("{STAGING}/{pipeline}/links/{name}.parquet");
    let schema: Arc<Schema> = batch.schema();
    let mut file = ParquetFile::create(store, &path, schema, &metadata(keys)).await?;
    file.write(batch).await?;
    let rows = file.close().await?;
    Ok(Staged { table: format!("links.{name}"), path, rows })
}
