//! Publishing: an approved candidate becomes the next version of its pipeline.
//!
//! Four steps, each of which can be done again: the files to a folder of their own, that folder to its version, the
//! pointer `latest.json`, the ledger. A kill at any instant is finished by publishing again. A version is never touched
//! once it is there.

use serde::Serialize;

use super::actions::known_account;
use super::approved::ApprovedCandidate;
use super::candidate::Candidate;
use super::context::Context;
use super::digest::sha256_hex;
use super::event::Event;
use super::state::State;
use super::version::{RECORD, ReleaseRecord, find_version, folder, not_beside, point_latest, versions};
use crate::error::{Error, Result};
use crate::storage::{Lock, Store};

/// What publishing came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The pipeline.
    pub pipeline: String,
    /// The candidate's id.
    pub candidate: String,
    /// The version.
    pub version: u32,
    /// Its folder in the storage of what is published.
    pub path: String,
    /// Whether it had been published before and nothing was done.
    pub already: bool,
}

/// Publishes a candidate that the stewards approved.
///
/// # Errors
/// Those of [`ApprovedCandidate::check`]; `release.unknown_account`; `storage.locked` while another publication of the
/// pipeline runs; `release.immutable` where a file of the version was changed; the storage's.
pub async fn publish(context: &Context<'_>, pipeline: &str, id: &str, actor: &str) -> Result<Published> {
    known_account(context, actor)?;
    let lock = context.state.lock(LOCK, actor, None).await?;
    let published = publish_locked(context, pipeline, id, actor, &lock).await;
    // Also where it was refused: a lease that nobody gives back keeps others waiting until it runs out.
    lock.release().await;
    published
}

async fn publish_locked(
    context: &Context<'_>,
    pipeline: &str,
    id: &str,
    actor: &str,
    lock: &Lock,
) -> Result<Published> {
    let case = context.case(pipeline, id).await?;
    if let State::Published { version } = case.standing.state {
        return Ok(Published::new(pipeline, &case.candidate.id, version, true));
    }
    // A version that is there was approved when its publication began; what is left is to finish it.
    let approved = match find_version(context.published, &case.standing.target).await? {
        Some(begun) => {
            ApprovedCandidate::check_at(context, pipeline, id, begun.published_at, begun.published_on).await?
        }
        None => {
            audited_beside(context, &case.candidate).await?;
            ApprovedCandidate::check(context, pipeline, id).await?
        }
    };
    context.published.sweep().await?;
    let publication = Publication::begin(context, approved).await?;
    publication.stage(context).await?;
    lock.check()?;
    publication.promote(context).await?;
    publication.point(context).await?;
    publication.record(context, actor).await?;
    Ok(Published::new(pipeline, &case.candidate.id, publication.record.version, false))
}

/// Refuses a candidate where a version was published that its audit did not know: readers have both.
pub(super) async fn audited_beside(context: &Context<'_>, candidate: &Candidate) -> Result<()> {
    let pipeline = &candidate.manifest.pipeline;
    let unknown = not_beside(context.published, candidate).await?;
    match unknown.first() {
        None => Ok(()),
        Some((of, version)) => {
            let of = if of == pipeline { String::new() } else { format!(" of `{of}`, over the same people,") };
            let message = format!("version {version}{of} was published after candidate {} was audited", candidate.id);
            Err(Error::disclosure("release.not_audited_beside", message)
                .with_hint(format!("`accord run {pipeline}` makes a candidate that is audited beside it")))
        }
    }
}

/// The lock that publications and withdrawals take: one for all pipelines, since each release is audited beside those of
/// other pipelines over the same people.
pub(super) const LOCK: &str = "publish";

impl Published {
    fn new(pipeline: &str, candidate: &str, version: u32, already: bool) -> Self {
        let path = folder(pipeline, version);
        Self { pipeline: pipeline.to_owned(), candidate: candidate.to_owned(), version, path, already }
    }
}

