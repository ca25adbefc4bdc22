//! Paths within a storage: relative, with `/` between segments.

use crate::error::{Error, Result};

/// Segments that start like this belong to the storage itself.
pub(super) const OWN: &str = ".accord-";
/// Temporary files and folders.
pub(super) const TEMPORARY: &str = ".accord-tmp-";
/// The folder of lock files and lease objects.
pub(super) const LOCKS: &str = ".accord-locks";
/// The object by which an S3 server shows that it honours conditions.
pub(super) const PROBE: &str = ".accord-probe";

/// Whether any segment belongs to the storage itself.
pub(super) fn is_own(path: &str) -> bool {
    path.split('/').any(|segment| segment.starts_with(OWN))
}

/// The path of a file, checked.
pub(super) fn file(path: &str) -> Result<&str> {
    let sound = !path.contains(['\0', '\\'])
        && path.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != "..")
        && !is_own(path);
    if sound {
        return Ok(path);
    }
    Err(Error::failed("storage.bad_path", format!("{path:?} is not a path within a storage")).with_hint(
        "paths are relative, with `/` between names, without `.`, `..` and names that start with `.accord-`",
    ))
}

/// The path of a folder, checked, without `/` at its end; empty for the whole storage.
pub(super) fn folder(path: &str) -> Result<&str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() { Ok(path) } else { file(path) }
}
