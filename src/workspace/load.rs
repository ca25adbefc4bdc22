//! Reads the files of a workspace, collects every mistake in all of them, and resolves what is right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::check;
use super::diagnose::{Finding, Findings, SourceText};
use super::document::{Document, step};
use super::resolved::{LinkFiles, Model, ResolvedPipeline, ResolvedSource, Workspace, plan_digest, sha256};
use super::schema::schema_of;
use super::{Agreement, Contract, Pipeline, Roles, Settings, odcs, shape};
use crate::error::Result;

/// Reads and checks a whole workspace.
///
/// # Errors
/// One config error for all mistakes in all files, with a report that shows each with file, line and caret; a
/// governance error where all that is wrong is what an agreement forbids.
pub fn load(root: &Path) -> Result<Workspace> {
    read(root).map_err(|findings| findings.into_error(false))
}

/// As [`load`], but gives the findings themselves, so that a terminal can show them in colour.
///
/// # Errors
/// All mistakes in all files.
pub fn read(root: &Path) -> std::result::Result<Workspace, Findings> {
    let mut findings = Findings::default();
    let files = Files::read(root, &mut findings);
    findings.extend(check::all(&files));
    if !findings.is_empty() {
        return Err(findings);
    }
    files.resolve(root).map_err(|finding| {
        findings.push(finding);
        findings
    })
}

/// A file: its tree where it is YAML, its value where it is right in itself.
pub(super) struct File<T> {
    /// The stem of the file's name, or the folder's name for a pipeline.
    pub(super) name: String,
    pub(super) document: Option<Arc<Document>>,
    pub(super) value: Option<T>,
}

impl<T> File<T> {
    /// Tree and value of a file that is right in itself.
    pub(super) fn parts(&self) -> Option<(&Document, &T)> {
        Some((self.document.as_deref()?, self.value.as_ref()?))
    }

    fn bytes(&self) -> &[u8] {
        self.document.as_ref().map_or(&[], |document| document.source.text.as_bytes())
    }

    fn path(&self) -> String {
        self.document.as_ref().map_or_else(String::new, |document| document.source.path.clone())
    }
}

/// A pipeline's file and its SQL.
pub(super) struct PipelineFile {
    pub(super) file: File<Pipeline>,
    /// Path relative to the workspace and text, by name of the model, as far as they could be read.
    pub(super) models: BTreeMap<String, (PathBuf, String)>,
    /// The same of the files that links name, by that name.
    pub(super) beside: BTreeMap<PathBuf, (PathBuf, String)>,
}

/// All files of a workspace.
pub(super) struct Files {
    pub(super) settings: File<Settings>,
    pub(super) roles: File<Roles>,
    pub(super) agreements: Vec<File<Arc<Agreement>>>,
    pub(super) contracts: Vec<File<Arc<Contract>>>,
    pub(super) pipelines: Vec<PipelineFile>,
}

impl Files {
    fn read(root: &Path, findings: &mut Findings) -> Self {
        let mut reader = Reader { root, findings };
        Self {
            settings: reader.file(Path::new("config/accord.yaml")),
            roles: reader.file(Path::new("config/roles.yaml")),
            agreements: reader.folder::<Agreement>("config/agreements"),
            contracts: reader.contracts("config/contracts"),
            pipelines: reader.pipelines(),
        }
    }

    /// The values of files that passed all checks. The errors can't come up after the checks; they are there so that
    /// nothing needs to be assumed.
    fn resolve(self, root: &Path) -> std::result::Result<Workspace, Finding> {
        let pipelines = self.pipelines.iter().map(|pipeline| self.resolve_pipeline(pipeline)).collect::<Option<_>>();
        let values = (|| Some((self.settings.value?, self.roles.value?, pipelines?)))();
        let (settings, roles, pipelines) =
            values.ok_or_else(|| Finding::without_text("the workspace could not be resolved"))?;
        let agreements = self.agreements.into_iter().filter_map(|file| Some((file.name, file.value?)));
        let contracts = self.contracts.into_iter().filter_map(|file| Some((file.name, file.value?)));
        Ok(Workspace {
            root: root.to_path_buf(),
            settings,
            roles,
            agreements: agreements.collect(),
            contracts: contracts.collect(),
            pipelines,
        })
    }

