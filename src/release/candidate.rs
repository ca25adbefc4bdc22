//! A candidate: a folder `candidates/PIPELINE/ID/` of the state storage, named after its content.
//!
//! `release/` holds the very bytes to be published, `steward/` what only stewards see, and `candidate.json`, written
//! last, names all of it: a candidate exists only when it is whole, and equal inputs end in equal bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::{candidate_digest, sha256_hex};
use super::event::Event;
use super::files::{self, File, PublishedTable, Reasons, SUMS};
use super::input::{CandidateInput, MeasureKind, OutputTable, SourceNote, is_file_name};
use super::method::Method;
use crate::error::{Context as _, Error, Result};
use crate::storage::Store;

const FOLDER: &str = "candidates";
const MANIFEST: &str = "candidate.json";
const RELEASE: &str = "release";
const STEWARD: &str = "steward";
/// Digits of a candidate's digest that make its id.
const ID_DIGITS: usize = 16;

/// A candidate that is whole.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its id: the first 16 digits of its digest.
    pub id: String,
    /// The digest that stewards sign: over all public files and the manifest.
    pub digest: String,
    /// SHA-256 of `candidate.json`.
    pub manifest_digest: String,
    /// SHA-256 of the public files' `SHA256SUMS`.
    pub sums_digest: String,
    /// What `candidate.json` says.
    pub manifest: Manifest,
}

/// What `candidate.json` says. It has no time in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this structure.
    pub format: u32,
    /// The pipeline.
    pub pipeline: String,
    /// The release's title.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// The agreement.
    pub agreement: String,
    /// Its title.
    pub agreement_title: String,
    /// The purpose.
    pub purpose: String,
    /// The legal basis.
    pub legal_basis: String,
    /// SHA-256 of the plan.
    pub plan_digest: String,
    /// SHA-256 of the agreement.
    pub agreement_digest: String,
    /// Fingerprint of extracts, configuration and keys.
    pub inputs_digest: String,
    /// Fingerprint of the key.
    pub key_fingerprint: String,
    /// Who receives the release.
    pub recipients: Vec<String>,
    /// The licence.
    pub licence: Option<String>,
    /// Sources to name.
    pub attribution: Vec<String>,
    /// Where the rows come from.
    pub sources: Vec<SourceNote>,
    /// How figures are protected.
    #[serde(default)]
    pub method: Method,
    /// The tables, in short.
    pub tables: Vec<ManifestTable>,
    /// Rows in and out of each step.
    pub books: Value,
    /// The disclosure audit's report.
    pub audit: Value,
    /// The rules of disclosure control.
    pub policy: Value,
    /// Versions of the pipeline beside which it was audited.
    #[serde(default)]
    pub beside: Vec<u32>,
    /// Versions of other pipelines over the same people beside which it was audited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside_others: BTreeMap<String, Vec<u32>>,
    /// Every file of the candidate but this one.
    pub files: Vec<ManifestFile>,
}

/// A table, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestTable {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Rows.
    pub rows: usize,
    /// Counts that it could show.
    pub counts: usize,
    /// Counts that it hides.
    pub hidden: usize,
}

/// A file of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Its path in the candidate's folder.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// Writes a candidate. Doing it again, also after a kill, ends in the same bytes.
///
/// # Errors
/// `release.rate_tells` where a rate gives a hidden count away; `release.shape` for a bug in a step before; the
/// storage's.
pub async fn lay_down(store: &Store, input: &CandidateInput) -> Result<Candidate> {
    if !is_file_name(&input.pipeline) {
        return Err(Error::internal("release.shape", "lay down a candidate: the pipeline's name can't be a folder's"));
    }
    input.tables.iter().try_for_each(OutputTable::check)?;
    let mut all = in_folder(RELEASE, files::release_files(input)?);
    all.extend(in_folder(STEWARD, files::steward_files(input)?));
    let manifest = manifest(input, &all);
    let bytes = manifest_bytes(&manifest)?;
    let candidate = Candidate::new(manifest, &bytes)?;
    for file in all {
        store.put(&candidate.path(&file.name), file.bytes).await?;
    }
    store.put(&candidate.path(MANIFEST), bytes).await?;
    Ok(candidate)
}

