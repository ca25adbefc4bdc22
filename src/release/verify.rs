//! Checks of a published version with nothing but the storage of what is published.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::approval::{Decision, SignedFields, verify_approval};
use super::digest::{candidate_digest, sha256_hex};
use super::event::Signed;
use super::files::{PublishedTable, SUMS, parse_sums, read_table};
use super::keys::Stewards;
use super::proof;
use super::table_checks::{figures_fit_method, rates_follow_from_counts, statuses_fit_figures, totals_add_up};
use super::version::{RECORD, ReleaseRecord, folder, latest, record_of};
use crate::error::{Error, Result};
use crate::storage::Store;

/// What was checked and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The pipeline.
    pub pipeline: String,
    /// The version.
    pub version: u32,
    /// Its folder.
    pub path: String,
    /// The checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// How many things were checked, or what does not hold. Never a figure.
    pub detail: String,
}

impl VerifyReport {
    /// Whether every check holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

/// The outcome of a check: what was checked, or what does not hold.
pub(super) type Outcome = std::result::Result<String, String>;

/// Verifies a version, the latest where none is named. With `stewards` it also checks that the keys are those of the
/// workspace's stewards.
///
/// # Errors
/// `release.no_version` where there is none; the storage's. Whatever does not hold is in the report.
pub async fn verify(
    published: &Store,
    pipeline: &str,
    version: Option<u32>,
    stewards: Option<&Stewards>,
) -> Result<VerifyReport> {
    let version = match version {
        Some(version) => Some(version),
        None => latest(published, pipeline).await?.and_then(|latest| latest.version),
    };
    let found = match version {
        Some(version) => record_of(published, pipeline, version).await?,
        None => None,
    };
    let Some((record, _)) = found else {
        return Err(Error::usage("release.no_version", format!("`{pipeline}` has no such published version"))
            .with_hint(format!("`accord release list {pipeline}` shows what is published")));
    };
    let version = version.unwrap_or(record.version);
    let path = folder(pipeline, version);
    let files = read_all(published, &path).await?;
    let mut checks = vec![
        check("record", place(&record, pipeline, version)),
        check("files", whole(&record, &files)),
        check("checksums", sums(&files)),
        check("digest", digest(&record, &files)),
        check("approvals", approvals(&record)),
    ];
    if let Some(stewards) = stewards {
        checks.push(check("stewards", known(&record, stewards)));
    }
    checks.push(check("data package", package(&files)));
    for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".parquet")) {
        checks.extend(table(name, bytes));
    }
    checks.extend(certificate(&files));
    Ok(VerifyReport { pipeline: pipeline.to_owned(), version, path, checks })
}

/// The certificate, where there is one.
fn certificate(files: &BTreeMap<String, Bytes>) -> Option<Check> {
    let outcome = match proof::check_files(files) {
        Ok(None) => return None,
        Ok(Some(proof)) => {
            let report = proof.report;
            let proven = report.hidden - report.unproven;
            Ok(format!(
                "{proven} of {} hidden figures stay hidden, shown by {} whole tables",
                report.hidden, report.tables
            ))
        }
        Err(error) => Err(error.to_string()),
    };
    Some(check("certificate", outcome))
}

fn check(name: impl Into<String>, outcome: Outcome) -> Check {
    let ok = outcome.is_ok();
    Check { name: name.into(), ok, detail: outcome.unwrap_or_else(|what| what) }
}

async fn read_all(published: &Store, path: &str) -> Result<BTreeMap<String, Bytes>> {
    let mut files = BTreeMap::new();
    for entry in published.list(path).await? {
        if let Some(name) = entry.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) {
            files.insert(name.to_owned(), published.read(&entry.path).await?);
        }
    }
    Ok(files)
}

fn place(record: &ReleaseRecord, pipeline: &str, version: u32) -> Outcome {
    if record.pipeline == pipeline && record.approved.pipeline == pipeline && record.version == version {
        Ok(format!("{RECORD} is that of {pipeline} version {version}"))
    } else {
        Err(format!("{RECORD} is that of another version"))
    }
}

/// Every file of the record is there as recorded, and no other.
fn whole(record: &ReleaseRecord, files: &BTreeMap<String, Bytes>) -> Outcome {
    for file in &record.files {
        match files.get(&file.path) {
            None => return Err(format!("{} is missing", file.path)),
            Some(bytes) if sha256_hex(bytes) != file.sha256 => return Err(format!("{} was changed", file.path)),
            Some(_) => {}
        }
    }
    let strange = files.keys().find(|name| *name != RECORD && record.files.iter().all(|file| file.path != **name));
    strange.map_or_else(
        || Ok(format!("{} files are as they were published", record.files.len())),
        |name| Err(format!("{name} does not belong to the version")),
    )
}