    fn resolve_pipeline(&self, pipeline: &PipelineFile) -> Option<(String, ResolvedPipeline)> {
        let document = pipeline.file.document.clone()?;
        let spec = pipeline.file.value.clone()?;
        let agreement_file = self.agreements.iter().find(|file| file.name == spec.agreement)?;
        let agreement = agreement_file.value.clone()?;
        let mut digested = vec![
            (document.source.path.clone(), pipeline.file.bytes()),
            (agreement_file.path(), agreement_file.bytes()),
        ];
        let mut sources = Vec::new();
        for (name, source) in spec.sources.iter() {
            let contract = self.contracts.iter().find(|file| file.name == source.contract)?;
            digested.push((contract.path(), contract.bytes()));
            sources.push(ResolvedSource {
                name: name.to_owned(),
                spec: source.clone(),
                contract: contract.value.clone()?,
                contract_digest: sha256(contract.bytes()),
                clause: agreement.clause(&source.contract, &spec.purpose)?.clone(),
            });
        }
        let mut models = Vec::new();
        for name in spec.models.keys() {
            let (path, sql) = pipeline.models.get(name)?;
            digested.push((slashed(path), sql.as_bytes()));
            models.push(Model { name: name.to_owned(), path: path.clone(), sql: sql.clone() });
        }
        let mut link_files = BTreeMap::new();
        for (name, link) in spec.identity.links.iter() {
            let Some(probabilistic) = &link.probabilistic else { continue };
            let mut text = |file: &Option<PathBuf>| {
                let (path, text) = pipeline.beside.get(file.as_ref()?)?;
                digested.push((slashed(path), text.as_bytes()));
                Some(text.clone())
            };
            let files = LinkFiles { model: text(&probabilistic.model), decisions: text(&probabilistic.decisions) };
            link_files.insert(name.to_owned(), files);
        }
        let resolved = ResolvedPipeline {
            link_files,
            directory: Path::new("pipelines").join(&pipeline.file.name),
            minimum_cell: agreement.outputs.minimum_cell.max(spec.disclosure.minimum_cell.unwrap_or(0)),
            agreement_digest: sha256(agreement_file.bytes()),
            plan_digest: plan_digest(digested),
            sources,
            models,
            agreement,
            spec,
            document,
        };
        Some((pipeline.file.name.clone(), resolved))
    }
}

