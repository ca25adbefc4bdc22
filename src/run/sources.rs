//! Intake and identity of one source: extract in, staged pseudonymized rows out. Typed rows with names in them live in
//! memory only, a batch at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use super::books::SourceBook;
use super::{Job, STAGING};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, LinkEncoding, LinkageSpec, Pseudonymizer, SourcePeople};
use crate::intake::{self, Delivery, Quarantine, References};
use crate::report::{Event, Step};
use crate::staging::{ParquetFile, Staged};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, ResolvedSource};

/// Batches that may wait between pseudonymization and the staged file.
const WAITING: usize = 4;

/// A source after identity.
pub(super) struct Admitted {
    pub(super) staged: Staged,
    pub(super) people: SourcePeople,
    pub(super) book: SourceBook,
}

/// Reads all deliveries of a source.
pub(super) async fn admit(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    source: &ResolvedSource,
    deliveries: &[Delivery],
    keys: &AgreementKeys,
    references: &mut References,
    rows_last: Option<u64>,
) -> Result<Admitted> {
    let name = &pipeline.spec.name;
    job.reporter.event(&Event::StepStarted {
        pipeline: name.clone(),
        step: Step::Intake,
        subject: source.name.clone(),
    });
    let wanted: Vec<&str> = source.clause.link.iter().chain(&source.clause.analyse).map(String::as_str).collect();
    let (contract, clause) = (&source.contract, &source.clause);
    let mut pseudonymizer = Pseudonymizer::new(contract, clause, keys, &encodings(pipeline, &source.name))?
        .with_linkages(contract, clause, keys, &linkages(pipeline, &source.name)?)?;
    let mut quarantine =
        Quarantine::create(job.state, &quarantine_path(name, &source.name, deliveries), keys.quarantine_recipient())
            .await?;
    let path = format!("{STAGING}/{name}/sources/{}.parquet", source.name);
    let file = ParquetFile::create(job.state, &path, pseudonymizer.schema(), &metadata(keys)).await?;
    let (sender, receiver) = sync_channel::<RecordBatch>(WAITING);
    let writing = spawn_writer(file, receiver);
    let mut without_person = 0;
    let scanned = {
        let mut sink = |rows| -> Result<()> {
            let rows = pseudonymizer.apply(rows)?;
            without_person += rows.without_person;
            hand_on(&sender, rows.into_batch())
        };
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
            job.extracts,
            &source.name,
            deliveries,
            &source.contract,
            &wanted,
            references,
            &mut quarantine,
            &mut sink,
            &progress,
        )
        .await
    };
    drop(sender);
    let written = writing.await.map_err(|_| Error::internal("run.writer", "the staging writer stopped"))?;
    // A full disk shows on the writing side first; the scan then only knows that nobody takes its rows.
    let rows_out = written?;
    let report = scanned?;
    intake::check_row_change(&source.contract, &source.name, report.rows_in, rows_last)?;
    let people = pseudonymizer.finish();
    let book = SourceBook {
        source: source.name.clone(),
        contract: source.contract.id.clone(),
        duplicates: deliveries.iter().flat_map(|one| one.duplicates.iter().cloned()).collect(),
        rows_in: report.rows_in,
        rejected: report.rejected,
        without_person,
        rows_out,
        people: (!source.contract.person.is_empty()).then(|| people.count()),
        intake: serde_json::to_value(&report)
            .map_err(|_| Error::internal("run.books", "the books can't be written"))?,
    };
    balance(&book)?;
    job.reporter.event(&Event::StepDone {
        pipeline: name.clone(),
        step: Step::Intake,
        subject: source.name.clone(),
        rows_in: book.rows_in,
        rows_out: book.rows_out,
        rejected: book.rejected + book.without_person,
    });
    let staged = Staged { table: format!("sources.{}", source.name), path, rows: rows_out };
    Ok(Admitted { staged, people, book })
}

/// Rows in = rows out + rejects, or nothing goes on.
fn balance(book: &SourceBook) -> Result<()> {
    if book.rows_in == book.rows_out + book.rejected + book.without_person {
        return Ok(());
    }
    Err(Error::internal("run.balance", format!("the rows of source `{}` do not add up", book.source)))
}

fn spawn_writer(mut file: ParquetFile, receiver: Receiver<RecordBatch>) -> tokio::task::JoinHandle<Result<u64>> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        for batch in receiver {
            runtime.block_on(file.write(&batch))?;
        }
        runtime.block_on(file.close())
    })
}

fn hand_on(sender: &SyncSender<RecordBatch>, batch: RecordBatch) -> Result<()> {
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

/// The links by probability that this source takes part in, with the field by which one reports where it is on the
/// left.
fn linkages(pipeline: &ResolvedPipeline, source: &str) -> Result<Vec<(LinkageSpec, Option<String>)>> {
    let links = pipeline.spec.identity.links.iter().filter(|(_, link)| link.left == source || link.right == source);
    let probable = links.filter_map(|(name, link)| Some((name, link, link.probabilistic.as_ref()?)));
    probable
        .map(|(name, link, spec)| {
            let group = spec.report_by.clone().filter(|_| link.left == source);
            Ok((LinkageSpec::resolve(name, spec)?, group))
        })
        .collect()
}

/// Named after the content that was read, so that a run of the same deliveries replaces its own quarantine.
fn quarantine_path(pipeline: &str, source: &str, deliveries: &[Delivery]) -> String {
    let digests: String = deliveries.iter().map(|one| one.digest.as_str()).collect::<Vec<_>>().join("+");
    let short = hex::encode(&<sha2::Sha256 as sha2::Digest>::digest(digests.as_bytes())[..6]);
    format!("quarantine/{pipeline}/{source}/{short}.jsonl.age")
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