/// `SHA256SUMS` covers every file but itself and the record: what is signed reaches each of them.
fn sums(files: &BTreeMap<String, Bytes>) -> Outcome {
    let sums = files.get(SUMS).and_then(|bytes| parse_sums(bytes)).ok_or(format!("{SUMS} is missing or no list"))?;
    for name in files.keys().filter(|name| *name != SUMS && *name != RECORD) {
        if sums.iter().all(|(_, listed)| listed != name) {
            return Err(format!("{SUMS} does not list {name}"));
        }
    }
    for (digest, name) in &sums {
        if files.get(name).is_none_or(|bytes| sha256_hex(bytes) != *digest) {
            return Err(format!("{name} is not as {SUMS} says"));
        }
    }
    Ok(format!("{} files match {SUMS}", sums.len()))
}

/// The digest that was signed is that of these files.
fn digest(record: &ReleaseRecord, files: &BTreeMap<String, Bytes>) -> Outcome {
    let sums = files.get(SUMS).map(|bytes| sha256_hex(bytes)).unwrap_or_default();
    let digest = candidate_digest(&sums, &record.manifest_digest);
    if sums == record.sums_digest && digest == record.approved.digest && digest.starts_with(&record.approved.candidate)
    {
        Ok("the files are those of the approved candidate".to_owned())
    } else {
        Err("the files are not those of the approved candidate".to_owned())
    }
}

fn approvals(record: &ReleaseRecord) -> Outcome {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for approval in &record.approvals {
        let signed = Signed {
            party: approval.party.clone(),
            public_key: approval.public_key.clone(),
            signature: approval.signature.clone(),
        };
        let (target, steward) = (&record.approved, approval.steward.as_str());
        let fields = SignedFields { decision: Decision::Approve, target, steward, reason: "" };
        if !verify_approval(&fields, &signed) {
            return Err(format!("the signature of {steward} is not valid"));
        }
        if seen.iter().any(|(id, key)| *id == steward || *key == approval.public_key) {
            return Err(format!("{steward} is counted twice"));
        }
        seen.push((steward, &approval.public_key));
    }
    if seen.is_empty() || seen.len() < record.required {
        return Err(format!("{} of {} approvals are there", seen.len(), record.required.max(1)));
    }
    let missing = record.one_from_each.iter().find(|party| record.approvals.iter().all(|one| one.party != **party));
    missing.map_or_else(
        || Ok(format!("{} signatures are valid", seen.len())),
        |party| Err(format!("no steward of {party} has approved")),
    )
}

fn known(record: &ReleaseRecord, stewards: &Stewards) -> Outcome {
    for approval in &record.approvals {
        let fits = stewards
            .get(&approval.steward)
            .is_some_and(|steward| steward.public_key == approval.public_key && steward.party == approval.party);
        if !fits {
            return Err(format!("the key of {} is not the one in config/roles.yaml", approval.steward));
        }
    }
    Ok("the keys are those of the stewards in config/roles.yaml".to_owned())
}

fn package(files: &BTreeMap<String, Bytes>) -> Outcome {
    let bytes = files.get("datapackage.json").ok_or("datapackage.json is missing")?;
    let package: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| "datapackage.json is no JSON")?;
    let resources = package["resources"].as_array().ok_or("datapackage.json has no resources")?;
    for resource in resources {
        let path = resource["path"].as_str().unwrap_or_default();
        let hash = files.get(path).map(|bytes| format!("sha256:{}", sha256_hex(bytes)));
        if hash.is_none() || resource["hash"].as_str() != hash.as_deref() {
            return Err(format!("`{path}` is not as datapackage.json says"));
        }
    }
    Ok(format!("{} resources match datapackage.json", resources.len()))
}

/// The checks of one table.
pub(super) fn table(name: &str, bytes: &Bytes) -> Vec<Check> {
    let table: PublishedTable = match read_table(bytes.clone()) {
        Ok(table) => table,
        Err(error) => return vec![check(format!("{name}: readable"), Err(error.to_string()))],
    };
    vec![
        check(format!("{name}: statuses"), statuses_fit_figures(&table)),
        check(format!("{name}: rates"), rates_follow_from_counts(&table)),
        check(format!("{name}: totals"), totals_add_up(&table)),
        check(format!("{name}: method"), figures_fit_method(&table)),
    ]
}
