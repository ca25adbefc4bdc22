//! One pipeline, step by step.

use serde_json::{Value, json};

use super::books::{Books, LinkBook, ProbableBook, TableBook};
use super::fingerprint::{Input, fingerprint};
use super::history::History;
use super::quarantine::{Decided, Openers};
use super::sources::{Admitted, Delivered, Reading, admit, key_spill, stage_links};
use super::{Job, Outcome, PipelineReport, STAGING, changed, linkage, match_rate, protection, quarantine};
use crate::disclosure::{self, Beside, DisclosureError, Keys, Protection};
use crate::error::{Context as _, Error, Result};
use crate::identity::AgreementKeys;
use crate::intake::{self, Found, Freshness, References};
use crate::model::{register_staged, run_models, session};
use crate::plan;
use crate::release::{self, CandidateInput, Ledger, Manifest, SourceNote};
use crate::report::{Event, Step};
use crate::rules;
use crate::tabulate::{self, Tabulation, tabulate};
use crate::workspace::{Method, ResolvedPipeline, ResolvedSource};

/// Runs the steps of a pipeline up to its candidate.
pub(super) async fn run_pipeline(job: &Job<'_>, name: &str) -> Result<PipelineReport> {
    let pipeline = job.workspace.pipeline(name)?;
    plan::in_force(pipeline, job.today)?;
    let checked = plan::check(&session(&job.engine)?, pipeline).await?;
    let page = plan::page(&checked, &job.workspace.roles);
    let keys = release::living_key(&Ledger::open(job.state), job.keyring, &pipeline.agreement.id).await?;
    if !keys.are_locked() {
        let message = "the system does not let keys be locked into memory (see `ulimit -l`): they may go to swap";
        job.reporter.event(&Event::Note { pipeline: name.to_owned(), message: message.to_owned() });
    }
    if pipeline.agreement.vault.is_none() {
        job.state.remove_all(&release::vault_folder(&pipeline.agreement.id)).await?;
    }
    let delivered = with_decisions(job, pipeline, discover(job, pipeline).await?).await?;
    let freshness: Vec<Freshness> = delivered.iter().map(|one| one.found.freshness.clone()).collect();
    let read = pipeline.sources.iter().zip(&delivered);
    let inputs: Vec<Input<'_>> = read.map(|(source, delivered)| delivered.input(&source.name)).collect();
    let inputs_digest = fingerprint(&pipeline.plan_digest, &keys.fingerprint(), &inputs);
    let earlier = latest(job, name).await?;
    if let Some(unchanged) = unchanged(job, pipeline, earlier.as_ref(), &inputs_digest).await? {
        return Ok(PipelineReport { freshness, ..unchanged });
    }
    let before = earlier.map(|candidate| candidate.manifest);
    let (books, tabulations, cell_keys) = compute(job, pipeline, &checked, &keys, &delivered, before.as_ref()).await?;
    let history = History::read(job, pipeline).await?;
    let method = method(pipeline, &keys);
    history.check_method(&method)?;
    let done = match rules::protection(pipeline, keys.rounding_seed()) {
        Protection::Suppression(policy) => Done::Hidden(protect(job, pipeline, &policy, &tabulations, &history)?),
        protection => change(job, pipeline, (&protection, &method), &tabulations, &cell_keys, &history)?,
    };
    let (tables, changed) = match &done {
        Done::Hidden(done) => (protection::output(pipeline, &tabulations, &done.protected)?, None),
        Done::Changed { tables, report } => {
            (protection::output_changed(pipeline, &tabulations, tables.clone())?, Some(report.clone()))
        }
    };
    let mut input = CandidateInput {
        pipeline: name.to_owned(),
        title: pipeline.spec.title.clone(),
        description: pipeline.spec.description.clone(),
        agreement: pipeline.agreement.id.clone(),
        agreement_title: pipeline.agreement.title.clone(),
        purpose: pipeline.spec.purpose.clone(),
        legal_basis: word(&pipeline.agreement.legal_basis),
        plan_digest: pipeline.plan_digest.clone(),
        agreement_digest: pipeline.agreement_digest.clone(),
        inputs_digest: inputs_digest.clone(),
        key_fingerprint: keys.fingerprint(),
        recipients: pipeline.spec.release.recipients.clone(),
        licence: pipeline.spec.release.licence.clone(),
        attribution: pipeline.spec.release.attribution.clone(),
        method,
        tables,
        books: json(&books)?,
        audit: Value::Null,
        policy: json!({
            "minimum_cell": pipeline.minimum_cell,
            "disclosure": json(&pipeline.spec.disclosure)?,
            "plan": page,
        }),
        beside: history.versions(),
        beside_others: history.versions_of_others(),
        certificate: None,
        sources: pipeline.sources.iter().map(source_note).collect(),
    };
    if let Done::Hidden(done) = &done {
        let proof = certify(job, pipeline, &input)?;
        let report = proof.as_ref().map(|(_, report)| report);
        input.audit = protection::audit_report(&done.protected, &done.beside, report)?;
        input.certificate = proof.map(|(text, _)| text);
    }
    if let Some(report) = changed {
        input.audit = report;
    }
    let audit = input.audit.clone();
    let candidate = lay_down(job, pipeline, &input, &books).await?;
    Ok(PipelineReport {
        pipeline: name.to_owned(),
        outcome: Outcome::Candidate { candidate },
        freshness,
        books: Some(books),
        disclosure: Some(audit),
    })
}