struct Reader<'a> {
    root: &'a Path,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn text(&mut self, path: &Path) -> Option<String> {
        match std::fs::read(self.root.join(path)).map(String::from_utf8) {
            Ok(Ok(text)) => return Some(text),
            Ok(Err(_)) => self.findings.push(Finding::without_text(format!("{} is not UTF-8 text", slashed(path)))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.findings.push(Finding::without_text(format!("there is no {}", slashed(path))));
            }
            Err(error) => {
                self.findings.push(Finding::without_text(format!("{} can't be read: {error}", slashed(path))));
            }
        }
        None
    }

    fn file<T: DeserializeOwned + JsonSchema>(&mut self, path: &Path) -> File<T> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let Some(text) = self.text(path) else { return File { name, document: None, value: None } };
        let (document, value, mistakes) = strict(slashed(path), text);
        self.findings.extend(mistakes);
        File { name, document: document.map(Arc::new), value }
    }

    /// Contracts in Accord's own words, or in those of the Open Data Contract Standard.
    fn contracts(&mut self, folder: &str) -> Vec<File<Arc<Contract>>> {
        let standard = |path: &Path, text: &str| {
            let source = Arc::new(SourceText { path: slashed(path), text: text.to_owned() });
            Document::parse(source, &mut Vec::new()).is_some_and(|document| odcs::is_one(&document))
        };
        let paths = self.entries(folder);
        let is_one = |path: &PathBuf| {
            let yaml = path.extension().is_some_and(|extension| extension == "yaml");
            yaml && std::fs::read_to_string(self.root.join(path)).is_ok_and(|text| standard(path, &text))
        };
        let (theirs, _): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(is_one);
        let mut files = self.folder_without::<Contract>(folder, &theirs);
        files.extend(theirs.iter().map(|path| self.standard_contract(path)));
        files.sort_by(|one, other| one.name.cmp(&other.name));
        files
    }

    fn standard_contract(&mut self, path: &Path) -> File<Arc<Contract>> {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = stem.strip_suffix(".odcs").unwrap_or(&stem).to_owned();
        let Some(text) = self.text(path) else { return File { name, document: None, value: None } };
        let mut mistakes = Vec::new();
        let source = Arc::new(SourceText { path: slashed(path), text });
        let mut document = Document::parse(source, &mut mistakes);
        let value = match &mut document {
            Some(document) if mistakes.is_empty() => odcs::read(document, &mut mistakes),
            _ => None,
        };
        self.findings.extend(mistakes);
        File { name, document: document.map(Arc::new), value: value.map(Arc::new) }
    }

    fn folder<T: DeserializeOwned + JsonSchema>(&mut self, folder: &str) -> Vec<File<Arc<T>>> {
        self.folder_without(folder, &[])
    }

    fn folder_without<T: DeserializeOwned + JsonSchema>(
        &mut self,
        folder: &str,
        without: &[PathBuf],
    ) -> Vec<File<Arc<T>>> {
        let mut files = Vec::new();
        for path in self.entries(folder).into_iter().filter(|path| !without.contains(path)) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("yaml") => {
                    let file = self.file::<T>(&path);
                    files.push(File { name: file.name, document: file.document, value: file.value.map(Arc::new) });
                }
                Some("yml") => {
                    let message = format!("{} is not read: only files that end in .yaml are", slashed(&path));
                    self.findings.push(Finding::without_text(message).help("rename it to end in .yaml"));
                }
                _ => {}
            }
        }
        files
    }

    fn pipelines(&mut self) -> Vec<PipelineFile> {
        let folders: Vec<PathBuf> =
            self.entries("pipelines").into_iter().filter(|path| self.root.join(path).is_dir()).collect();
        folders.iter().map(|folder| self.pipeline(folder)).collect()
    }

    fn pipeline(&mut self, folder: &Path) -> PipelineFile {
        let mut file = self.file::<Pipeline>(&folder.join("pipeline.yaml"));
        file.name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (mut models, mut beside) = (BTreeMap::new(), BTreeMap::new());
        if let Some((document, pipeline)) = file.parts() {
            for (pointer, path) in link_files(pipeline) {
                let relative = folder.join(path);
                match std::fs::read_to_string(self.root.join(&relative)) {
                    Ok(text) => drop(beside.insert(path.clone(), (relative, text))),
                    Err(_) => self.findings.push(check::no_link_file(document, &pointer, path)),
                }
            }
            for (name, path) in pipeline.models.iter() {
                if let Some(finding) = check::model_path(document, name, path) {
                    self.findings.push(finding);
                    continue;
                }
                let relative = folder.join(path);
                match std::fs::read_to_string(self.root.join(&relative)) {
                    Ok(sql) => drop(models.insert(name.to_owned(), (relative, sql))),
                    Err(_) => {
                        let beside = self.entries(&slashed(folder));
                        self.findings.push(check::no_model_file(document, name, path, &beside));
                    }
                }
            }
        }
        PipelineFile { file, models, beside }
    }

    /// What a folder of the workspace holds, sorted; nothing where there is no such folder. Hidden files are left out.
    fn entries(&mut self, folder: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| !name.to_string_lossy().starts_with('.'));
        names.sort();
        names.into_iter().map(|name| Path::new(folder).join(name)).collect()
    }
}

