//! The layout of what is published: `PIPELINE/v0001/` with its files and `RELEASE.json`, and `PIPELINE/latest.json`.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::approved::ApprovedCandidate;
use super::candidate::{Candidate, ManifestFile};
use super::digest::sha256_hex;
use super::event::{Entry, Event, Target};
use super::method::Method;
use crate::error::{Error, Result};
use crate::storage::Store;

/// The record of a version, beside its files.
pub(super) const RECORD: &str = "RELEASE.json";
const LATEST: &str = "latest.json";

/// What `RELEASE.json` says: all that is needed to verify a version with nothing but its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// The version of this structure.
    pub format: u32,
    /// The pipeline.
    pub pipeline: String,
    /// The version.
    pub version: u32,
    /// The release's title.
    pub title: String,
    /// The agreement.
    pub agreement: String,
    /// What was approved: candidate, round, and the digests of candidate, plan and agreement.
    pub approved: Target,
    /// SHA-256 of `SHA256SUMS`. With the next it gives the candidate's digest.
    pub sums_digest: String,
    /// SHA-256 of the candidate's manifest, which stewards have.
    pub manifest_digest: String,
    /// The contracts of the extracts from which it was made: releases of other pipelines over the same people read one of
    /// them, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<String>,
    /// How figures are protected; suppression where it is left out.
    #[serde(default, skip_serializing_if = "Method::is_suppression")]
    pub method: Method,
    /// How many approvals the agreement asks for.
    pub required: usize,
    /// Parties of which one steward each must have approved.
    pub one_from_each: Vec<String>,
    /// The approvals.
    pub approvals: Vec<PublicApproval>,
    /// When it was published.
    pub published_at: Timestamp,
    /// The day of it, where the agreement's days are counted.
    pub published_on: Date,
    /// All files but this one.
    pub files: Vec<ManifestFile>,
}

/// An approval, to be verified by anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicApproval {
    /// The steward's account.
    pub steward: String,
    /// The party that the steward speaks for.
    pub party: String,
    /// When.
    pub at: Timestamp,
    /// The Ed25519 public key.
    pub public_key: String,
    /// The Ed25519 signature.
    pub signature: String,
}

/// What `latest.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latest {
    /// The pipeline.
    pub pipeline: String,
    /// The newest version that was not withdrawn; none where all were.
    pub version: Option<u32>,
    /// Its folder.
    pub path: Option<String>,
    /// The candidate's id.
    pub candidate: Option<String>,
    /// The candidate's digest.
    pub digest: Option<String>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Versions that were withdrawn. Their files stay.
    pub withdrawn: Vec<WithdrawnVersion>,
}

/// A version that was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawnVersion {
    /// The version.
    pub version: u32,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// The folder of a version in the storage of what is published.
#[must_use]
pub fn folder(pipeline: &str, version: u32) -> String {
    format!("{pipeline}/v{version:04}")
}

/// What `latest.json` of a pipeline says; none where nothing was ever published.
///
/// # Errors
/// `release.latest` where it is not as Accord wrote it; the storage's.
pub async fn latest(published: &Store, pipeline: &str) -> Result<Option<Latest>> {
    let path = latest_path(pipeline);
    let Some(bytes) = published.try_read(&path).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::failed("release.latest", format!("{path} is not as it was written"))
            .with_source(error)
            .with_hint("publish or withdraw again: it is written anew")
    })
}

fn latest_path(pipeline: &str) -> String {
    format!("{pipeline}/{LATEST}")
}

/// Numbers of all versions of a pipeline of which anything is there, ascending.
pub(super) async fn versions(published: &Store, pipeline: &str) -> Result<Vec<u32>> {
    let number = |path: &str| {
        let name = path.strip_prefix(pipeline)?.strip_prefix('/')?.split_once('/')?.0;
        name.strip_prefix('v').filter(|digits| digits.len() >= 4)?.parse().ok()
    };
    let mut versions: Vec<u32> =
        published.list(pipeline).await?.iter().filter_map(|entry| number(&entry.path)).collect();
    versions.sort_unstable();
    versions.dedup();
    Ok(versions)
}

/// The record of a version with its bytes; none where it is not there (yet).
pub(super) async fn record_of(
    published: &Store,
    pipeline: &str,
    version: u32,
) -> Result<Option<(ReleaseRecord, Bytes)>> {
    let path = format!("{}/{RECORD}", folder(pipeline, version));
    let Some(bytes) = published.try_read(&path).await? else { return Ok(None) };
    let record = serde_json::from_slice(&bytes).map_err(|error| {
        Error::failed("release.record", format!("{path} is not as it was published"))
            .with_source(error)
            .with_hint("restore the file from a backup")
    })?;
    Ok(Some((record, bytes)))
}

/// Versions that its audit did not know, other than a candidate's own: of its pipeline, and of others over the same people.
///
/// # Errors
/// `release.record` for a version whose record was changed; the storage's.
pub async fn not_beside(published: &Store, candidate: &Candidate) -> Result<Vec<(String, u32)>> {
    let manifest = &candidate.manifest;
    let mut unknown = Vec::new();
    for version in versions(published, &manifest.pipeline).await? {
        if !manifest.beside.contains(&version)
            && let Some((record, _)) = record_of(published, &manifest.pipeline, version).await?
            && record.approved.candidate != candidate.id
        {
            unknown.push((manifest.pipeline.clone(), version));
        }
    }
    for (pipeline, versions) in over_the_same(published, &manifest.pipeline, &manifest.contracts()).await? {
        let known = manifest.beside_others.get(&pipeline).map_or(&[][..], Vec::as_slice);
        let new = versions.into_iter().filter(|version| !known.contains(version));
        unknown.extend(new.map(|version| (pipeline.clone(), version)));
    }
    Ok(unknown)
}