async fn discover(job: &Job<'_>, pipeline: &ResolvedPipeline) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    for source in &pipeline.sources {
        let pipeline = &pipeline.spec.name;
        job.reporter.event(&Event::StepStarted {
            pipeline: pipeline.clone(),
            step: Step::Discover,
            subject: source.name.clone(),
        });
        let found = find(job, pipeline, source).await?;
        let note = |message| job.reporter.event(&Event::Note { pipeline: pipeline.clone(), message });
        for delivery in found.deliveries.iter().filter(|delivery| !delivery.duplicates.is_empty()) {
            note(format!("{} equals {} to the byte; read once", delivery.duplicates.join(", "), delivery.path));
        }
        found.replaced.iter().for_each(|one| note(format!("{} takes the place of {}", one.by, one.path)));
        found.freshness.notes().into_iter().for_each(note);
        all.push(found);
    }
    all.iter().try_for_each(|found| found.freshness.check())?;
    Ok(all)
}

/// The deliveries with what was decided about their rows.
async fn with_decisions(job: &Job<'_>, pipeline: &ResolvedPipeline, found: Vec<Found>) -> Result<Vec<Delivered>> {
    let entries = Ledger::open(job.state).entries().await?;
    if !quarantine::is_decided(&entries, &pipeline.spec.name) {
        return Ok(found.into_iter().map(|found| Delivered { found, decided: Decided::default() }).collect());
    }
    // What was decided under an earlier epoch holds.
    let openers = Openers::load(job.keyring, &entries, &pipeline.agreement.id).await?;
    let mut all = Vec::new();
    for (source, found) in pipeline.sources.iter().zip(found) {
        let name = &pipeline.spec.name;
        let decided = quarantine::decided(job.state, &entries, name, &source.name, &found.deliveries, &openers).await?;
        all.push(Delivered { found, decided });
    }
    Ok(all)
}

/// Fetches what a partner has elsewhere, and finds the deliveries of a source among all that is there.
async fn find(job: &Job<'_>, pipeline: &str, source: &ResolvedSource) -> Result<Found> {
    let (partner, from) = (&source.contract.partner, &source.spec.from);
    let progress = |path: &str, done: u64, total: u64| {
        job.reporter.event(&Event::Progress {
            pipeline: pipeline.to_owned(),
            step: Step::Discover,
            subject: path.to_owned(),
            done,
            total: Some(total),
            unit: "bytes",
        });
    };
    let fetched = job.extracts.fetch(partner, from, &job.author, job.wait, &progress).await;
    for message in fetched?.iter().filter_map(|one| one.words(partner)) {
        job.reporter.event(&Event::Note { pipeline: pipeline.to_owned(), message });
    }
    let extracts = job.extracts.of(partner)?;
    let found = intake::discover(&extracts, &source.spec, &source.name, &source.contract, job.today).await?;
    job.extracts.verify(partner, &found.deliveries)?;
    Ok(found)
}

