//! The storage itself.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datafusion::object_store::ObjectStore;
use futures::{Stream, StreamExt};
use object_store_opendal::OpendalStore;
use opendal::{ErrorKind, Operator};

use super::fault::{of_io, of_opendal};
use super::local::Local;
use super::lock::Lock;
use super::remote::Remote;
use super::view::{Seen, View, read_only};
use super::writer::Writer;
use super::{path, remote};
use crate::error::{Error, Result};
use crate::workspace::{Secrets, StorageConfig};

/// A storage; cheap to clone. Paths are relative, with `/` between names.
#[derive(Clone)]
pub struct Store {
    /// Reads, and on S3 everything else that may be tried again.
    operator: Operator,
    back: Back,
    clock: fn() -> jiff::Timestamp,
}

#[derive(Clone)]
enum Back {
    Local(Arc<Local>),
    Remote(Arc<Remote>),
    /// Some files of another storage under other names, to be read alone.
    View(Arc<View>),
}

/// A file in a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, where the storage knows.
    pub modified: Option<jiff::Timestamp>,
}

/// Pieces that are read before somebody asks for them.
const AHEAD: usize = 4;

/// Reads on while what is there is being worked on.
fn ahead<T: Send + 'static>(
    mut stream: impl Stream<Item = T> + Send + Unpin + 'static,
) -> impl Stream<Item = T> + Send + Unpin + 'static {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(AHEAD);
    tokio::spawn(async move {
        while let Some(piece) = stream.next().await {
            // Nobody wants more.
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    futures::stream::poll_fn(move |context| receiver.poll_recv(context))
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.back {
            Back::Local(local) => write!(f, "Store({})", local.root.display()),
            Back::Remote(_) => f.write_str("Store(s3)"),
            Back::View(_) => f.write_str("Store(view)"),
        }
    }
}

impl Store {
    /// Opens a storage. A folder is relative to `workspace_root` and is created where it is missing. S3 uses the given
    /// access key alone, never one from the environment or the machine. `clock` gives the current time, which S3 leases
    /// need.
    ///
    /// # Errors
    /// The folder can't be created; a secret is missing; the configuration is wrong.
    pub fn open(
        config: &StorageConfig,
        workspace_root: &Path,
        secrets: &dyn Secrets,
        clock: fn() -> jiff::Timestamp,
    ) -> Result<Self> {
        match config {
            StorageConfig::Fs { root } => Self::open_folder(&workspace_root.join(root), clock),
            StorageConfig::S3 { .. } => {
                let remote = remote::open(config, secrets)?;
                Ok(Self { operator: remote.operator.clone(), back: Back::Remote(Arc::new(remote)), clock })
            }
        }
    }

    /// Opens a folder as a storage, creating it where it is missing.
    ///
    /// # Errors
    /// The folder can't be created.
    pub fn open_folder(folder: &Path, clock: fn() -> jiff::Timestamp) -> Result<Self> {
        let local = Local::open(folder)?;
        let root = local.root.to_string_lossy();
        let operator = Operator::new(opendal::services::Fs::default().root(&root))
            .map_err(|error| of_opendal("open folder", &root, error))?;
        Ok(Self { operator, back: Back::Local(Arc::new(local)), clock })
    }

    /// Some files of this storage under other names. They can be read by those names alone, and nothing can be written.
    #[must_use]
    pub fn view(&self, files: impl IntoIterator<Item = Seen>) -> Self {
        Self { back: Back::View(Arc::new(View::new(files))), ..self.clone() }
    }

    /// Where a file of this name is for the operator.
    fn place<'a>(&'a self, path: &'a str) -> Result<Cow<'a, str>> {
        match &self.back {
            Back::Local(_) | Back::Remote(_) => Ok(Cow::Borrowed(path)),
            Back::View(view) => view.place(path),
        }
    }

    /// All files below a folder (`""` for the whole storage), sorted by path. A missing folder has none.
    ///
    /// # Errors
    /// The storage's.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let prefix = path::folder(prefix)?.to_owned();
        let mut entries = match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.list(&prefix)).await?
            }
            Back::Remote(remote) => remote.list(&prefix).await?,
            Back::View(view) => view.list(&prefix),
        };
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// The whole content of a file.
    ///
    /// # Errors
    /// `storage.not_found`, or the storage's.
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        let path = path::file(path)?;
        let place = self.place(path)?;
        let buffer = self.operator.read(&place).await.map_err(|error| of_opendal("read", path, error))?;
        Ok(buffer.to_bytes())
    }

    /// The whole content of a file, none where it is missing.
    ///
    /// # Errors
    /// The storage's.
    pub async fn try_read(&self, path: &str) -> Result<Option<Bytes>> {
        let path = path::file(path)?;
        let Ok(place) = self.place(path) else { return Ok(None) };
        match self.operator.read(&place).await {
            Ok(buffer) => Ok(Some(buffer.to_bytes())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(of_opendal("read", path, error)),
        }
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// The storage's.
    pub async fn exists(&self, path: &str) -> Result<bool> {
        let path = path::file(path)?;
        let Ok(place) = self.place(path) else { return Ok(false) };
        self.operator.exists(&place).await.map_err(|error| of_opendal("look for", path, error))
    }

    /// The content of a file, piece by piece.
    ///
    /// # Errors
    /// `storage.not_found`, or the storage's; also within the stream.
    pub async fn stream(&self, path: &str) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static> {
        let path = path::file(path)?.to_owned();
        let doing = |error| of_opendal("read", &path, error);
        let place = self.place(&path)?;
        self.operator.stat(&place).await.map_err(doing)?;
        let reader = self.operator.reader(&place).await.map_err(doing)?;
        let stream = reader.into_bytes_stream(..).await.map_err(doing)?;
        Ok(ahead(stream.map(move |piece| piece.map_err(|error| of_io("read", &path, error)))))
    }

    /// Some of a file's bytes, piece by piece.
    ///
    /// # Errors
    /// `storage.not_found`, or the storage's; also within the stream.
    pub async fn stream_range(
        &self,
        path: &str,
        range: std::ops::Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static> {
        let path = path::file(path)?.to_owned();
        let doing = |error| of_opendal("read", &path, error);
        let reader = self.operator.reader(&self.place(&path)?).await.map_err(doing)?;
        let stream = reader.into_bytes_stream(range).await.map_err(doing)?;
        Ok(ahead(stream.map(move |piece| piece.map_err(|error| of_io("read", &path, error)))))
    }

    /// Some of a file's bytes at once.
    ///
    /// # Errors
    /// `storage.not_found`, or the storage's.
    pub async fn read_range(&self, path: &str, range: std::ops::Range<u64>) -> Result<Bytes> {
        let path = path::file(path)?;
        let place = self.place(path)?;
        let buffer =
            self.operator.read_with(&place).range(range).await.map_err(|error| of_opendal("read", path, error))?;
        Ok(buffer.to_bytes())
    }

    /// Writes a file, replacing one of its name. It is there whole or not at all, also after `kill -9`.
    ///
    /// # Errors
    /// The storage's.
    pub async fn put(&self, path: &str, bytes: impl Into<Bytes>) -> Result<()> {
        let (path, bytes) = (path::file(path)?.to_owned(), bytes.into());
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.put(&path, &bytes)).await
            }
            Back::Remote(_) => {
                self.operator.write(&path, bytes).await.map_err(|error| of_opendal("write", &path, error))?;
                Ok(())
            }
            Back::View(_) => Err(read_only("write into")),
        }
    }

    /// Writes a file that must not be there yet: whole or not at all, and of several writers exactly one gets `true`.
    /// `false`: it was there, and is as it was.
    ///
    /// # Errors
    /// The storage's; `storage.no_conditions` where an S3 server ignores conditions and so can't promise this.
    pub async fn put_new(&self, path: &str, bytes: impl Into<Bytes>) -> Result<bool> {
        let (path, bytes) = (path::file(path)?.to_owned(), bytes.into());
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.put_new(&path, &bytes)).await
            }
            Back::Remote(remote) => remote.put_new(&path, bytes).await,
            Back::View(_) => Err(read_only("write into")),
        }
    }

    /// Starts to write a file piece by piece.
    ///
    /// # Errors
    /// The storage's.
    pub async fn writer(&self, path: &str) -> Result<Writer> {
        let path = path::file(path)?.to_owned();
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                Ok(Writer::local(blocking(move || local.temporary(&path)).await?))
            }
            Back::Remote(remote) => remote.writer(&path).await,
            Back::View(_) => Err(read_only("write into")),
        }
    }

    /// Removes a file; a missing one is fine.
    ///
    /// # Errors
    /// The storage's.
    pub async fn remove(&self, path: &str) -> Result<()> {
        let path = path::file(path)?.to_owned();
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.remove(&path)).await
            }
            Back::Remote(_) => self.operator.delete(&path).await.map_err(|error| of_opendal("remove", &path, error)),
            Back::View(_) => Err(read_only("remove from")),
        }
    }

    /// Removes a folder with all in it; a missing one is fine. The whole storage can't be removed.
    ///
    /// # Errors
    /// The storage's.
    pub async fn remove_all(&self, prefix: &str) -> Result<()> {
        let prefix = path::file(path::folder(prefix)?)?.to_owned();
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.remove_all(&prefix)).await
            }
            Back::Remote(remote) => remote.remove_all(&prefix).await,
            Back::View(_) => Err(read_only("remove from")),
        }
    }

    /// Moves a folder to a name that nobody has yet. In a folder storage it appears there at once, whole and on disk. On
    /// S3 objects are copied one by one, again after a kill: readers must find it through a pointer that the caller
    /// writes afterwards.
    ///
    /// # Errors
    /// `storage.exists` where `to` is taken (folder storage only), `storage.not_found`, or the storage's.
    pub async fn promote(&self, from: &str, to: &str) -> Result<()> {
        let from = path::file(path::folder(from)?)?.to_owned();
        let to = path::file(path::folder(to)?)?.to_owned();
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.promote(&from, &to)).await
            }
            Back::Remote(remote) => remote.promote(&from, &to).await,
            Back::View(_) => Err(read_only("move in")),
        }
    }

    /// Takes the lock `name` for `holder` (who and where, for people to read), waiting for it up to `wait`; without
    /// `wait` it tries once. The lock is freed when it is dropped and when the process ends, however it ends.
    ///
    /// # Errors
    /// `storage.locked`, naming the holder; or the storage's.
    pub async fn lock(&self, name: &str, holder: &str, wait: Option<Duration>) -> Result<Lock> {
        let name = path::file(name)?;
        match &self.back {
            Back::Local(local) => Lock::local(local, name, holder, wait).await,
            Back::Remote(remote) => Lock::remote(remote, name, holder, wait, self.clock).await,
            Back::View(_) => Err(read_only("lock")),
        }
    }

    /// Removes temporary files that killed writers left behind and gives their number. Files of processes that are still
    /// there stay, where the system tells; elsewhere call it only while nobody writes.
    ///
    /// # Errors
    /// The storage's.
    pub async fn sweep(&self) -> Result<u64> {
        match &self.back {
            Back::Local(local) => {
                let local = Arc::clone(local);
                blocking(move || local.sweep()).await
            }
            // Unfinished uploads have no name; the bucket's lifecycle rule removes them.
            Back::Remote(_) | Back::View(_) => Ok(0),
        }
    }

    /// The same storage for DataFusion to read from. Writing through it has none of the promises above, and a view's
    /// names mean nothing to it.
    #[must_use]
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::new(OpendalStore::new(self.operator.clone()))
    }

    /// The folder, where it is one.
    #[must_use]
    pub fn local_root(&self) -> Option<&Path> {
        match &self.back {
            Back::Local(local) => Some(&local.root),
            Back::Remote(_) | Back::View(_) => None,
        }
    }
}

/// Runs file operations off the async threads.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("storage.task", "finish a file operation").with_source(error)),
    }
}
