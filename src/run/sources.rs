//! Intake and identity of one source: extract in, staged pseudonymized rows out. Typed rows with names in them live in
//! memory only, a batch at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use super::books::SourceBook;
use super::{Job, STAGING};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, LinkEncoding, Pseudonymizer, SourcePeople};
use crate::intake::{self, Delivery, Quarantine, References, Spread, TypedRows};
use crate::parallel::{Pending, Queue, Workers};
use crate::report::{Event, Step};
use crate::staging::{GROUP, Group, GroupEncoder, GroupedFile, ParquetFile, Staged};
use crate::storage::Store;
use crate::workspace::{ResolvedPipeline, ResolvedSource};

/// Row groups that may be on their way between the intake and the staged file, beside those that threads work on.
const WAITING: usize = 2;

/// A source after identity.
pub(super) struct Admitted {
    pub(super) staged: Staged,
    pub(super) people: SourcePeople,
    pub(super) book: SourceBook,
}

/// Reads one source as a run does and stops there: what `make bench` measures. No other source is read before it.
///
/// # Errors
/// Those of a run, up to the end of intake and identity.
pub async fn stage_source(job: &Job<'_>, pipeline: &str, source: &str) -> Result<SourceBook> {
    let pipeline = job.workspace.pipeline(pipeline)?;
    let source = pipeline.source(source).ok_or_else(|| {
        Error::usage("usage.source", format!("pipeline `{}` has no source `{source}`", pipeline.spec.name))
    })?;
    let keys = job.keyring.load(&pipeline.agreement.id)?;
    let deliveries = intake::discover(job.extracts, &source.spec, &source.name).await?;
    let mut references = References::of([source.contract.as_ref()]);
    Ok(admit(job, pipeline, source, &deliveries, &keys, &mut references, None).await?.book)
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
    let mut pseudonymizer =
        Pseudonymizer::new(&source.contract, &source.clause, keys, &encodings(pipeline, &source.name))?;
    let mut quarantine =
        Quarantine::create(job.state, &quarantine_path(name, &source.name, deliveries), keys.quarantine_recipient())
            .await?;
    let path = format!("{STAGING}/{name}/sources/{}.parquet", source.name);
    let file = GroupedFile::create(job.state, &path, pseudonymizer.schema(), &metadata(keys)).await?;
    let workers = Workers::start((0..job.engine.threads.max(1)).map(|_| {
        let (mut pseudonymizer, encoder) = (pseudonymizer.another(), file.encoder());
        move |queue: Queue<Vec<TypedRows>, Result<Finished>>| {
            queue.work(|rows| finish(&mut pseudonymizer, &encoder, rows));
            pseudonymizer
        }
    }))?;
    let (sender, receiver) = sync_channel(WAITING);
    let writing = spawn_writer(file, receiver);
    let mut group = Vec::new();
    let scanned = {
        let mut rows = 0;
        let mut sink = |typed: TypedRows| -> Result<()> {
            rows += typed.rows();
            group.push(typed);
            if rows < GROUP {
                return Ok(());
            }
            rows = 0;
            hand_on(&sender, workers.give(std::mem::take(&mut group)))
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
            Spread::over(job.engine.threads),
        )
        .await
    };
    let last = hand_on(&sender, workers.give(group));
    drop(sender);
    let written = writing.await.map_err(|_| Error::internal("run.writer", "the staging writer stopped"))?;
    // A full disk shows on the writing side first; the scan then only knows that nobody takes its rows.
    let (rows_out, without_person) = written?;
    let report = scanned?;
    last?;
    workers.finish()?.into_iter().for_each(|other| pseudonymizer.join(other));
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

/// Rows that are ready for their file.
struct Finished {
    group: Group,
    without_person: u64,
}

/// Pseudonymizes rows and encodes them: on any thread, since no row needs another one for that.
fn finish(pseudonymizer: &mut Pseudonymizer, encoder: &GroupEncoder, rows: Vec<TypedRows>) -> Result<Finished> {
    let mut without_person = 0;
    let mut batches = Vec::with_capacity(rows.len());
    for typed in rows {
        let rows = pseudonymizer.apply(typed)?;
        without_person += rows.without_person;
        batches.push(rows.into_batch());
    }
    Ok(Finished { group: encoder.encode(&batches)?, without_person })
}

/// Writes what is finished in the order of the extract, and counts the rows and those without a person.
fn spawn_writer(
    mut file: GroupedFile,
    receiver: Receiver<Pending<Result<Finished>>>,
) -> tokio::task::JoinHandle<Result<(u64, u64)>> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut without_person = 0;
        for pending in receiver {
            let finished = pending.wait().flatten()?;
            without_person += finished.without_person;
            runtime.block_on(file.write(finished.group))?;
        }
        Ok((runtime.block_on(file.close())?, without_person))
    })
}

fn hand_on(sender: &SyncSender<Pending<Result<Finished>>>, pending: Pending<Result<Finished>>) -> Result<()> {
    sender.send(pending).map_err(|_| Error::storage("staging.write", "staged rows can't be written"))
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