/// The newest candidate of a pipeline by the ledger.
async fn latest(job: &Job<'_>, pipeline: &str) -> Result<Option<release::Candidate>> {
    let entries = Ledger::open(job.state).entries().await?;
    let newest = entries.iter().rev().find_map(|entry| match &entry.event {
        release::Event::Candidate { pipeline: of, candidate, .. } if of == pipeline => Some(candidate.clone()),
        _ => None,
    });
    let Some(id) = newest else { return Ok(None) };
    release::Candidate::load(job.state, pipeline, &id).await.map(Some)
}

async fn unchanged(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    earlier: Option<&release::Candidate>,
    inputs_digest: &str,
) -> Result<Option<PipelineReport>> {
    let Some(candidate) = earlier.filter(|one| one.manifest.inputs_digest == inputs_digest && !job.again) else {
        return Ok(None);
    };
    // A release that its audit did not know makes it another candidate.
    if !release::not_beside(job.published, candidate).await?.is_empty() {
        return Ok(None);
    }
    let (id, manifest) = (&candidate.id, &candidate.manifest);
    let entries = Ledger::open(job.state).entries().await?;
    let stewards = release::Stewards::resolve(&job.workspace.roles, &job.workspace.root)?;
    let Some(standing) = release::standing(&entries, id, (job.clock)(), &pipeline.agreement, &stewards) else {
        return Ok(None);
    };
    Ok(Some(PipelineReport {
        pipeline: manifest.pipeline.clone(),
        outcome: Outcome::Unchanged {
            candidate: id.clone(),
            state: word(&serde_json::to_value(&standing.state).unwrap_or_default()["state"]),
        },
        freshness: Vec::new(),
        books: None,
        disclosure: None,
    }))
}

/// Intake, identity, model and tabulate.
async fn compute(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    checked: &plan::CheckedPipeline<'_>,
    keys: &AgreementKeys,
    delivered: &[Delivered],
    before: Option<&Manifest>,
) -> Result<(Books, Vec<Tabulation>, Vec<Keys>)> {
    let name = &pipeline.spec.name;
    let last: Option<Books> = before.and_then(|manifest| serde_json::from_value(manifest.books.clone()).ok());
    let mut books = Books::default();
    let context = session(&job.engine)?;
    let contracts = pipeline.sources.iter().map(|source| source.contract.as_ref());
    let mut references = References::of(contracts).spilling(key_spill(&job.engine));
    let mut read: Vec<Option<Admitted>> = pipeline.sources.iter().map(|_| None).collect();
    for at in pipeline.reading_order() {
        let (source, delivered) = (&pipeline.sources[at], &delivered[at]);
        let reading = Reading { job, pipeline, source, delivered, keys };
        let book = last.as_ref().and_then(|books| books.source(&source.name));
        let one = admit(&reading, &mut references, book).await.context(|| format!("source `{}`", source.name))?;
        register_staged(&context, job.state, &one.staged, keys.id()).await?;
        read[at] = Some(one);
    }
    let mut admitted: Vec<Admitted> = read.into_iter().flatten().collect();
    books.sources.extend(admitted.iter().map(|one| one.book.clone()));
    for (link, spec) in pipeline.spec.identity.links.iter() {
        job.reporter.event(&step_started(name, Step::Identity, link));
        let (links, probable) = linkage::link(job, &context, pipeline, (link, spec), &mut admitted).await?;
        let staged = stage_links(job.state, name, link, &links.to_batch()?, keys).await?;
        register_staged(&context, job.state, &staged, keys.id()).await?;
        let mut book = LinkBook::new(link, &links.report, pipeline.minimum_cell);
        let before = last.as_ref().and_then(|books| books.link(link));
        if let Some(sides) = sides(pipeline, link) {
            match_rate::check(&book, &links.report, before, sides, pipeline.minimum_cell)?;
        }
        if let Some(probable) = &probable {
            book.probable = Some(ProbableBook::new(probable, pipeline.minimum_cell));
            linkage::keep(job.state, name, link, probable, keys).await?;
        }
        books.links.push(book);
    }
    drop(admitted);
    job.reporter.event(&step_started(name, Step::Model, "models"));
    let models = run_models(&context, job.state, pipeline, &format!("{STAGING}/{name}"), keys.id()).await?;
    books.models = models.iter().map(|model| (model.table.clone(), model.rows)).collect();
    let record_key = matches!(pipeline.spec.disclosure.method, Method::CellKey(_)).then(|| keys.record_key());
    let (mut tabulations, mut cell_keys) = (Vec::new(), Vec::new());
    for spec in &checked.tables {
        job.reporter.event(&step_started(name, Step::Tabulate, &spec.name));
        let tabulation = tabulate(&context, spec).await?;
        let cells = (tabulation.table.cell_count() * tabulation.table.measures.len()) as u64;
        let rows_in = models.iter().find(|one| one.table == format!("models.{}", spec.model)).map_or(0, |one| one.rows);
        if rows_in != tabulation.rows {
            return Err(Error::internal("run.balance", format!("the rows of table `{}` do not add up", spec.name)));
        }
        job.reporter.event(&Event::StepDone {
            pipeline: name.clone(),
            step: Step::Tabulate,
            subject: spec.name.clone(),
            rows_in,
            rows_out: tabulation.rows,
            rejected: 0,
        });
        books.tables.push(TableBook { table: spec.name.clone(), rows: tabulation.rows, cells });
        if let Some(key) = &record_key {
            cell_keys.push(tabulate::cell_keys(&context, &tabulation, key).await?);
        }
        tabulations.push(tabulation);
    }
    Ok((books, tabulations, cell_keys))
}

