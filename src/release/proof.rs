//! The certificate of a release: made from its public tables alone, published beside them, and checked by anyone.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use super::digest::sha256_hex;
use super::files::{CERTIFICATE, PublishedTable, as_published, read_table};
use super::input::CandidateInput;
use super::method::Method;
use super::public::public_table;
use super::verify::Check;
use crate::disclosure::{
    self, Certificate, CertificateReport, DisclosureError, Policy, Progress, PublicTable, certify, public_text, verify,
};
use crate::error::{Error, Result};

/// What came of checking a certificate.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What it proves.
    pub report: CertificateReport,
    /// The rules under which it proves it.
    pub rules: disclosure::Rules,
}

/// What a folder of a release shows by itself.
#[derive(Clone, Debug)]
pub enum FolderReport {
    /// Its certificate, checked.
    Certificate(Proof),
    /// Figures are not hidden but changed, so that there is none: the method, and the checks of the tables.
    Changed {
        /// The method.
        method: Method,
        /// Whether each table is as the method says.
        checks: Vec<Check>,
    },
}

/// The digest of public tables that a certificate names.
#[must_use]
pub(crate) fn digest_of(tables: &[PublicTable]) -> String {
    sha256_hex(public_text(tables.into()).as_bytes())
}

/// Makes the certificate of a candidate's tables, as text, with what it proves. `None` where none was found.
///
/// # Errors
/// `release.not_ours` for a bug in a step before; `disclosure.certificate` where the public tables contradict each other.
pub fn certificate(
    input: &CandidateInput,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<(String, CertificateReport)>> {
    // Whole numbers prove nothing to a reader who does not know that counts are whole.
    if policy.unit() > 1 {
        return Ok(None);
    }
    let tables: Vec<PublicTable> = as_published(input)?.iter().map(public_table).collect::<Result<_>>()?;
    let made = match certify(tables[..].into(), policy, &digest_of(&tables), progress) {
        Ok(made) => made,
        Err(DisclosureError::Unassigned { .. }) => return Ok(None),
        Err(error) => return Err(refused(&error)),
    };
    let report = verify(tables[..].into(), &made).map_err(|error| refused(&error))?;
    Ok(Some((made.to_text(), report)))
}

/// Checks a certificate, as text, against tables.
///
/// # Errors
/// `disclosure.certificate` where it can't be read, is about other tables, or does not add up.
pub(crate) fn check(tables: &[PublicTable], text: &str) -> Result<Proof> {
    let certificate = Certificate::from_text(text).map_err(|error| refused(&error))?;
    if certificate.about != digest_of(tables) {
        return Err(refused(&"it was made for other tables"));
    }
    let report = verify(tables.into(), &certificate).map_err(|error| refused(&error))?;
    Ok(Proof { report, rules: certificate.policy })
}

/// Checks the certificate among the files of a release; `None` where it has none.
///
/// # Errors
/// As [`check`]; `release.not_ours` for tables that can't be read.
pub(super) fn check_files(files: &BTreeMap<String, Bytes>) -> Result<Option<Proof>> {
    let Some(text) = files.get(CERTIFICATE) else { return Ok(None) };
    let text = std::str::from_utf8(text).map_err(|_| refused(&"it is not text"))?;
    let mut tables: Vec<PublishedTable> = (files.iter())
        .filter(|(name, _)| name.ends_with(".parquet"))
        .map(|(_, bytes)| read_table(bytes.clone()))
        .collect::<Result<_>>()?;
    tables.sort_by(|a, b| a.book.table.name.cmp(&b.book.table.name));
    let tables: Vec<PublicTable> = tables.iter().map(public_table).collect::<Result<_>>()?;
    check(&tables, text).map(Some)
}

/// Checks the certificate of a release in a folder of this machine, with nothing but that folder; where its figures are not
/// hidden but changed, that they are as the method makes them.
///
/// # Errors
/// `release.no_certificate` where it hides figures and has none; as [`check`].
pub fn verify_folder(folder: &Path) -> Result<FolderReport> {
    let unread =
        |error| Error::failed("release.folder", format!("{} can't be read", folder.display())).with_source(error);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name == CERTIFICATE || name.ends_with(".parquet") {
            files.insert(name, Bytes::from(std::fs::read(&path).map_err(unread)?));
        }
    }
    if let Some(proof) = check_files(&files)? {
        return Ok(FolderReport::Certificate(proof));
    }
    let tables: Vec<PublishedTable> = files.values().map(|bytes| read_table(bytes.clone())).collect::<Result<_>>()?;
    let changed = tables.iter().map(|table| &table.book.table.method).find(|method| !method.is_suppression());
    if let Some(method) = changed.filter(|method| tables.iter().all(|table| table.book.table.method == **method)) {
        let checks = files.iter().flat_map(|(name, bytes)| super::verify::table(name, bytes)).collect();
        return Ok(FolderReport::Changed { method: method.clone(), checks });
    }
    Err(Error::usage("release.no_certificate", format!("{} holds no {CERTIFICATE}", folder.display()))
        .with_hint("name the folder of a published version, such as published/PIPELINE/v0001"))
}

fn refused(why: &dyn std::fmt::Display) -> Error {
    Error::disclosure("disclosure.certificate", format!("the certificate does not hold: {why}"))
        .with_hint("it proves nothing about these tables; ask whoever published them")
}
