//! A folder, with the guarantees that a plain write does not give.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::of_io;
use super::path::{LOCKS, OWN, TEMPORARY};
use super::store::Entry;
use crate::error::{Error, Result};

/// Makes temporary names of one process differ.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The root folder.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) root: PathBuf,
}

/// A file under a temporary name; it goes away unless it is committed.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    path: PathBuf,
    target: PathBuf,
    shown: String,
}

impl Local {
    /// Opens the folder, creating it where it is missing.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let shown = root.display().to_string();
        make_folders(root).map_err(|error| of_io("create folder", &shown, error))?;
        let root = fs::canonicalize(root).map_err(|error| of_io("open folder", &shown, error))?;
        Ok(Self { root })
    }

    pub(super) fn full(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    /// A temporary file beside the one that it becomes.
    pub(super) fn temporary(&self, path: &str) -> Result<Temporary> {
        let target = self.full(path);
        let parent = parent_of(&target).to_path_buf();
        let open = || -> io::Result<(File, PathBuf)> {
            make_folders(&parent)?;
            loop {
                let candidate = parent.join(temporary_name());
                match File::options().write(true).create_new(true).open(&candidate) {
                    Ok(file) => return Ok((file, candidate)),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
        };
        let (file, temporary) = open().map_err(|error| of_io("write", path, error))?;
        Ok(Temporary { file, path: temporary, target, shown: path.to_owned() })
    }

    pub(super) fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut temporary = self.temporary(path)?;
        temporary.write(bytes)?;
        temporary.replace()
    }

    pub(super) fn put_new(&self, path: &str, bytes: &[u8]) -> Result<bool> {
        let mut temporary = self.temporary(path)?;
        temporary.write(bytes)?;
        temporary.create()
    }

    /// All files below a folder with their sizes, in no order.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut folders = vec![prefix.to_owned()];
        while let Some(folder) = folders.pop() {
            self.list_one(&folder, &mut folders, &mut found, &mut seen)
                .map_err(|error| of_io("list", if folder.is_empty() { "the storage" } else { &folder }, error))?;
        }
        Ok(found)
    }

    fn list_one(
        &self,
        folder: &str,
        folders: &mut Vec<String>,
        found: &mut Vec<Entry>,
        seen: &mut HashSet<(u64, u64)>,
    ) -> io::Result<()> {
        let full = self.full(folder);
        let metadata = match fs::metadata(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        // A link that leads back up would never end.
        if !metadata.is_dir() || !seen.insert((metadata.dev(), metadata.ino())) {
            return Ok(());
        }
        for entry in fs::read_dir(full)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(OWN) {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match fs::metadata(entry.path()) {
                // Gone since, or a link to nowhere.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) => {
                    let modified = metadata.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
                    found.push(Entry { path, size: metadata.len(), modified });
                }
            }
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &str) -> Result<()> {
        absent_is_fine(fs::remove_file(self.full(path))).map_err(|error| of_io("remove", path, error))
    }

    pub(super) fn remove_all(&self, prefix: &str) -> Result<()> {
        let full = self.full(prefix);
        let done = if full.is_file() { fs::remove_file(full) } else { fs::remove_dir_all(full) };
        absent_is_fine(done).map_err(|error| of_io("remove", prefix, error))
    }

    /// Makes a folder appear under another name, at once and whole.
    pub(super) fn promote(&self, from: &str, to: &str) -> Result<()> {
        let (source, target) = (self.full(from), self.full(to));
        if !source.is_dir() {
            return Err(Error::failed("storage.not_found", format!("promote {from}: it is not there")));
        }
        if target.exists() {
            return Err(Error::failed("storage.exists", format!("promote {from} to {to}: {to} is there already"))
                .with_hint("what is promoted is never replaced; take a new name"));
        }
        let promote = || -> io::Result<()> {
            let parent = parent_of(&target);
            make_folders(parent)?;
            sync_tree(&source)?;
            match fs::rename(&source, &target) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    let sibling = parent.join(temporary_name());
                    copy_tree(&source, &sibling)?;
                    sync_tree(&sibling)?;
                    fs::rename(&sibling, &target)?;
                    fs::remove_dir_all(&source)?;
                }
                other => other?,
            }
            sync_folder(parent)?;
            absent_is_fine(sync_folder(parent_of(&source)))
        };
        promote().map_err(|error| of_io("promote", to, error))
    }

    /// The file that a lock of this name is held on.
    pub(super) fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.root.join(LOCKS).join(name);
        let open = || {
            make_folders(parent_of(&path))?;
            File::options().read(true).write(true).create(true).truncate(false).open(&path)
        };
        open().map_err(|error| of_io("open lock", name, error))
    }

    /// Removes what killed writers left behind and gives their number.
    pub(super) fn sweep(&self) -> Result<u64> {
        let mut swept = 0;
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            for entry in entries.map_err(|error| of_io("list", "the storage", error))? {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let name = entry.file_name();
                if name.to_string_lossy().starts_with(TEMPORARY) && !is_being_written(&name.to_string_lossy()) {
                    let path = entry.path();
                    let done = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                    absent_is_fine(done).map_err(|error| of_io("remove", "a temporary file", error))?;
                    swept += 1;
                } else if is_folder {
                    folders.push(entry.path());
                }
            }
        }
        Ok(swept)
    }
}

/// Whether the process that a temporary file is named after is still there (where the system says so under `/proc`), and
/// is another one than this: what this one left is its own to remove.
fn is_being_written(name: &str) -> bool {
    let process = name.strip_prefix(TEMPORARY).and_then(|rest| rest.trim_start_matches('-').split('-').next());
    let other = process.and_then(|digits| digits.parse::<u32>().ok()).filter(|process| *process != std::process::id());
    other.is_some_and(|process| Path::new("/proc").join(process.to_string()).exists())
}

impl Temporary {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| of_io("write", &self.shown, error))
    }

    /// Takes the target's place.
    pub(super) fn replace(self) -> Result<()> {
        let commit = || -> io::Result<()> {
            self.file.sync_all()?;
            fs::rename(&self.path, &self.target)?;
            sync_folder(parent_of(&self.target))
        };
        commit().map_err(|error| of_io("write", &self.shown, error))
    }

    /// Takes the target's name where nobody has it yet.
    fn create(self) -> Result<bool> {
        let commit = || -> io::Result<()> {
            self.file.sync_all()?;
            match fs::hard_link(&self.path, &self.target) {
                // File systems without hard links.
                Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
                    rename_to_new(&self.path, &self.target)?;
                }
                other => other?,
            }
            sync_folder(parent_of(&self.target))
        };
        match commit() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(of_io("write", &self.shown, error)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After `replace` the name is gone already; after `create` it is the second of two.
        let _ = fs::remove_file(&self.path);
    }
}

fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from)
}

fn temporary_name() -> String {
    format!("{TEMPORARY}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Creates a folder and those above it so that their names are on disk when it returns.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = parent_of(folder);
    make_folders(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        other => {
            other?;
            if parent.as_os_str().is_empty() { Ok(()) } else { sync_folder(parent) }
        }
    }
}

/// Names are on disk only when their folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
