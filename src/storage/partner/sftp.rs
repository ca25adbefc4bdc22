//! SFTP: the system's `ssh` makes the connection, `openssh-sftp-client` speaks the protocol over its pipes.
//!
//! Guarantees: only the named key is offered, no agent, no password and no other method; only a server whose key stands
//! in the named file of known hosts is spoken to, and that file is never written; no configuration and no variable of
//! the account or the machine takes part. Nothing is written at the partner: this file knows no request that could.

mod ssh;

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use openssh_sftp_client::Error as SftpError;
use openssh_sftp_client::error::SftpErrorKind;
use openssh_sftp_client::file::File;
use openssh_sftp_client::metadata::MetaData;
use secrecy::ExposeSecret;
use tokio::io::AsyncSeekExt;
use tokio::sync::Mutex;

use super::fault::{Cause, denied, not_found, unreachable};
use super::{PartnerEntry, Pieces};
use crate::error::{Error, Result};
use crate::workspace::{SecretRef, Secrets};
use ssh::{Address, Connection};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes of one piece, and how many of them are asked for ahead: 2 MiB under way.
const PIECE: u64 = 256 << 10;
const AHEAD: usize = 8;

/// An SFTP server; it is connected to at the first need, and again where the connection was lost.
#[derive(Clone)]
pub(super) struct Sftp {
    address: Arc<Address>,
    /// The folder all paths are relative to; the account's home where it is empty.
    root: PathBuf,
    connection: Arc<Mutex<Option<Arc<Connection>>>>,
}

impl Sftp {
    pub(super) fn open(
        endpoint: &SecretRef,
        user: &SecretRef,
        key_file: &Path,
        known_hosts: &Path,
        root: Option<&str>,
        secrets: &dyn Secrets,
    ) -> Result<Self> {
        let endpoint = secrets.resolve(endpoint)?;
        let user = secrets.resolve(user)?;
        let address = Address::new(endpoint.expose_secret(), user.expose_secret(), key_file, known_hosts)?;
        Ok(Self { address: Arc::new(address), root: PathBuf::from(root.unwrap_or("")), connection: Arc::default() })
    }

    /// What is in a folder; nothing where it is missing.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<PartnerEntry>> {
        let shown = if folder.is_empty() { "its root" } else { folder };
        let connection = self.connection().await?;
        let full = if folder.is_empty() && self.root.as_os_str().is_empty() { ".".into() } else { self.full(folder) };
        let opened = self.answer("list", shown, connection.sftp.fs().open_dir(&full)).await;
        let Some(dir) = absent_is_none(opened)? else { return Ok(Vec::new()) };
        let entries = self.answer("list", shown, dir.read_dir().try_collect::<Vec<_>>()).await?;
        let mut found = Vec::new();
        for one in entries {
            // What is not UTF-8 can't be written into `from`.
            let Some(name) = one.filename().to_str().filter(|name| !matches!(*name, "." | "..")) else { continue };
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let metadata = one.metadata();
            if metadata.file_type().is_some_and(|kind| kind.is_file() || kind.is_dir()) {
                found.push(entry(path, &metadata));
            } else {
                // A link shows what it leads to, where it leads anywhere.
                found.extend(self.stat(&path).await?);
            }
        }
        Ok(found)
    }

    /// What a file is now; none where it is missing, or neither a file nor a folder.
    pub(super) async fn stat(&self, path: &str) -> Result<Option<PartnerEntry>> {
        let connection = self.connection().await?;
        let full = self.full(path);
        let mut fs = connection.sftp.fs();
        let found = absent_is_none(self.answer("look at", path, fs.metadata(&full)).await)?;
        let usable = found.filter(|one| one.file_type().is_some_and(|kind| kind.is_file() || kind.is_dir()));
        Ok(usable.map(|metadata| entry(path.to_owned(), &metadata)))
    }

    pub(super) async fn stream(&self, path: &str) -> Result<Pieces> {
        let connection = self.connection().await?;
        let full = self.full(path);
        let mut file = self.answer("read", path, connection.sftp.open(&full)).await?;
        let size = self.answer("read", path, file.metadata()).await?.len().unwrap_or(0);
        let (sftp, path) = (self.clone(), path.to_owned());
        let pieces = futures::stream::iter((0..size).step_by(PIECE as usize)).map(move |start| {
            let (sftp, file, path) = (sftp.clone(), file.clone(), path.clone());
            // The connection lives as long as something is read from it.
            let connection = Arc::clone(&connection);
            async move {
                let piece = sftp.answer("read", &path, piece(file, start, PIECE.min(size - start))).await;
                drop(connection);
                piece
            }
        });
        Ok(pieces.buffered(AHEAD).boxed())
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref() {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(self.address.connect().await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Waits for an answer. Where the connection is lost, the next request makes another one.
    async fn answer<T>(&self, doing: &str, path: &str, asked: impl Future<Output = Result<T, SftpError>>) -> Result<T> {
        let said = format!("{doing} {path}");
        let error = match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(SftpError::SftpError(SftpErrorKind::NoSuchFile, _))) => return Err(not_found(&said)),
            Ok(Err(SftpError::SftpError(SftpErrorKind::PermDenied, _))) => return Err(denied(&said)),
            Ok(Err(other)) => other.to_string(),
            Err(_) => format!("no answer within {} seconds", ANSWER.as_secs()),
        };
        *self.connection.lock().await = None;
        Err(unreachable(&said).with_source(Cause(error)))
    }

    fn full(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

/// All bytes of one piece. A server may give fewer than were asked for, and the client's own place in the file then
/// stands behind what it gave: so the place is set before each request.
async fn piece(mut file: File, start: u64, length: u64) -> Result<Bytes, SftpError> {
    let mut whole = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
    while (whole.len() as u64) < length {
        let done = whole.len() as u64;
        file.seek(SeekFrom::Start(start + done)).await?;
        let wanted = u32::try_from(length - done).unwrap_or(u32::MAX);
        // A file that got shorter ends here; whoever asked sees that bytes are missing.
        let Some(read) = file.read(wanted, BytesMut::new()).await? else { break };
        if read.is_empty() {
            break;
        }
        whole.extend_from_slice(&read);
    }
    Ok(whole.freeze())
}

fn entry(path: String, metadata: &MetaData) -> PartnerEntry {
    let is_folder = metadata.file_type().is_some_and(|kind| kind.is_dir());
    let modified = metadata.modified().and_then(|time| Timestamp::from_second(i64::from(time.into_raw())).ok());
    PartnerEntry { path, is_folder, size: if is_folder { 0 } else { metadata.len().unwrap_or(0) }, modified, tag: None }
}

fn absent_is_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.code() == "storage.not_found" => Ok(None),
        other => other.map(Some),
    }
}

/// A mistake in the configuration of a server.
fn misconfigured(said: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::config("storage.config", said).with_hint(hint)
}