/// The published versions of other pipelines that read an extract of one of these contracts, ascending. One whose record
/// does not say what it read counts as well.
///
/// # Errors
/// `release.record` for a version whose record was changed; the storage's.
pub async fn over_the_same(
    published: &Store,
    pipeline: &str,
    contracts: &[String],
) -> Result<BTreeMap<String, Vec<u32>>> {
    let mut found: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for entry in published.list("").await? {
        let Some((other, folder)) = entry.path.split_once('/') else { continue };
        let Some(version) = folder.strip_suffix(RECORD).and_then(|folder| folder.strip_suffix('/')) else { continue };
        let Some(version) = version.strip_prefix('v').and_then(|digits| digits.parse().ok()) else { continue };
        if other == pipeline {
            continue;
        }
        let Some((record, _)) = record_of(published, other, version).await? else { continue };
        if record.contracts.is_empty() || record.contracts.iter().any(|one| contracts.contains(one)) {
            found.entry(other.to_owned()).or_default().push(version);
        }
    }
    found.values_mut().for_each(|versions| versions.sort_unstable());
    Ok(found)
}

/// The version that publishes exactly `target`, finished or not.
pub(super) async fn find_version(published: &Store, target: &Target) -> Result<Option<ReleaseRecord>> {
    for version in versions(published, &target.pipeline).await?.into_iter().rev() {
        if let Some((record, _)) = record_of(published, &target.pipeline, version).await?
            && record.approved == *target
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

impl ReleaseRecord {
    /// The record of `approved` as `version`.
    pub(super) fn new(approved: &ApprovedCandidate, version: u32) -> Self {
        let manifest = &approved.case.candidate.manifest;
        let file = |(name, bytes): &(String, Bytes)| ManifestFile {
            path: name.clone(),
            size: bytes.len() as u64,
            sha256: sha256_hex(bytes),
        };
        let approval = |one: &super::approved::Approval| PublicApproval {
            steward: one.steward.clone(),
            party: one.signed.party.clone(),
            at: one.at,
            public_key: one.signed.public_key.clone(),
            signature: one.signed.signature.clone(),
        };
        Self {
            format: 1,
            pipeline: manifest.pipeline.clone(),
            version,
            title: manifest.title.clone(),
            agreement: manifest.agreement.clone(),
            approved: approved.target().clone(),
            sums_digest: approved.case.candidate.sums_digest.clone(),
            manifest_digest: approved.case.candidate.manifest_digest.clone(),
            contracts: manifest.contracts(),
            method: manifest.method.clone(),
            required: approved.case.standing.required,
            one_from_each: approved.rule.one_from_each.clone(),
            approvals: approved.approvals.iter().map(approval).collect(),
            published_at: approved.at,
            published_on: approved.on,
            files: approved.files.iter().map(file).collect(),
        }
    }

    pub(super) fn to_bytes(&self) -> Result<Bytes> {
        to_json(self)
    }
}

/// Makes `latest.json` say what the publications and withdrawals in `entries` come to, and the version `finishing`, whose
/// publication is not in the ledger yet. Writes only what differs.
pub(super) async fn point_latest(
    published: &Store,
    pipeline: &str,
    entries: &[Entry],
    finishing: Option<u32>,
) -> Result<Latest> {
    let recorded = |version: u32| {
        let publishes = |entry: &Entry| {
            matches!(&entry.event, Event::Publication { target, version: one, .. }
                if *one == version && target.pipeline == pipeline)
        };
        finishing == Some(version) || entries.iter().any(publishes)
    };
    let withdrawn = withdrawn(entries, pipeline);
    let mut latest = Latest {
        pipeline: pipeline.to_owned(),
        version: None,
        path: None,
        candidate: None,
        digest: None,
        published_at: None,
        withdrawn,
    };
    for version in versions(published, pipeline).await?.into_iter().rev() {
        if !recorded(version) || latest.withdrawn.iter().any(|one| one.version == version) {
            continue;
        }
        if let Some((record, _)) = record_of(published, pipeline, version).await? {
            latest.version = Some(version);
            latest.path = Some(folder(pipeline, version));
            latest.candidate = Some(record.approved.candidate);
            latest.digest = Some(record.approved.digest);
            latest.published_at = Some(record.published_at);
            break;
        }
    }
    let bytes = to_json(&latest)?;
    let path = latest_path(pipeline);
    if published.try_read(&path).await?.as_ref() != Some(&bytes) {
        published.put(&path, bytes).await?;
    }
    Ok(latest)
}

/// Each withdrawn version once, by its first withdrawal.
fn withdrawn(entries: &[Entry], pipeline: &str) -> Vec<WithdrawnVersion> {
    let mut withdrawn: Vec<WithdrawnVersion> = Vec::new();
    for entry in entries {
        if let Event::Withdrawal { target, version: Some(version), reason, signed: Some(_) } = &entry.event
            && target.pipeline == pipeline
            && withdrawn.iter().all(|one| one.version != *version)
        {
            withdrawn.push(WithdrawnVersion { version: *version, at: entry.at, reason: reason.clone() });
        }
    }
    withdrawn
}

fn to_json(value: &impl Serialize) -> Result<Bytes> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::internal("release.json", "write a release's record").with_source(error))?;
    bytes.push(b'\n');
    Ok(Bytes::from(bytes))
}
