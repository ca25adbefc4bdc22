//! Checks across the files of a workspace: what refers to what, and whether a pipeline stays within its agreement.
//! One file per concept. Each check looks at files that are right in themselves; a reference to a file that has
//! mistakes of its own is taken as good, so that one mistake gives one message.

mod agreement;
mod contract;
mod delivery;
mod layout;
mod link;
mod pipeline;
mod rule;
mod table;

use std::path::{Component, Path, PathBuf};

use super::diagnose::Finding;
use super::document::{Document, step};
use super::load::{File, Files};
use super::{PublicKeyRef, Roles, Settings};

/// All mistakes that no file shows alone.
pub(super) fn all(files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some((document, settings)) = files.settings.parts() {
        findings.extend(partners(document, settings, files));
    }
    if let Some((document, roles)) = files.roles.parts() {
        findings.extend(stewards(document, roles, files));
    }
    for file in &files.contracts {
        if let Some((document, contract)) = file.parts() {
            findings.extend(named_after(document, "/id", &contract.id, &file.name, "file"));
            findings.extend(contract::check(document, contract, Some(files)));
        }
    }
    for file in &files.agreements {
        if let Some((document, agreement)) = file.parts() {
            findings.extend(named_after(document, "/id", &agreement.id, &file.name, "file"));
            findings.extend(agreement::check(document, agreement, files));
        }
    }
    for pipeline in &files.pipelines {
        if let Some((document, spec)) = pipeline.file.parts() {
            findings.extend(named_after(document, "/name", &spec.name, &pipeline.file.name, "folder"));
            findings.extend(pipeline::check(document, spec, files));
        }
    }
    findings
}

/// The mistakes of a contract that belongs to no workspace.
pub(super) fn contract_alone(document: &Document, contract: &super::Contract) -> Vec<Finding> {
    contract::check(document, contract, None)
}

fn named_after(document: &Document, pointer: &str, id: &str, name: &str, what: &str) -> Option<Finding> {
    (id != name).then(|| {
        document
            .finding(pointer, format!("`{id}` is not the {what}'s name"))
            .label(format!("the {what} is named `{name}`"))
            .help(format!("write `{name}`, or rename the {what}"))
    })
}

/// A storage of a partner that no contract is of would never be read.
fn partners(document: &Document, settings: &Settings, files: &Files) -> Vec<Finding> {
    let contracts: Vec<_> = files.contracts.iter().filter_map(|file| file.value.as_ref()).collect();
    if contracts.len() < files.contracts.len() {
        return Vec::new();
    }
    let mut known: Vec<&str> = contracts.iter().map(|contract| contract.partner.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let strange = settings.partners.keys().filter(|name| !known.contains(name));
    let finding = |name: &str| {
        let span = document.locate_key(&format!("/partners/{}", step(name)));
        let message = format!("no contract is of a partner `{name}`");
        Finding::new(&document.source, span, message).nearest(name, known.iter().copied())
    };
    strange.map(finding).collect()
}

fn stewards(document: &Document, roles: &Roles, files: &Files) -> Vec<Finding> {
    let agreements: Vec<_> = files.agreements.iter().filter_map(|file| file.value.as_ref()).collect();
    let parties: Vec<&str> = agreements.iter().flat_map(|agreement| agreement.parties.keys()).collect();
    let all_read = agreements.len() == files.agreements.len();
    let mut findings = Vec::new();
    for (name, steward) in roles.stewards.iter() {
        let at = format!("/stewards/{}", step(name));
        if all_read && !parties.contains(&steward.party.as_str()) {
            let message = format!("no agreement has a party `{}`", steward.party);
            let finding = document.finding(&format!("{at}/party"), message);
            findings.push(finding.nearest(&steward.party, parties.iter().copied()));
        }
        if let PublicKeyRef::Ed25519(key) = &steward.public_key
            && (key.len() != 64 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let pointer = format!("{at}/public_key/ed25519");
            findings.push(document.finding(&pointer, "a public key has 64 hexadecimal digits"));
        }
    }
    findings
}

/// A name that SQL can use without quotes.
fn sql_name(document: &Document, pointer: &str, name: &str) -> Option<Finding> {
    let mut characters = name.chars();
    let good = characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
    (!good).then(|| {
        Finding::new(&document.source, document.locate_key(pointer), format!("`{name}` can't be a name in SQL"))
            .help("use small letters, digits and `_`, a letter first")
    })
}

/// A reference to one of `words` that is none of them.
fn unknown<'w>(
    document: &Document,
    pointer: &str,
    what: &str,
    word: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<Finding> {
    let words: Vec<&str> = words.into_iter().collect();
    if words.contains(&word) {
        return None;
    }
    let message =
        if what.contains(' ') { format!("`{word}` is no {what}") } else { format!("there is no {what} `{word}`") };
    Some(document.finding(pointer, message).nearest(word, words))
}

/// Words that stand in a list twice.
fn repeated(document: &Document, pointer: &str, words: &[String]) -> Vec<Finding> {
    let twice = words.iter().enumerate().filter(|(at, word)| words[..*at].contains(word));
    twice
        .map(|(at, word)| document.finding(&format!("{pointer}/{at}"), format!("`{word}` stands here twice")))
        .collect()
}

fn names<T>(files: &[File<T>]) -> impl Iterator<Item = &str> {
    files.iter().map(|file| file.name.as_str())
}

/// A model's path must be a file beside the pipeline.
pub(super) fn model_path(document: &Document, name: &str, path: &Path) -> Option<Finding> {
    let mut parts = path.components();
    let beside = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    let sql = path.extension().is_some_and(|extension| extension == "sql");
    (!beside || !sql).then(|| {
        document
            .finding(&format!("/models/{}", step(name)), "a model is a file that stands beside the pipeline.yaml")
            .help(format!("write its name alone, such as `{name}.sql`"))
    })
}

/// A file of a link that can't be read, or does not stand beside the pipeline.
pub(super) fn no_link_file(document: &Document, pointer: &str, path: &Path) -> Finding {
    let message = format!("there is no file `{}` beside this one", path.to_string_lossy());
    document.finding(pointer, message).help("write the name of a file in the pipeline's folder, or leave it out")
}

/// A model's file that is not there.
pub(super) fn no_model_file(document: &Document, name: &str, path: &Path, beside: &[PathBuf]) -> Finding {
    let shown = path.to_string_lossy();
    let there: Vec<_> = beside.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
    let sql = there.iter().map(AsRef::as_ref).filter(|name: &&str| name.ends_with(".sql"));
    document
        .finding(&format!("/models/{}", step(name)), format!("there is no file `{shown}` beside this one"))
        .nearest(&shown, sql)
}