/// The files that a pipeline's links name, and where in its YAML.
fn link_files(pipeline: &Pipeline) -> Vec<(String, &PathBuf)> {
    let mut files = Vec::new();
    for (name, link) in pipeline.identity.links.iter() {
        let Some(probabilistic) = &link.probabilistic else { continue };
        let named = [("model", &probabilistic.model), ("decisions", &probabilistic.decisions)];
        for (key, path) in named.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
            files.push((format!("/identity/links/{}/probabilistic/{key}", step(name)), path));
        }
    }
    files
}

/// Reads one contract that belongs to no workspace, in Accord's own words or in those of the Open Data Contract Standard.
/// What it refers to is not looked for.
///
/// # Errors
/// Every mistake in it, each with its place.
pub fn contract(name: &str, text: String) -> std::result::Result<Contract, Findings> {
    let mut findings = Findings::default();
    let mut mistakes = Vec::new();
    let source = Arc::new(SourceText { path: name.to_owned(), text: text.clone() });
    let document = Document::parse(source, &mut mistakes);
    let (document, contract) = match document {
        Some(mut document) if mistakes.is_empty() && odcs::is_one(&document) => {
            let contract = odcs::read(&mut document, &mut mistakes);
            (Some(document), contract)
        }
        _ => {
            let (document, contract, found) = strict::<Contract>(name.to_owned(), text);
            mistakes = found;
            (document, contract)
        }
    };
    if let (Some(document), Some(contract)) = (&document, &contract) {
        mistakes.extend(check::contract_alone(document, contract));
    }
    match contract.filter(|_| mistakes.is_empty()) {
        Some(contract) => Ok(contract),
        None => {
            findings.extend(mistakes);
            Err(findings)
        }
    }
}

/// Reads one YAML file strictly that belongs to no workspace, such as the spec of a table.
///
/// # Errors
/// Every mistake in its shape, each with its place.
pub fn parse<T: DeserializeOwned + JsonSchema>(
    name: &str,
    text: String,
) -> std::result::Result<(Document, T), Findings> {
    let mut findings = Findings::default();
    match strict(name.to_owned(), text) {
        (Some(document), Some(value), mistakes) if mistakes.is_empty() => return Ok((document, value)),
        (_, _, mistakes) => findings.extend(mistakes),
    }
    Err(findings)
}

/// The tree of a file where it is YAML, its value where it is right in itself, and its mistakes.
fn strict<T: DeserializeOwned + JsonSchema>(path: String, text: String) -> (Option<Document>, Option<T>, Vec<Finding>) {
    let mut mistakes = Vec::new();
    let source = Arc::new(SourceText { path, text });
    let document = Document::parse(Arc::clone(&source), &mut mistakes);
    if let Some(document) = &document {
        let (findings, secrets) = shape::check(document, &schema_of::<T>());
        mistakes.extend(findings);
        let masked = Arc::new(source.masked(&secrets));
        mistakes.iter_mut().for_each(|mistake| mistake.mask(&masked));
    }
    let value = if mistakes.is_empty() { typed(&source, &mut mistakes) } else { None };
    (document, value, mistakes)
}

/// The value of a file whose shape is right. What the typed reader still refuses is shown where it says.
fn typed<T: DeserializeOwned>(source: &Arc<SourceText>, mistakes: &mut Vec<Finding>) -> Option<T> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
    };
    match serde_saphyr::from_str_with_options(&source.text, options) {
        Ok(value) => Some(value),
        Err(error) => {
            let error = error.without_snippet();
            let at =
                error.location().and_then(|place| byte_of(&source.text, place.line(), place.column())).unwrap_or(0);
            mistakes.push(Finding::new(source, at..at + 1, "this can't be read").label(error.to_string()));
            None
        }
    }
}

/// The byte at a line and column, both counted from 1, columns in characters.
fn byte_of(text: &str, line: u64, column: u64) -> Option<usize> {
    let line_start = if line <= 1 {
        0
    } else {
        text.match_indices('\n').nth(usize::try_from(line).ok()? - 2).map(|(at, _)| at + 1)?
    };
    let column = usize::try_from(column).ok()?.saturating_sub(1);
    Some(text[line_start..].char_indices().nth(column).map_or(text.len(), |(at, _)| line_start + at))
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