/// The sources of a link, and their contracts.
fn sides<'a>(pipeline: &'a ResolvedPipeline, link: &str) -> Option<match_rate::Sides<'a>> {
    let spec = pipeline.spec.identity.links.get(link)?;
    let side = |name: &str| pipeline.source(name).map(|source| (source.name.as_str(), source.contract.as_ref()));
    Some([side(&spec.left)?, side(&spec.right)?])
}

/// Protected tables, and beside what.
struct ProtectedBeside {
    protected: disclosure::Protected,
    /// How earlier releases stand to them.
    beside: Vec<Value>,
}

/// How a pipeline's figures are protected, as its readers may know it.
fn method(pipeline: &ResolvedPipeline, keys: &AgreementKeys) -> release::Method {
    match rules::protection(pipeline, 0) {
        Protection::Suppression(_) => release::Method::Suppression,
        Protection::Rounding(_, rounding) => release::Method::Rounding { base: rounding.base, within: rounding.within },
        Protection::CellKey(_, rule) => release::Method::CellKey {
            maximum: rule.maximum,
            variance_percent: rule.variance_percent,
            threshold: rule.threshold,
            key: keys.fingerprint(),
        },
    }
}

/// What became of the figures.
enum Done {
    /// Some are hidden.
    Hidden(ProtectedBeside),
    /// All are changed.
    Changed {
        /// The tables to be printed.
        tables: Vec<disclosure::Table>,
        /// What stewards read of it.
        report: Value,
    },
}

/// Rounds the tables, or gives them noise.
fn change(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    (protection, method): (&Protection, &release::Method),
    tabulations: &[Tabulation],
    keys: &[Keys],
    history: &History,
) -> Result<Done> {
    let name = &pipeline.spec.name;
    job.reporter.event(&step_started(name, Step::Disclosure, "all tables"));
    let tables: Vec<disclosure::Table> = tabulations.iter().map(|one| one.table.clone()).collect();
    let pairs: Vec<_> = tables.iter().map(|table| (table, protection)).collect();
    disclosure::check_unmixed(&pairs, &[]).map_err(protection::refused)?;
    let mut step = |at: disclosure::Progress| progress(job, name, at);
    let done = match protection {
        Protection::Rounding(policy, rounding) => {
            changed::round(&tables, (rounding, policy), &history.tables(), &mut step)
        }
        Protection::CellKey(policy, rule) => changed::perturb(&tables, keys, (rule, policy), &mut step),
        Protection::Suppression(_) => return Err(Error::internal("run.method", "hidden figures are not changed")),
    };
    let done = done.map_err(protection::refused)?;
    let report = changed::report(&tables, method, &done.report, &history.alike(method));
    Ok(Done::Changed { tables: done.tables, report })
}

