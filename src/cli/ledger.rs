//! `accord ledger`

use std::process::ExitCode;

use clap::Subcommand;

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::release::{DestructionOrder, DestructionStage, Entry, Event, Ledger};

/// Look at the ledger and check its chain
///
/// Every run, candidate, decision, publication and destruction is an entry that holds the digest of the one before it.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show entries, the oldest first
    Show {
        /// Only entries about this pipeline
        pipeline: Option<String>,
    },
    /// Find entries that were changed, removed, renumbered or cut off
    Verify {
        /// A digest that was written down after an earlier `accord ledger verify`; it must still be in the chain
        #[arg(long, value_name = "SEQ:SHA256")]
        anchor: Option<String>,
    },
}

pub(super) async fn run(app: &App, args: Args) -> Result<ExitCode> {
    let workspace = app.load()?;
    let state = app.state(&workspace)?;
    let ledger = Ledger::open(&state);
    match args.command {
        Command::Show { pipeline } => show(app, &ledger, pipeline.as_deref()).await,
        Command::Verify { anchor } => verify(app, &ledger, anchor.as_deref()).await,
    }
}

async fn show(app: &App, ledger: &Ledger<'_>, pipeline: Option<&str>) -> Result<ExitCode> {
    let entries = ledger.entries().await?;
    let entries: Vec<&Entry> =
        entries.iter().filter(|entry| pipeline.is_none_or(|name| about(&entry.event) == Some(name))).collect();
    if app.json() {
        output::json(&entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![
                format!("{:>6}", entry.seq),
                entry.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                entry.actor.clone(),
                words(&entry.event),
            ]
        })
        .collect();
    output::columns(&rows).iter().for_each(output::line);
    Ok(ExitCode::SUCCESS)
}

fn about(event: &Event) -> Option<&str> {
    match event {
        Event::Run { pipeline, .. }
        | Event::Candidate { pipeline, .. }
        | Event::QuarantineResolution { pipeline, .. }
        | Event::QuarantineExport { pipeline, .. } => Some(pipeline),
        Event::VaultOrder { order, .. } | Event::VaultOpening { order, .. } => Some(&order.pipeline),
        other => other.target().map(|target| target.pipeline.as_str()),
    }
}

fn words(event: &Event) -> String {
    let of = event.target().map(|target| format!("{} {}", target.pipeline, target.candidate)).unwrap_or_default();
    match event {
        Event::Run { pipeline, outcome, .. } => format!("run of {pipeline}: {outcome}"),
        Event::Candidate { pipeline, candidate, .. } => format!("candidate {pipeline} {candidate}"),
        Event::Comment { text, .. } => format!("comment on {of}: {text}"),
        Event::Approval { signed, .. } => format!("approval of {of} for {}", signed.party),
        Event::Return { reason, .. } => format!("return of {of}: {reason}"),
        Event::Rejection { reason, .. } => format!("rejection of {of}: {reason}"),
        Event::Withdrawal { reason, .. } => format!("withdrawal of {of}: {reason}"),
        Event::Publication { version, .. } => format!("publication of {of} as version {version}"),
        Event::QuarantineResolution { pipeline, source, decision, rows, reason, .. } => {
            format!("{rows} quarantined rows of {pipeline} {source} {decision}: {reason}")
        }
        Event::QuarantineExport { pipeline, source, rows, .. } => {
            format!("{rows} quarantined rows of {pipeline} {source} written out in clear")
        }
        Event::KeyCreated { agreement, epoch, fingerprint } => {
            format!("key {epoch} of {agreement} made, fingerprint {fingerprint}")
        }
        Event::KeyDestructionOrder { order, signed } => {
            format!("order to destroy {} for {}: {}", doomed(order), signed.party, order.reason)
        }
        Event::KeyDestruction { stage: DestructionStage::Begun, order, .. } => {
            format!("destruction of {} has begun: it is refused from here on", doomed(order))
        }
        Event::KeyDestruction { stage: DestructionStage::Done, order, signatures, copies } => {
            let by = signatures.iter().map(|one| one.steward.as_str()).collect::<Vec<_>>().join(" and ");
            format!("{} destroyed, signed by {by}; removed: {}", doomed(order), copies.join(", "))
        }
        Event::VaultOrder { order, signed } => {
            format!(
                "order to open {} seals of {}.{} for {}: {}",
                order.people.len(),
                order.pipeline,
                order.source,
                signed.party,
                order.reason
            )
        }
        Event::VaultOpening { order, signatures } => {
            let by = signatures.iter().map(|one| one.steward.as_str()).collect::<Vec<_>>().join(" and ");
            format!("{} seals of {}.{} opened, signed by {by}", order.people.len(), order.pipeline, order.source)
        }
        Event::DataDestruction { agreement, what, .. } => format!("{what} of {agreement} destroyed"),
    }
}

/// The keys of an order with their fingerprints.
pub(super) fn doomed(order: &DestructionOrder) -> String {
    let keys: Vec<String> = order.keys.iter().map(|key| format!("{} ({})", key.epoch, key.fingerprint)).collect();
    format!("key {} of {}", keys.join(", "), order.agreement)
}

async fn verify(app: &App, ledger: &Ledger<'_>, anchor: Option<&str>) -> Result<ExitCode> {
    let report = ledger.verify(anchor).await?;
    if app.json() {
        output::json(&report)?;
    } else if report.passed() {
        output::line(format!("ok  {} entries, chain unbroken", output::number(report.entries)));
        if let Some(anchor) = &report.anchor {
            output::line(format!("    write this down to prove it later: {anchor}"));
        }
    }
    if report.passed() {
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &report.findings {
        output::say(format!("entry {}: {:?}: {}", finding.seq, finding.kind, finding.detail));
    }
    Err(Error::failed(
        "ledger.broken",
        format!("the ledger is not as it was written ({} findings)", report.findings.len()),
    )
    .with_hint("restore the ledger/ folder from a backup; until then nothing should be published"))
}
