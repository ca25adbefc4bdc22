//! A spec, read and checked, and the tables that it names.

use std::path::{Path, PathBuf};

use super::assemble::{self, Source};
use super::axis::{Axis, name_nodes};
use super::banded;
use super::check;
use super::layout::Loaded;
use super::margins;
use super::pattern::{Captures, Fit, Pattern};
use super::spec::{MissingRows, Spec, Symbols, TableSpec};
use super::words::Figure;
use crate::error::{Error, Result};
use crate::workspace::{self, Findings};

/// A spec and where it stands.
pub struct Job {
    /// What its author wrote.
    pub spec: Spec,
    /// The folder that its paths are relative to.
    pub folder: PathBuf,
}

/// Which figures a cell without a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Tables with all their figures, to be protected.
    Protect,
    /// Published tables.
    Audit,
}

impl Job {
    /// How long the search for a better pattern may go on, where the spec says so.
    #[must_use]
    pub fn time_limit(&self) -> Option<std::time::Duration> {
        self.spec.policy.time_limit.as_deref().and_then(super::policy::duration)
    }

    /// Reads a spec.
    ///
    /// # Errors
    /// A spec that can't be read; every mistake in it, each with its line.
    pub fn read(path: &Path, color: bool) -> Result<Self> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::config("tables.spec", format!("the spec {shown} can't be read"))
                .with_source(error)
                .with_hint("`accord audit TABLE --draft-spec` writes a first one")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.to_path_buf();
        Self::parse(&shown, text, folder, color)
    }

    /// Reads the text of a spec.
    ///
    /// # Errors
    /// Every mistake in it, each with its line.
    pub fn parse(name: &str, text: String, folder: PathBuf, color: bool) -> Result<Self> {
        let wrong = |findings: &Findings| {
            let count = findings.len();
            let said = format!("the spec {name} has {count} mistake{}", if count == 1 { "" } else { "s" });
            Error::config("tables.spec", said).with_report(findings.each(color))
        };
        let (document, spec) = workspace::parse::<Spec>(name, text).map_err(|findings| wrong(&findings))?;
        let findings = check::check(&document, &spec);
        if !findings.is_empty() {
            return Err(wrong(&findings));
        }
        Ok(Self { spec, folder })
    }

    /// Reads the tables: those that the spec names, or of them the files named.
    pub(super) fn tables(&self, named: &[PathBuf], purpose: Purpose) -> Result<Vec<Loaded>> {
        let sources = self.sources(named)?;
        let mut tables = Vec::new();
        for ((name, spec), sources) in self.spec.tables.iter().zip(&sources) {
            if !sources.is_empty() {
                tables.push(self.table(name, spec, &self.spec.symbols, sources, purpose)?);
            }
        }
        if tables.is_empty() {
            return Err(Error::usage("tables.none", "no file to read is named")
                .with_hint("name the files on the command line, or under `files` in the spec"));
        }
        Ok(tables)
    }

    /// The files of each table: those that its patterns find, or of the `named` files and folders those that fit them.
    fn sources(&self, named: &[PathBuf]) -> Result<Vec<Vec<Source>>> {
        let patterns: Vec<Vec<Pattern>> = self
            .spec
            .tables
            .values()
            .map(|table| table.files.iter().map(|file| Pattern::new(file)).collect())
            .collect();
        if named.is_empty() {
            return patterns.iter().map(|patterns| found(patterns, &self.folder)).collect();
        }
        // Where a spec is about one file, the one that is named is meant, whatever its name.
        let plain = |file: &String| !file.contains(['*', '{']);
        let only = |table: &TableSpec| named.len() == 1 && table.files.len() == 1 && table.files.iter().all(plain);
        let any = self.spec.tables.len() == 1
            && self.spec.tables.values().all(|table| table.files.is_empty() || only(table))
            && !named.iter().any(|path| path.is_dir());
        let mut sources: Vec<Vec<Source>> = patterns.iter().map(|_| Vec::new()).collect();
        let source =
            |path: &PathBuf, captures| Source { path: path.clone(), name: path.display().to_string(), captures };
        for one in named {
            let paths = if one.is_dir() { files_below(one)? } else { vec![one.clone()] };
            let mut fits = false;
            for path in &paths {
                if any {
                    sources[0].push(source(path, Vec::new()));
                    fits = true;
                } else if let Some((table, captures)) = self.best(&patterns, path)? {
                    sources[table].push(source(path, captures));
                    fits = true;
                }
            }
            if !fits {
                let said = format!("no table of the spec has files like {}", one.display());
                return Err(Error::usage("tables.unknown_file", said).with_hint(
                    "name files that fit the `files` of a table, a folder that holds such, or none to read all",
                ));
            }
        }
        Ok(sources)
    }

    /// The table whose pattern fits a file best, and what stands for its names.
    fn best(&self, patterns: &[Vec<Pattern>], path: &Path) -> Result<Option<(usize, Captures)>> {
        let all = |by: &dyn Fn(&Pattern) -> Option<Fit>| -> Vec<(usize, Fit)> {
            let of = |(at, own): (usize, &Vec<Pattern>)| Some((at, own.iter().filter_map(by).max_by_key(Fit::merit)?));
            patterns.iter().enumerate().filter_map(of).collect()
        };
        let mut fits = all(&|pattern| pattern.fits(path));
        if fits.is_empty() {
            fits = all(&|pattern| pattern.fits_by_name(path));
        }
        let Some(most) = fits.iter().map(|(_, fit)| fit.merit()).max() else { return Ok(None) };
        let mut best = fits.into_iter().filter(|(_, fit)| fit.merit() == most);
        let first = best.next();
        if let (Some((one, _)), Some((other, _))) = (&first, best.next()) {
            let name = |at: usize| self.spec.tables.keys().nth(at).unwrap_or_default();
            let said = format!("{} fits the files of `{}` and of `{}`", path.display(), name(*one), name(other));
            return Err(Error::usage("tables.ambiguous_file", said)
                .with_hint("keep the folders that the spec names, or name no file to read all"));
        }
        Ok(first.map(|(table, fit)| (table, fit.captures)))
    }

    /// Reads what is public besides.
    pub(super) fn also_public(&self) -> Result<Vec<Loaded>> {
        let mut tables = Vec::new();
        for (name, public) in self.spec.also_public.iter() {
            let like = public.like.as_deref().and_then(|like| self.spec.tables.get(like));
            let mut layout = public.table.clone().or_else(|| like.cloned()).unwrap_or_default();
            layout.universe = public.universe.clone().or(layout.universe);
            let patterns: Vec<Pattern> = public.files.iter().map(|file| Pattern::new(file)).collect();
            let symbols = public.symbols.as_ref().unwrap_or(&self.spec.symbols);
            let sources = found(&patterns, &self.folder)?;
            let mut table = self.table(name, &layout, symbols, &sources, Purpose::Audit)?;
            table.edition = Some(public.edition.clone());
            tables.push(table);
        }
        Ok(tables)
    }

    fn table(
        &self,
        name: &str,
        spec: &TableSpec,
        symbols: &Symbols,
        sources: &[Source],
        purpose: Purpose,
    ) -> Result<Loaded> {
        let mut table =
            assemble::read(name, spec, symbols, &self.folder, sources, &banded::printed(&self.spec, purpose))?;
        match (purpose, spec.missing_rows) {
            (Purpose::Audit, MissingRows::Zero) => margins::fill_beside(&mut table),
            (Purpose::Audit, MissingRows::Hidden) => {}
            (Purpose::Protect, missing) => whole(&mut table, sources, missing)?,
        }
        Ok(table)
    }
}