/// A publication under way.
pub(super) struct Publication {
    approved: ApprovedCandidate,
    pub(super) record: ReleaseRecord,
    /// Whether the version's folder is there, whole or not.
    begun: bool,
}

impl Publication {
    /// Finds the version's number: that of the folder of an earlier attempt, or the next.
    pub(super) async fn begin(context: &Context<'_>, approved: ApprovedCandidate) -> Result<Self> {
        let target = approved.target();
        if let Some(begun) = find_version(context.published, target).await? {
            let record = ReleaseRecord::new(&approved, begun.version);
            return Ok(Self { record, approved, begun: true });
        }
        let there = versions(context.published, &target.pipeline).await?;
        let last = there.last().copied().unwrap_or(0);
        // On a storage that copies file by file a kill can leave a folder without its record: it was never pointed to.
        let ours = last > 0 && is_beginning_of(&approved, context.published, last).await?;
        let version = if ours { last } else { last + 1 };
        Ok(Self { record: ReleaseRecord::new(&approved, version), approved, begun: ours })
    }

    /// Writes all files where no reader looks.
    pub(super) async fn stage(&self, context: &Context<'_>) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        let staging = self.staging();
        context.published.remove_all(&staging).await?;
        for (name, bytes) in &self.approved.files {
            context.published.put(&format!("{staging}/{name}"), bytes.clone()).await?;
        }
        context.published.put(&format!("{staging}/{RECORD}"), self.record.to_bytes()?).await
    }

    /// Gives the folder its version's name. Of a folder that is there already, only missing files are added.
    pub(super) async fn promote(&self, context: &Context<'_>) -> Result<()> {
        if self.begun {
            return self.complete(context).await;
        }
        context.published.promote(&self.staging(), &self.folder()).await
    }

    async fn complete(&self, context: &Context<'_>) -> Result<()> {
        let mut files = self.approved.files.clone();
        files.push((RECORD.to_owned(), self.record.to_bytes()?));
        for (name, bytes) in files {
            let path = format!("{}/{name}", self.folder());
            match context.published.try_read(&path).await? {
                None => context.published.put(&path, bytes).await?,
                Some(there) if there == bytes => {}
                Some(_) => {
                    return Err(Error::failed("release.immutable", format!("{path} is there with other bytes"))
                        .with_hint("a published version never changes: restore the file, or withdraw the version"));
                }
            }
        }
        Ok(())
    }

    /// Makes `latest.json` point to it.
    pub(super) async fn point(&self, context: &Context<'_>) -> Result<()> {
        let entries = context.ledger().entries().await?;
        point_latest(context.published, &self.record.pipeline, &entries, Some(self.record.version)).await?;
        Ok(())
    }

    /// Writes the publication into the ledger, once, and removes what staging left behind.
    pub(super) async fn record(&self, context: &Context<'_>, actor: &str) -> Result<()> {
        let (target, version) = (self.approved.target().clone(), self.record.version);
        let event = Event::Publication { target, version, record_digest: sha256_hex(&self.record.to_bytes()?) };
        let entries = context.ledger().entries().await?;
        if entries.iter().all(|entry| entry.event != event) {
            context.ledger().append(context.now, actor, event).await?;
        }
        context.published.remove_all(&self.staging()).await
    }

    fn folder(&self) -> String {
        folder(&self.record.pipeline, self.record.version)
    }

    fn staging(&self) -> String {
        format!("_staging/{}", self.record.pipeline)
    }
}

/// Whether the folder of `version` has no record and holds nothing but files of `approved`.
async fn is_beginning_of(approved: &ApprovedCandidate, published: &Store, version: u32) -> Result<bool> {
    let folder = folder(&approved.target().pipeline, version);
    for entry in published.list(&folder).await? {
        let name = entry.path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
        let file = approved.files.iter().find(|(file, _)| Some(file.as_str()) == name);
        let Some((_, bytes)) = file else { return Ok(false) };
        if published.read(&entry.path).await? != *bytes {
            return Ok(false);
        }
    }
    Ok(true)
}
