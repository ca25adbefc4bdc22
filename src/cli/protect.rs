//! `accord protect`

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::app::App;
use super::output;
use crate::error::{Error, Result};
use crate::tablefile::{self, Job, MethodSpec, ProtectedFiles};

/// Hide what must be hidden in tables of counts, and prove that it is enough
///
/// Works on any CSV or Parquet tables of counts; no workspace is needed. A spec says what their columns are: start with
/// --draft-spec. The tables are written again with a mark in place of each hidden figure, all else as it was. All tables
/// of a spec are protected as one release. Where no pattern protects them, nothing is written, and it exits 6.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The tables, with all their figures, or folders of them; those that the spec names where none is given
    #[arg(value_name = "TABLE")]
    tables: Vec<PathBuf>,
    /// What their columns are, and the rules (YAML)
    #[arg(long, value_name = "FILE", required_unless_present = "draft_spec")]
    spec: Option<PathBuf>,
    /// Write a first spec, guessed from the tables, to standard output
    #[arg(long, conflicts_with = "spec", requires = "tables")]
    draft_spec: bool,
    /// Where the protected tables go: a file for one table; for several a folder, where tables that come from several
    /// folders keep them
    #[arg(long, value_name = "PATH", required_unless_present = "draft_spec")]
    out: Option<PathBuf>,
    /// Why each hidden figure is hidden, as CSV: for stewards only, since it says which figures are small
    #[arg(long, value_name = "FILE")]
    steward_out: Option<PathBuf>,
    /// The certificate: a proof for everybody, made from the protected tables alone; `accord verify` checks it
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(app: &App, args: &Args) -> Result<ExitCode> {
    let (Some(spec), Some(out)) = (&args.spec, &args.out) else {
        output::text(&tablefile::draft(&args.tables)?);
        return Ok(ExitCode::SUCCESS);
    };
    let job = Job::read(spec, app.color())?;
    let changes = match &job.spec.policy.method {
        MethodSpec::Suppression => None,
        MethodSpec::Rounding(_) => Some("rounding hides none"),
        MethodSpec::CellKey(_) => Some("noise by cell keys hides none"),
        MethodSpec::Bands(_) => Some("bands are no proof of any"),
    };
    if let (Some(_), Some(changes)) = (&args.certificate, changes) {
        let message = format!("a certificate is about hidden figures, and {changes}");
        return Err(Error::usage("cli.certificate", message).with_hint("leave out --certificate"));
    }
    let mut bar = Progress::new("protecting");
    let started = Instant::now();
    let limit = job.time_limit();
    let stop = || limit.is_some_and(|limit| started.elapsed() >= limit);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let done = tablefile::protect(&job, &args.tables, threads, &stop, &mut |progress| bar.step(progress))?;
    bar.finish();
    let places = places(&done, out)?;
    let all = places.iter().map(PathBuf::as_path).chain(args.steward_out.as_deref()).chain(args.certificate.as_deref());
    refuse_existing(all, args.force)?;
    for (file, place) in done.files.iter().zip(&places) {
        write(place, &file.bytes)?;
    }
    if let Some(place) = &args.steward_out {
        write(place, &done.reasons)?;
    }
    say(app, args, &done, &places)?;
    match &args.certificate {
        Some(certificate) => prove(&job, &places, certificate),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Makes the certificate of what was written.
fn prove(job: &Job, places: &[PathBuf], certificate: &Path) -> Result<ExitCode> {
    let mut bar = Progress::new("proving");
    let (text, report) = tablefile::certificate(job, places, &mut |progress| bar.step(progress))?;
    bar.finish();
    write(certificate, text.as_bytes())?;
    output::say(format!("wrote {}", certificate.display()));
    if report.passed {
        return Ok(ExitCode::SUCCESS);
    }
    output::say(format!(
        "it proves {} of {} hidden figures: `accord verify` names the others. The audit passed for all that must be protected.",
        report.hidden - report.unproven,
        report.hidden
    ));
    Ok(ExitCode::SUCCESS)
}

fn say(app: &App, args: &Args, done: &ProtectedFiles, places: &[PathBuf]) -> Result<()> {
    if app.json() {
        let files: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        output::json(&serde_json::json!({ "files": files, "steward_out": args.steward_out, "report": done.report }))?;
    }
    for line in done.report.lines() {
        output::say(line);
    }
    for place in places {
        output::say(format!("wrote {}", place.display()));
    }
    if let Some(place) = &args.steward_out {
        output::say(format!("wrote {} (for stewards only)", place.display()));
    }
    Ok(())
}

/// Where each file goes. Files of several folders keep theirs, below the one that holds all of them.
fn places(done: &ProtectedFiles, out: &Path) -> Result<Vec<PathBuf>> {
    if let ([_], false) = (done.files.as_slice(), out.is_dir()) {
        return Ok(vec![out.to_path_buf()]);
    }
    if out.is_file() {
        return Err(Error::usage("cli.out", format!("{} is a file, and there are several tables", out.display()))
            .with_hint("name a folder"));
    }
    let names: Vec<&Path> = done.files.iter().map(|file| Path::new(&file.name)).collect();
    let common = common_folder(&names);
    let mut places = Vec::new();
    let mut taken = BTreeSet::new();
    for name in names {
        // Never outside of the folder that was named.
        let own = name.components().skip(common).filter(|part| matches!(part, Component::Normal(_)));
        let place: PathBuf = own.collect();
        if !taken.insert(place.clone()) {
            let said = format!("two tables are written as {}", place.display());
            return Err(Error::usage("cli.out", said).with_hint(
                "give the files names of their own; a file that two tables of the spec read can't be written",
            ));
        }
        places.push(out.join(place));
    }
    Ok(places)
}

/// How many names the folders of all paths have in common, from the first on.
fn common_folder(paths: &[&Path]) -> usize {
    let folders: Vec<Vec<Component<'_>>> =
        paths.iter().map(|path| path.parent().into_iter().flat_map(Path::components).collect()).collect();
    let Some(first) = folders.first() else { return 0 };
    let shared = |at: &usize| folders.iter().all(|folder| folder.get(*at) == first.get(*at));
    (0..first.len()).take_while(shared).count()
}

/// Refuses to overwrite, before anything is written.
pub(super) fn refuse_existing<'p>(places: impl IntoIterator<Item = &'p Path>, force: bool) -> Result<()> {
    match places.into_iter().find(|place| place.exists()) {
        Some(place) if !force => Err(Error::usage("cli.exists", format!("{} is there already", place.display()))
            .with_hint("say --force to overwrite it")),
        _ => Ok(()),
    }
}

/// Writes a file, whole or not at all.
pub(super) fn write(place: &Path, bytes: &[u8]) -> Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map(|()| file))
        .and_then(|file| file.persist(place).map_err(|error| error.error));
    written
        .map(drop)
        .map_err(|error| Error::failed("cli.write", format!("{} can't be written", place.display())).with_source(error))
}

/// A bar on a terminal, nothing elsewhere.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn new(word: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {bar:30} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(word);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    pub(super) fn step(&mut self, progress: tablefile::Progress) {
        let Some(bar) = &self.0 else { return };
        let (done, total) = match progress.inner {
            Some(inner) if progress.parts == 1 => (inner.done, inner.total),
            _ => (progress.part, progress.parts),
        };
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
