//! A partner's storage: what is there, and its bytes. There is no way to write through this type.
//!
//! Object stores, WebDAV and HTTPS go through opendal, each partner with an HTTP client of its own (`web`); SFTP goes
//! through the system's `ssh` (`sftp`).

mod cloud;
mod fault;
mod sftp;
mod web;

#[cfg(test)]
mod tests;

use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use opendal::options::ListOptions;
use opendal::{EntryMode, ErrorKind, Metadata, Operator};

use super::path;
use crate::error::{Context, Result};
use crate::workspace::{PartnerStorage, Secrets};
use sftp::Sftp;

/// A file's bytes, piece by piece.
pub type Pieces = BoxStream<'static, Result<Bytes>>;

/// A partner's storage. Paths are relative to its root, with `/` between names.
#[derive(Clone)]
pub struct PartnerStore {
    partner: String,
    kind: &'static str,
    lists: bool,
    back: Back,
}

#[derive(Clone)]
enum Back {
    Cloud(Operator),
    Sftp(Sftp),
}

/// Something in a partner's storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerEntry {
    /// Its path.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its size in bytes; 0 for folders.
    pub size: u64,
    /// When it was last written, where the storage says. Some count whole seconds.
    pub modified: Option<Timestamp>,
    /// What the storage calls this content (an entity tag), where it does.
    pub tag: Option<String>,
}

impl std::fmt::Debug for PartnerStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartnerStore({}, {})", self.partner, self.kind)
    }
}

impl PartnerStore {
    /// Opens a partner's storage without a request to it. Files that the configuration names are relative to
    /// `workspace_root`. Only the given secrets are used, never any from the environment or the machine.
    ///
    /// # Errors
    /// A secret or a file is missing, an address is none, or it is not one over which secrets may go.
    pub fn open(partner: &str, config: &PartnerStorage, workspace_root: &Path, secrets: &dyn Secrets) -> Result<Self> {
        let doing = || format!("open the storage of partner `{partner}`");
        let back = match config {
            PartnerStorage::Sftp { endpoint, user, key_file, known_hosts, root } => {
                let key_file = workspace_root.join(key_file);
                let known_hosts = workspace_root.join(known_hosts);
                Sftp::open(endpoint, user, &key_file, &known_hosts, root.as_deref(), secrets).map(Back::Sftp)
            }
            other => cloud::open(other, workspace_root, secrets).map(Back::Cloud),
        };
        let back = back.context(doing)?;
        Ok(Self { partner: partner.to_owned(), kind: config.kind(), lists: config.lists(), back })
    }

    /// The `type` of its configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether it can say what is there. Where it can't, only [`Self::stat`] finds files.
    #[must_use]
    pub fn lists(&self) -> bool {
        self.lists
    }

    /// What is in a folder (`""` for the root), without what is in folders of it, sorted by path. A missing one has
    /// nothing.
    ///
    /// # Errors
    /// The storage's, with the partner's name in front.
    pub async fn list(&self, folder: &str) -> Result<Vec<PartnerEntry>> {
        let folder = path::folder(folder)?;
        let shown = if folder.is_empty() { "its root" } else { folder };
        let listed = match &self.back {
            Back::Sftp(sftp) => sftp.list(folder).await,
            Back::Cloud(operator) => {
                list(operator, folder).await.map_err(|error| fault::of_opendal("list", shown, error))
            }
        };
        let mut entries = listed.context(|| self.doing())?;
        // What is none of a storage's paths can't be asked for again.
        entries.retain(|entry| path::file(&entry.path).is_ok());
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// What a file is now; none where it is missing.
    ///
    /// # Errors
    /// The storage's, with the partner's name in front.
    pub async fn stat(&self, path: &str) -> Result<Option<PartnerEntry>> {
        let path = path::file(path)?;
        let found = match &self.back {
            Back::Sftp(sftp) => sftp.stat(path).await,
            Back::Cloud(operator) => match operator.stat(path).await {
                Ok(metadata) => Ok(Some(entry(path, &metadata))),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(fault::of_opendal("look at", path, error)),
            },
        };
        found.context(|| self.doing())
    }

    /// The content of a file from its start to its end.
    ///
    /// # Errors
    /// `storage.not_found`, or the storage's; also within the stream.
    pub async fn stream(&self, path: &str) -> Result<Pieces> {
        let path = path::file(path)?;
        let opened = match &self.back {
            Back::Sftp(sftp) => sftp.stream(path).await,
            Back::Cloud(operator) => stream(operator, path).await,
        };
        opened.context(|| self.doing())
    }

    fn doing(&self) -> String {
        format!("partner `{}` ({})", self.partner, self.kind)
    }
}

async fn list(operator: &Operator, folder: &str) -> opendal::Result<Vec<PartnerEntry>> {
    let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let listed = match operator.list_options(&within, ListOptions::default()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut entries = Vec::new();
    for one in listed {
        let name = one.path().trim_matches('/');
        // Some list the folder itself among what is in it.
        if name.is_empty() || name == folder {
            continue;
        }
        let metadata = one.metadata();
        if metadata.is_file() && metadata.last_modified().is_none() {
            entries.push(entry(name, &operator.stat(name).await?));
        } else {
            entries.push(entry(name, metadata));
        }
    }
    Ok(entries)
}

fn entry(path: &str, metadata: &Metadata) -> PartnerEntry {
    PartnerEntry {
        path: path.to_owned(),
        is_folder: metadata.mode() == EntryMode::DIR,
        size: if metadata.is_file() { metadata.content_length() } else { 0 },
        modified: metadata.last_modified().map(opendal::raw::Timestamp::into_inner),
        tag: metadata.etag().map(str::to_owned),
    }
}

async fn stream(operator: &Operator, path: &str) -> Result<Pieces> {
    let doing = |error| fault::of_opendal("read", path, error);
    let reader = operator.reader(path).await.map_err(doing)?;
    let stream = reader.into_bytes_stream(..).await.map_err(doing)?;
    let path = path.to_owned();
    Ok(stream.map(move |piece| piece.map_err(|error| fault::of_stream(&path, error))).boxed())
}