/// Ids of all whole candidates of a pipeline, sorted.
///
/// # Errors
/// The storage's.
pub async fn list(store: &Store, pipeline: &str) -> Result<Vec<String>> {
    let prefix = format!("{FOLDER}/{pipeline}");
    let entries = store.list(&prefix).await?;
    let id = |path: &str| {
        let (id, file) = path.strip_prefix(&prefix)?.strip_prefix('/')?.split_once('/')?;
        (file == MANIFEST).then(|| id.to_owned())
    };
    Ok(entries.iter().filter_map(|entry| id(&entry.path)).collect())
}

impl Candidate {
    fn new(manifest: Manifest, bytes: &[u8]) -> Result<Self> {
        let sums = format!("{RELEASE}/{SUMS}");
        let sums =
            manifest.files.iter().find(|file| file.path == sums).ok_or_else(|| damaged("it names no checksums"))?;
        let (sums_digest, manifest_digest) = (sums.sha256.clone(), sha256_hex(bytes));
        let digest = candidate_digest(&sums_digest, &manifest_digest);
        Ok(Self { id: digest[..ID_DIGITS].to_owned(), digest, manifest_digest, sums_digest, manifest })
    }

    /// Reads a candidate; `id` may be shortened as long as it fits one only.
    ///
    /// # Errors
    /// `release.no_candidate`; `release.damaged` where its manifest was changed; the storage's.
    pub async fn load(store: &Store, pipeline: &str, id: &str) -> Result<Self> {
        let ids = list(store, pipeline).await?;
        let mut fitting = ids.iter().filter(|one| !id.is_empty() && one.starts_with(id));
        let (Some(id), None) = (fitting.next(), fitting.next()) else {
            let hint = format!("`accord release list {pipeline}` shows the candidates");
            return Err(Error::usage(
                "release.no_candidate",
                format!("no one candidate of `{pipeline}` has the id `{id}`"),
            )
            .with_hint(hint));
        };
        let bytes = store.read(&format!("{FOLDER}/{pipeline}/{id}/{MANIFEST}")).await?;
        let manifest =
            serde_json::from_slice(&bytes).map_err(|error| damaged("its manifest is none").with_source(error))?;
        let candidate = Self::new(manifest, &bytes)?;
        if candidate.id != *id || candidate.manifest.pipeline != pipeline {
            return Err(damaged("its manifest is not the one that it is named after"));
        }
        Ok(candidate)
    }

    /// Checks that every file is as the manifest says.
    ///
    /// # Errors
    /// `release.damaged` naming a file; the storage's.
    pub async fn check_files(&self, store: &Store) -> Result<()> {
        for file in &self.manifest.files {
            let bytes = store.try_read(&self.path(&file.path)).await?;
            if bytes.is_none_or(|bytes| sha256_hex(&bytes) != file.sha256) {
                return Err(damaged("a file is not as it was written"))
                    .context(|| format!("check {} of candidate {}", file.path, self.id));
            }
        }
        Ok(())
    }

    /// The event that puts the candidate before the stewards.
    #[must_use]
    pub fn event(&self, run: Option<String>) -> Event {
        Event::Candidate {
            pipeline: self.manifest.pipeline.clone(),
            candidate: self.id.clone(),
            digest: self.digest.clone(),
            plan_digest: self.manifest.plan_digest.clone(),
            agreement: self.manifest.agreement.clone(),
            agreement_digest: self.manifest.agreement_digest.clone(),
            run,
        }
    }

    /// The folder of the state storage that holds what would be published.
    #[must_use]
    pub fn release_folder(&self) -> String {
        self.path(RELEASE)
    }

    /// Reads a table as it would be published.
    ///
    /// # Errors
    /// `release.not_ours`; the storage's.
    pub async fn table(&self, store: &Store, table: &str) -> Result<PublishedTable> {
        files::read_table(store.read(&self.path(&format!("{RELEASE}/{table}.parquet"))).await?)
    }

