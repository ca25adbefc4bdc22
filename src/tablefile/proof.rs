//! Certificates of table files: made from the files as they are published, and checked from them.

use std::path::PathBuf;

use super::engine;
use super::load::{Job, Purpose, name_all};
use super::minimums;
use super::policy::policy;
use super::report::Progress;
use super::views::{Bound, groups};
use crate::disclosure::{Certificate, CertificateReport, PublicTable, Zeros, certify, public_text, verify as check};
use crate::error::{Error, Result};
use crate::release::{self, Proof};

/// The tables of published files, as disclosure control takes them: all universes one after the other. Which minimum cell
/// holds where is said by the spec, which is public with them.
fn public(job: &Job, files: &[PathBuf], zeros: Zeros) -> Result<Vec<PublicTable>> {
    let mut tables = job.tables(files, Purpose::Audit)?;
    name_all(&mut tables);
    minimums::enter(&job.spec.policy, &mut tables)?;
    Ok(groups(&tables, &Bound::new()).iter().flat_map(|group| engine::public_tables(group, &tables, zeros)).collect())
}

/// Makes the certificate of protected files, from the files alone. `files` are the published ones.
///
/// # Errors
/// Files that can't be read, or that contradict each other; `tables.certificate` at the level `percent`, which whole
/// numbers cannot prove, and where no whole table was found.
pub fn certificate(
    job: &Job,
    files: &[PathBuf],
    progress: &mut dyn FnMut(Progress),
) -> Result<(String, CertificateReport)> {
    let policy = policy(&job.spec.policy, Zeros::Hide);
    if policy.unit() > 1 {
        return Err(Error::usage(
            "tables.certificate",
            "the level `percent` is about readers who do not know that counts are whole",
        )
        .with_hint("a certificate is made of whole numbers: use `full`, `interval` or `exact`"));
    }
    let tables = public(job, files, policy.zeros)?;
    let mut inner = |inner| progress(Progress { part: 0, parts: 1, inner: Some(inner) });
    let refused =
        |error: &dyn std::fmt::Display| Error::disclosure("tables.certificate", format!("no certificate: {error}"));
    let made: Certificate = certify(tables[..].into(), &policy, &release::digest_of(&tables), &mut inner)
        .map_err(|error| refused(&error).with_hint(error.hint()))?;
    let report = check(tables[..].into(), &made).map_err(|error| refused(&error))?;
    Ok((made.to_text(), report))
}

/// Checks a certificate, as text, against published files.
///
/// # Errors
/// Files that can't be read; `disclosure.certificate` where it can't be read, is about other tables, or does not add up.
pub fn verify(job: &Job, files: &[PathBuf], text: &str) -> Result<Proof> {
    release::check_certificate(&public(job, files, zeros(text))?, text)
}

/// Published files as the lines that a certificate's digest is of, for a check that shares no code with this one. `text` is
/// the certificate, which need not hold.
///
/// # Errors
/// Files that can't be read.
pub fn public_lines(job: &Job, files: &[PathBuf], text: &str) -> Result<String> {
    Ok(public_text(public(job, files, zeros(text))?[..].into()))
}

/// What a certificate says of zeros.
fn zeros(text: &str) -> Zeros {
    Certificate::from_text(text).map_or(Zeros::Hide, |certificate| certificate.policy.zeros)
}