/// All files of a folder and of those in it, in the order of their names.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| {
        Error::data("tables.read", format!("the folder {} can't be read", folder.display()))
            .with_source(error)
            .with_hint("name files, or a folder that you may read")
    };
    let mut files = Vec::new();
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(folder).map_err(failed)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    for path in paths {
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// The files of some patterns.
fn found(patterns: &[Pattern], folder: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for pattern in patterns {
        for (path, captures) in pattern.files(folder)? {
            let name = path.display().to_string();
            sources.push(Source { path: folder.join(path), name, captures });
        }
    }
    Ok(sources)
}

/// Completes a table that is to be protected: every figure must be there.
fn whole(table: &mut Loaded, sources: &[Source], missing: MissingRows) -> Result<()> {
    let incomplete = |what: String| {
        Err(Error::data("tables.incomplete", what).with_hint(
            "`accord protect` takes the figures themselves; `accord audit` looks at what is published already",
        ))
    };
    for (measure, values) in table.measures.iter().zip(&table.values) {
        if let Some(cell) = values.iter().position(|&value| value == Figure::HIDDEN) {
            let name = table.name_of(cell);
            return incomplete(format!("`{}` of table `{}` is hidden already at {name}", measure.name, table.name));
        }
    }
    if missing == MissingRows::Hidden {
        return incomplete(format!("table `{}` has rows that were left out because they are hidden", table.name));
    }
    if let Some((measure, cell)) = table.conflicts.first() {
        let (name, at) = (&table.measures[*measure].name, table.name_of(*cell));
        return incomplete(format!("two files give different figures for `{name}` of table `{}` at {at}", table.name));
    }
    every_slice(table, sources)?;
    margins::fill_all(table);
    if let Some((measure, cell)) = margins::amount_without_row(table) {
        let (name, at) = (&table.measures[measure].name, table.name_of(cell));
        return Err(Error::data(
            "tables.incomplete",
            format!("the amount `{name}` of table `{}` has no row at {at}", table.name),
        )
        .with_hint("each total needs a row: who is behind it can't be added up from its parts"));
    }
    margins::add_up(table);
    Ok(())
}

/// Refuses a table one of whose files is missing: its figures would be taken for zeros.
fn every_slice(table: &Loaded, sources: &[Source]) -> Result<()> {
    use super::layout::Role;
    for source in sources {
        for (at, measure) in table.measures.iter().enumerate() {
            let gives = |role: &Role| matches!(role, Role::Measure(measure, _) if *measure == at);
            let slice = sources.iter().zip(&table.files).filter(|(other, _)| other.captures == source.captures);
            if !slice.into_iter().any(|(_, file)| file.roles.iter().any(gives)) {
                let said: Vec<String> = source.captures.iter().map(|(name, word)| format!("{name}={word}")).collect();
                let said =
                    format!("no file gives `{}` of table `{}` for {}", measure.name, table.name, said.join(", "));
                return Err(Error::data("tables.incomplete", said).with_hint("add the file, or leave the slice out"));
            }
        }
    }
    Ok(())
}

/// Names the nodes of all tables, each the same in every table that has it.
pub(super) fn name_all(tables: &mut [Loaded]) {
    let mut names: Vec<String> = tables.iter().flat_map(|table| &table.axes).map(|axis| axis.name.clone()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let mut axes: Vec<&mut Axis> =
            tables.iter_mut().flat_map(|table| &mut table.axes).filter(|axis| axis.name == name).collect();
        name_nodes(&mut axes);
    }
}
