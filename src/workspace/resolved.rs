//! The workspace as later code sees it: every reference resolved, every check passed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::diagnose::nearest_word;
use super::document::Document;
use super::{Agreement, Contract, DataClause, Pipeline, Roles, Settings, Source};
use crate::error::{Error, Result};

/// A workspace that passed all checks.
#[derive(Debug)]
pub struct Workspace {
    /// The folder that holds `config/` and `pipelines/`.
    pub root: PathBuf,
    /// `config/accord.yaml`.
    pub settings: Settings,
    /// `config/roles.yaml`.
    pub roles: Roles,
    /// `config/agreements/`, by id.
    pub agreements: BTreeMap<String, Arc<Agreement>>,
    /// `config/contracts/`, by id.
    pub contracts: BTreeMap<String, Arc<Contract>>,
    /// `pipelines/`, by name.
    pub pipelines: BTreeMap<String, ResolvedPipeline>,
}

/// A pipeline with all that it refers to.
#[derive(Debug)]
pub struct ResolvedPipeline {
    /// What its author wrote.
    pub spec: Pipeline,
    /// Its folder, relative to the workspace.
    pub directory: PathBuf,
    /// The agreement it runs under.
    pub agreement: Arc<Agreement>,
    /// SHA-256 of the agreement's file, in hexadecimal.
    pub agreement_digest: String,
    /// Its sources in written order.
    pub sources: Vec<ResolvedSource>,
    /// Its models in written order.
    pub models: Vec<Model>,
    /// What stands beside `pipeline.yaml` for its links, by link.
    pub link_files: BTreeMap<String, LinkFiles>,
    /// The smallest count shown: the larger of the agreement's and the pipeline's.
    pub minimum_cell: u64,
    /// SHA-256 over everything that decides what is computed and shown: see [`plan_digest`].
    pub plan_digest: String,
    /// `pipeline.yaml` with the places of its keys and values, for messages.
    pub document: Arc<Document>,
}

/// A source with its contract and the clause that lets it be read.
#[derive(Clone, Debug)]
pub struct ResolvedSource {
    /// Its name in SQL.
    pub name: String,
    /// What the author wrote.
    pub spec: Source,
    /// What its extracts must look like.
    pub contract: Arc<Contract>,
    /// SHA-256 of the contract's file, in hexadecimal.
    pub contract_digest: String,
    /// The agreement's clause for this contract and purpose.
    pub clause: DataClause,
}

/// The files of a link by probability, as far as it names any.
#[derive(Clone, Debug, Default)]
pub struct LinkFiles {
    /// The text of its reviewed model.
    pub model: Option<String>,
    /// The text of its decisions of clerical review.
    pub decisions: Option<String>,
}

/// A SQL model.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name in SQL.
    pub name: String,
    /// Its file, relative to the workspace.
    pub path: PathBuf,
    /// The SQL.
    pub sql: String,
}

impl Workspace {
    /// The pipeline of that name.
    ///
    /// # Errors
    /// A usage error that names the nearest pipeline.
    pub fn pipeline(&self, name: &str) -> Result<&ResolvedPipeline> {
        self.pipelines.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.pipelines.keys().map(String::as_str).collect();
            let hint = match nearest_word(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the workspace has {}", names.join(", ")),
            };
            Error::usage("usage.unknown_pipeline", format!("there is no pipeline `{name}`")).with_hint(hint)
        })
    }
}

impl ResolvedPipeline {
    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&ResolvedSource> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// The places of the sources in the order in which they are read: as they are written, but a source that others
    /// refer to before those.
    #[must_use]
    pub fn reading_order(&self) -> Vec<usize> {
        let contracts: Vec<&Contract> = self.sources.iter().map(|source| source.contract.as_ref()).collect();
        reading_order(&contracts).unwrap_or_else(|_| (0..self.sources.len()).collect())
    }
}

/// The places of contracts in an order in which each stands behind those that it refers to.
///
/// # Errors
/// The place of one that refers to itself by way of others.
pub(super) fn reading_order(contracts: &[&Contract]) -> std::result::Result<Vec<usize>, usize> {
    let mut order: Vec<usize> = Vec::new();
    let mut left: Vec<usize> = (0..contracts.len()).collect();
    while !left.is_empty() {
        let waits = |at: &usize| {
            let refers = |other: &usize| contracts[*at].refers_to().any(|id| id == contracts[*other].id);
            left.iter().any(|other| other != at && refers(other))
        };
        let next = left.iter().position(|at| !waits(at)).ok_or(left[0])?;
        order.push(left.remove(next));
    }
    Ok(order)
}

/// The folder at or above `start` that holds `config/accord.yaml`.
///
/// # Errors
/// A usage error where there is none.
pub fn find_root(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().find(|folder| folder.join("config/accord.yaml").is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        let message = format!("no workspace at or above {}", start.display());
        Error::usage("usage.no_workspace", message).with_hint(
            "a workspace is a folder that holds config/accord.yaml; go into one, or name it with --workspace",
        )
    })
}

/// SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// One digest over named files: SHA-256 over each path and its bytes in order of the paths, both with their length in
/// front (64 bits, little endian), so that no two sets of files share an input.
pub(super) fn plan_digest(mut files: Vec<(String, &[u8])>) -> String {
    files.sort();
    files.dedup();
    let mut hasher = Sha256::new();
    hasher.update(b"accord plan v1\0");
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hex::encode(hasher.finalize())
}