    /// Reads why figures of a table are shown or hidden. For stewards only.
    ///
    /// # Errors
    /// `release.not_ours`; the storage's.
    pub async fn reasons(&self, store: &Store, table: &str) -> Result<Reasons> {
        files::read_reasons(store.read(&self.path(&format!("{STEWARD}/reasons_{table}.parquet"))).await?)
    }

    /// The public files, by name.
    ///
    /// # Errors
    /// `release.damaged` naming a file; the storage's.
    pub(super) async fn public_files(&self, store: &Store) -> Result<Vec<(String, Bytes)>> {
        let mut found = Vec::new();
        for file in &self.manifest.files {
            if let Some(name) = file.path.strip_prefix(RELEASE).and_then(|rest| rest.strip_prefix('/')) {
                let bytes = store.read(&self.path(&file.path)).await?;
                if sha256_hex(&bytes) != file.sha256 {
                    return Err(damaged("a file is not as it was written"))
                        .context(|| format!("read {} of candidate {}", file.path, self.id));
                }
                found.push((name.to_owned(), bytes));
            }
        }
        Ok(found)
    }

    fn path(&self, file: &str) -> String {
        format!("{FOLDER}/{}/{}/{file}", self.manifest.pipeline, self.id)
    }
}

impl Manifest {
    /// The contracts of the extracts from which it was made, once each.
    pub(super) fn contracts(&self) -> Vec<String> {
        let mut contracts: Vec<String> = self.sources.iter().map(|source| source.contract.clone()).collect();
        contracts.sort();
        contracts.dedup();
        contracts
    }
}

fn in_folder(folder: &str, files: Vec<File>) -> Vec<File> {
    files.into_iter().map(|file| File { name: format!("{folder}/{}", file.name), bytes: file.bytes }).collect()
}

fn manifest(input: &CandidateInput, files: &[File]) -> Manifest {
    let file = |file: &File| ManifestFile {
        path: file.name.clone(),
        size: file.bytes.len() as u64,
        sha256: sha256_hex(&file.bytes),
    };
    Manifest {
        format: 1,
        pipeline: input.pipeline.clone(),
        title: input.title.clone(),
        description: input.description.clone(),
        agreement: input.agreement.clone(),
        agreement_title: input.agreement_title.clone(),
        purpose: input.purpose.clone(),
        legal_basis: input.legal_basis.clone(),
        plan_digest: input.plan_digest.clone(),
        agreement_digest: input.agreement_digest.clone(),
        inputs_digest: input.inputs_digest.clone(),
        key_fingerprint: input.key_fingerprint.clone(),
        recipients: input.recipients.clone(),
        licence: input.licence.clone(),
        attribution: input.attribution.clone(),
        sources: input.sources.clone(),
        method: input.method.clone(),
        tables: input.tables.iter().map(in_short).collect(),
        books: input.books.clone(),
        audit: input.audit.clone(),
        policy: input.policy.clone(),
        beside: input.beside.clone(),
        beside_others: input.beside_others.clone(),
        files: files.iter().map(file).collect(),
    }
}

fn in_short(table: &OutputTable) -> ManifestTable {
    let counted = table.measures.iter().zip(&table.values).filter(|(measure, _)| measure.kind == MeasureKind::Count);
    let (mut counts, mut hidden) = (0, 0);
    for (_, values) in counted {
        counts += values.len();
        hidden += (0..values.len()).filter(|&row| !values.is_shown(row)).count();
    }
    ManifestTable { name: table.name.clone(), title: table.title.clone(), rows: table.rows(), counts, hidden }
}

fn manifest_bytes(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(manifest)
        .map_err(|error| Error::internal("release.manifest", "write a candidate's manifest").with_source(error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn damaged(what: &str) -> Error {
    Error::failed("release.damaged", format!("the candidate is damaged: {what}"))
        .with_hint("`accord run` makes it anew; approvals of the damaged one do not count")
}
