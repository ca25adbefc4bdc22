//! Intake and identity of one source: extract in, staged pseudonymized rows out. Typed rows with names in them live in
//! memory only, a batch at a time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::books::SourceBook;
use super::fingerprint::Input;
use super::quarantine::{Decided, quarantine_path};
use super::settle::{Added, beside, settle};
use super::{Job, STAGING};
use crate::error::{Error, Result};
use crate::identity::{AgreementKeys, LinkEncoding, LinkageSpec, Pseudonymizer, SourcePeople};
use crate::intake::{self, Delivery, Found, IntakeReport, Quarantine, References, Spread, TypedRows};
use crate::model::EngineOptions;
use crate::parallel::{Pending, Queue, Workers};
use crate::release::{self, Ledger};
use crate::report::{Event, Step};
use crate::spill::Spill;
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
            Spread::over(job.engine.threads),
        )
        .await
    }
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
    let keys = release::living_key(&Ledger::open(job.state), job.keyring, &pipeline.agreement.id).await?;
    let extracts = job.extracts.of(&source.contract.partner)?;
    let found = intake::discover(&extracts, &source.spec, &source.name, &source.contract, job.today).await?;
    let delivered = Delivered { found, decided: Decided::default() };
    let mut references = References::of([source.contract.as_ref()]).spilling(key_spill(&job.engine));
    let reading = Reading { job, pipeline, source, delivered: &delivered, keys: &keys };
    Ok(admit(&reading, &mut references, None).await?.book)
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
    let (contract, clause) = (&source.contract, &source.clause);
    let mut pseudonymizer = Pseudonymizer::new(contract, clause, keys, &encodings(pipeline, &source.name))?
        .with_linkages(contract, clause, keys, &linkages(pipeline, &source.name)?)?
        .spilling(people_spill(&job.engine));
    if pipeline.agreement.in_vault(&source.contract.id) {
        pseudonymizer = pseudonymizer.with_vault(keys.vault_key(&source.contract.person.join(",")));
    }
    let settled = if source.contract.delivery.is_settled() { Some(settle(reading, references).await?) } else { None };
    let mut added = Added::new(&source.contract, deliveries, &pseudonymizer.schema(), settled);
    let path = format!("{STAGING}/{name}/sources/{}.parquet", source.name);
    let file = GroupedFile::create(job.state, &path, added.schema(), keys.id()).await?;
    let workers = Workers::start((0..job.engine.threads.max(1)).map(|_| {
        let (mut pseudonymizer, encoder, schema) = (pseudonymizer.another(), file.encoder(), added.schema());
        move |queue: Queue<Vec<Rows>, Result<Finished>>| {
            queue.work(|rows| finish(&mut pseudonymizer, &encoder, &schema, rows));
            pseudonymizer.settle().map(|()| pseudonymizer)
        }
    }))?;
    let (sender, receiver) = sync_channel(WAITING);
    let writing = spawn_writer(file, receiver);
    let mut group = Vec::new();
    let scanned = {
        let mut rows = 0;
        let mut sink = |typed| -> Result<()> {
            let (left, column) = added.left(typed)?;
            rows += left.rows();
            group.push((left, column));
            if rows < GROUP {
                return Ok(());
            }
            rows = 0;
            hand_on(&sender, workers.give(std::mem::take(&mut group)))
        };
        reading.scan(&wanted, references, &mut sink).await
    };
    let handed_on = hand_on(&sender, workers.give(group));
    drop(sender);
    let written = writing.await.map_err(|_| Error::internal("run.writer", "the staging writer stopped"))?;
    // A full disk shows on the writing side first; the scan then only knows that nobody takes its rows.
    let (rows_out, without_person) = written?;
    let report = scanned?;
    let counts = added.counts()?;
    handed_on?;
    workers.finish()?.into_iter().try_for_each(|other| pseudonymizer.join(other?))?;
    if let Some(sealed) = pseudonymizer.take_sealed() {
        release::write_vault(job.state, keys, name, &source.name, &sealed).await?;
    }
    let people = pseudonymizer.finish(job.engine.threads)?;
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

/// Half of the engine's memory is for the keys of the source that is being read: no query runs meanwhile.
pub(super) fn key_spill(engine: &EngineOptions) -> Spill {
    spill(engine, 2)
}

/// An eighth of it is for the people, whom each thread collects for itself.
fn people_spill(engine: &EngineOptions) -> Spill {
    spill(engine, 8).share(engine.threads + 1)
}

fn spill(engine: &EngineOptions, part: u64) -> Spill {
    let memory = usize::try_from(engine.memory_limit / part).unwrap_or(usize::MAX);
    Spill { directory: engine.spill.clone(), memory }
}

/// Rows with the column that is added to them.
type Rows = (TypedRows, Option<ArrayRef>);

/// Rows that are ready for their file.
struct Finished {
    group: Group,
    without_person: u64,
}

/// Pseudonymizes rows and encodes them: on any thread, since no row needs another one for that.
fn finish(
    pseudonymizer: &mut Pseudonymizer,
    encoder: &GroupEncoder,
    schema: &SchemaRef,
    rows: Vec<Rows>,
) -> Result<Finished> {
    let mut without_person = 0;
    let mut batches = Vec::with_capacity(rows.len());
    for (typed, column) in rows {
        let rows = pseudonymizer.apply(typed)?;
        without_person += rows.without_person;
        batches.push(beside(schema, rows, column)?);
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

/// The links by probability that this source takes part in, with the fields by which one reports where it is on the
/// left.
fn linkages(pipeline: &ResolvedPipeline, source: &str) -> Result<Vec<(LinkageSpec, Vec<String>)>> {
    let links = pipeline.spec.identity.links.iter().filter(|(_, link)| link.left == source || link.right == source);
    let probable = links.filter_map(|(name, link)| Some((name, link, link.probabilistic.as_ref()?)));
    probable
        .map(|(name, link, spec)| {
            let groups = if link.left == source { spec.report_by.clone() } else { Vec::new() };
            Ok((LinkageSpec::resolve(name, spec)?, groups))
        })
        .collect()
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
    let mut file = ParquetFile::create(store, &path, schema, keys.id()).await?;
    file.write(batch).await?;
    let rows = file.close().await?;
    Ok(Staged { table: format!("links.{name}"), path, rows })
}
