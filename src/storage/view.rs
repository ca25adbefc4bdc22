//! Files of a storage under other names: what was fetched from a partner, under the partner's own paths.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::store::Entry;
use crate::error::{Error, Result};

/// A file of a view, and where it really is.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its path, size and time as the view shows them.
    pub entry: Entry,
    /// Its path in the storage.
    pub place: String,
}

/// Names and places.
#[derive(Clone, Debug, Default)]
pub(super) struct View(BTreeMap<String, Seen>);

impl View {
    pub(super) fn new(files: impl IntoIterator<Item = Seen>) -> Self {
        Self(files.into_iter().map(|file| (file.entry.path.clone(), file)).collect())
    }

    /// Where a file is. A name that the view does not have leads nowhere, so that nothing behind it can be read.
    pub(super) fn place(&self, path: &str) -> Result<Cow<'_, str>> {
        match self.0.get(path) {
            Some(file) => Ok(Cow::Borrowed(file.place.as_str())),
            None => Err(Error::failed("storage.not_found", format!("read {path}: it is not there"))),
        }
    }

    pub(super) fn list(&self, prefix: &str) -> Vec<Entry> {
        let within =
            |path: &str| prefix.is_empty() || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        self.0.values().filter(|file| within(&file.entry.path)).map(|file| file.entry.clone()).collect()
    }
}

/// What can't be done through a view.
pub(super) fn read_only(doing: &str) -> Error {
    Error::internal("storage.read_only", format!("{doing} what was fetched from a partner"))
}
