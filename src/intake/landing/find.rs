//! Files of a partner that a pattern asks for. Folders that it does not lead through are not looked into.

use super::super::name::NamePattern;
use super::{Place, Standing};
use crate::error::{Error, Result};
use crate::storage::{PartnerEntry, PartnerStore, Store};

/// Ends of names under which programs write what is not whole yet.
const UNFINISHED: [&str; 7] = [".part", ".filepart", ".partial", ".tmp", ".temp", ".crdownload", ".uploading"];

/// The files that match, sorted by path.
pub(super) async fn find(store: &PartnerStore, from: &str) -> Result<Vec<PartnerEntry>> {
    if !store.lists() {
        if from.contains(['*', '{']) {
            let said = format!("find {from}: a partner over {} can't say what is there", store.kind());
            return Err(
                Error::config("landing.no_listing", said).with_hint("name the file in `from`, without `*` and braces")
            );
        }
        return Ok(store.stat(from).await?.into_iter().filter(|entry| !entry.is_folder).collect());
    }
    let pattern = NamePattern::of(from)?;
    let fixed = pattern.folder();
    let rest = from[fixed.len()..].trim_start_matches('/');
    let mut folders = vec![fixed.to_owned()];
    let mut names: Vec<&str> = rest.split('/').collect();
    names.pop();
    for name in names {
        let name = NamePattern::of(name)?;
        let mut below = Vec::new();
        for folder in &folders {
            let listed = store.list(folder).await?;
            below.extend(
                listed.into_iter().filter(|one| one.is_folder && name.matches(last(&one.path))).map(|one| one.path),
            );
        }
        folders = below;
    }
    let mut found = Vec::new();
    for folder in &folders {
        found.extend(store.list(folder).await?.into_iter().filter(|one| !one.is_folder && pattern.matches(&one.path)));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The files of the storage of extracts that match, sorted by path.
pub(super) async fn in_place(store: &Store, from: &str) -> Result<Vec<Place>> {
    let pattern = NamePattern::of(from)?;
    let listed = store.list(pattern.folder()).await?;
    let found = listed.into_iter().filter(|entry| pattern.matches(&entry.path));
    let place = |entry: crate::storage::Entry| Place {
        path: entry.path,
        size: entry.size,
        modified: entry.modified,
        standing: Standing::InPlace,
    };
    Ok(found.map(place).collect())
}

/// The last segment of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether the name says that the file is not whole yet.
pub(super) fn is_unfinished(path: &str) -> bool {
    let name = last(path).to_ascii_lowercase();
    UNFINISHED.iter().any(|end| name.ends_with(end)) || name.starts_with("~$") || name.starts_with(".~")
}