fn protect(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    policy: &disclosure::Policy,
    tabulations: &[Tabulation],
    history: &History,
) -> Result<ProtectedBeside> {
    let name = &pipeline.spec.name;
    job.reporter.event(&step_started(name, Step::Disclosure, "all tables"));
    let tables: Vec<disclosure::Table> = tabulations.iter().map(|one| one.table.clone()).collect();
    let linkage = history.link(&tables, false);
    let mut step = |at: disclosure::Progress| progress(job, name, at);
    let mut beside = linkage.report;
    let protected = match disclosure::protect_beside(&tables, policy, &linkage.beside, &|| false, &mut step) {
        // Hidden figures have changed though all that both print is the same, or the sums of those that changed do not fit:
        // to a reader the releases contradict each other, but not in what stayed the same.
        Err(DisclosureError::Contradiction { .. }) if linkage.beside != Beside::default() => {
            let linkage = history.link(&tables, true);
            beside = linkage.report;
            beside.push(json!({ "linked": "hidden figures have changed: only what stayed the same is compared" }));
            let message =
                "earlier releases contradict this one, so that only figures that stayed the same are compared"
                    .to_owned();
            job.reporter.event(&Event::Note { pipeline: name.clone(), message });
            disclosure::protect_beside(&tables, policy, &linkage.beside, &|| false, &mut step)
        }
        outcome => outcome,
    };
    Ok(ProtectedBeside { protected: protected.map_err(protection::refused)?, beside })
}

/// The certificate of what would be published. What it can't prove it leaves open, and says so.
fn certify(
    job: &Job<'_>,
    pipeline: &ResolvedPipeline,
    input: &CandidateInput,
) -> Result<Option<(String, disclosure::CertificateReport)>> {
    let name = &pipeline.spec.name;
    let mut step = |at: disclosure::Progress| progress(job, name, at);
    let made = release::certificate(input, &rules::policy(pipeline), &mut step)?;
    let message = match &made {
        Some((_, report)) if report.passed => return Ok(made),
        Some((_, report)) => format!(
            "the certificate proves {} of {} hidden figures; the audit passed for all that must be protected",
            report.hidden - report.unproven,
            report.hidden
        ),
        None => "no certificate was found; the audit passed".to_owned(),
    };
    job.reporter.event(&Event::Note { pipeline: name.clone(), message });
    Ok(made)
}

fn progress(job: &Job<'_>, pipeline: &str, at: disclosure::Progress) {
    job.reporter.event(&Event::Progress {
        pipeline: pipeline.to_owned(),
        step: Step::Disclosure,
        subject: phase(at.phase).to_owned(),
        done: at.done as u64,
        total: Some(at.total as u64),
        unit: "cells",
    });
}

/// Files first, then the ledger's entry: a candidate that the ledger does not know is no candidate.
async fn lay_down(job: &Job<'_>, pipeline: &ResolvedPipeline, input: &CandidateInput, books: &Books) -> Result<String> {
    let name = &pipeline.spec.name;
    job.reporter.event(&step_started(name, Step::Release, "candidate"));
    let candidate = release::lay_down(job.state, input).await?;
    let ledger = Ledger::open(job.state);
    let run = input.inputs_digest[..16].to_owned();
    let event = release::Event::Run {
        run: run.clone(),
        pipeline: name.clone(),
        agreement: pipeline.agreement.id.clone(),
        outcome: "candidate".to_owned(),
        plan_digest: pipeline.plan_digest.clone(),
        inputs_digest: input.inputs_digest.clone(),
        books: json(books)?,
    };
    ledger.append((job.clock)(), &job.author, event).await?;
    ledger.append((job.clock)(), &job.author, candidate.event(Some(run))).await?;
    Ok(candidate.id)
}

fn step_started(pipeline: &str, step: Step, subject: &str) -> Event {
    Event::StepStarted { pipeline: pipeline.to_owned(), step, subject: subject.to_owned() }
}

fn source_note(source: &ResolvedSource) -> SourceNote {
    SourceNote {
        partner: source.contract.partner.clone(),
        contract: source.contract.id.clone(),
        version: source.contract.version.clone(),
        title: source.contract.title.clone(),
    }
}

fn json(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|_| Error::internal("run.books", "the books can't be written"))
}

fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn phase(phase: disclosure::Phase) -> &'static str {
    match phase {
        disclosure::Phase::Search => "small groups",
        disclosure::Phase::Release => "fewer hidden cells",
        disclosure::Phase::Improve => "fewer hidden cells, in rounds",
        disclosure::Phase::Audit => "audit",
        disclosure::Phase::Proof => "certificate",
    }
}
