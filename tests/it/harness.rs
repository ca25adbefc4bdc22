//! A workspace in a temporary folder, and the `accord` command run in it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// The repository.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
/// The pipelines that ship, each with the two stewards that its agreement asks for.
pub(crate) const PIPELINES: [(&str, [&str; 2]); 2] =
    [("college_going", ["lausd_steward", "laccd_steward"]), ("oulad", ["registrar_steward", "assessment_steward"])];
const STEWARDS: [&str; 5] =
    ["lausd_steward", "laccd_steward", "csu_steward", "registrar_steward", "assessment_steward"];

/// A workspace with the configuration, pipelines and fixtures of the repository.
pub(crate) struct Workspace {
    folder: TempDir,
    environment: Vec<(String, String)>,
    captured: AtomicUsize,
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workspace {
    /// Configuration, pipelines and fixtures; no keys.
    pub(crate) fn bare() -> Self {
        let workspace = Self::empty();
        for folder in ["config", "pipelines", "fixtures"] {
            copy(&Path::new(REPOSITORY).join(folder), &workspace.path(folder));
        }
        workspace
    }

    /// The same with all keys. Copies have the same keys, so that their runs give the same bytes.
    pub(crate) fn with_keys() -> Self {
        static TEMPLATE: OnceLock<Workspace> = OnceLock::new();
        let make = || {
            let workspace = Self::bare();
            workspace.ok("keys identity");
            workspace.ok("keys new college-going-2026");
            workspace.ok("keys new oulad-2026");
            STEWARDS.iter().for_each(|steward| drop(workspace.ok(&format!("keys steward {steward}"))));
            workspace
        };
        TEMPLATE.get_or_init(make).copy()
    }

    /// The same with fewer dimensions and tables, so that a run takes a second or two: for tests that are about something
    /// else than the figures.
    pub(crate) fn light() -> Self {
        let workspace = Self::with_keys();
        let pipeline = "pipelines/college_going/pipeline.yaml";
        let without = |text: String, from: &str, to: &str| {
            let (start, end) = (text.find(from).expect("a beginning"), text.find(to).expect("an end"));
            text[..start].to_owned() + &text[end..]
        };
        workspace.write(pipeline, without(workspace.read(pipeline), "      ethnicity:", "    measures:"));
        let pipeline = "pipelines/oulad/pipeline.yaml";
        workspace.write(pipeline, without(workspace.read(pipeline), "  by_region:", "  by_deprivation:"));
        workspace
    }

    /// Both light pipelines have run; their candidates wait.
    pub(crate) fn with_candidates() -> Self {
        static TEMPLATE: OnceLock<Workspace> = OnceLock::new();
        let make = || {
            let workspace = Self::light();
            workspace.ok("run");
            workspace
        };
        TEMPLATE.get_or_init(make).copy()
    }

    /// Both light pipelines have run, were approved and are published as version 1.
    pub(crate) fn with_releases() -> Self {
        static TEMPLATE: OnceLock<Workspace> = OnceLock::new();
        TEMPLATE.get_or_init(|| Self::with_candidates().released()).copy()
    }

    /// The same of the pipelines as they ship.
    pub(crate) fn with_full_releases() -> Self {
        static TEMPLATE: OnceLock<Workspace> = OnceLock::new();
        let make = || {
            let workspace = Self::with_keys();
            workspace.ok("run");
            workspace.released()
        };
        TEMPLATE.get_or_init(make).copy()
    }

    fn released(self) -> Self {
        for (pipeline, stewards) in PIPELINES {
            stewards.iter().for_each(|steward| drop(self.approve(pipeline, steward)));
            self.ok(&format!("release publish {pipeline}"));
        }
        self
    }

    fn empty() -> Self {
        let folder = TempDir::new_in(scratch()).expect("a folder");
        std::fs::create_dir(folder.path().join("tmp")).expect("a folder");
        Self { folder, environment: Vec::new(), captured: AtomicUsize::new(0) }
    }

    /// Another workspace with the same files.
    pub(crate) fn copy(&self) -> Self {
        let other = Self::empty();
        copy(self.root(), other.root());
        // What the copied commands said stays beside what its own say.
        let captured = AtomicUsize::new(self.captured.load(Ordering::Relaxed));
        Self { environment: self.environment.clone(), captured, ..other }
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Sets a variable for all commands to come.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Changes a file of the workspace. What is to be replaced must be there.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, text.replace(from, to));
    }

    /// The command, to be started. It sees no variable but those set here.
    pub(crate) fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_accord"));
        command
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("tmp"))
            .env("TMPDIR", self.path("tmp"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end. All that it says is kept in `captured/`, where the privacy scan reads it.
    pub(crate) fn run_args(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("accord starts");
        self.ended(&args.join(" "), &output)
    }

    /// The same, the arguments divided at blanks.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_args(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn ended(&self, line: &str, output: &Output) -> Ran {
        let number = self.captured.fetch_add(1, Ordering::Relaxed);
        self.write(&format!("captured/{number:04}.out"), &output.stdout);
        self.write(&format!("captured/{number:04}.err"), &output.stderr);
        Ran {
            command: format!("accord {line}"),
            code: output.status.code().unwrap_or(-1),
            stdout: self.without_path(&output.stdout),
            stderr: self.without_path(&output.stderr),
        }
    }

    fn without_path(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(text).replace(&self.root().display().to_string(), "<workspace>")
    }

    /// Runs the command; it must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Ran {
        self.run(line).expect(0)
    }

    /// The newest candidate of a pipeline.
    #[track_caller]
    pub(crate) fn candidate(&self, pipeline: &str) -> String {
        let listed = self.ok(&format!("release list {pipeline} --output json")).json();
        listed[0]["candidate"].as_str().expect("a candidate").to_owned()
    }

    /// Where the newest candidate of a pipeline stands.
    #[track_caller]
    pub(crate) fn standing(&self, pipeline: &str) -> Value {
        self.ok(&format!("release list {pipeline} --output json")).json()[0]["standing"].clone()
    }

    pub(crate) fn approve(&self, pipeline: &str, steward: &str) -> Ran {
        self.ok(&format!("release approve {pipeline} --as {steward} --key var/keys/{steward}.key"))
    }

    /// Starts the command and gives it back when it has said on standard error that `event` happened for `subject`.
    pub(crate) fn start_until(&self, args: &[&str], until: &[&str]) -> Child {
        Self::until(self.command(args), until)
    }

    /// The same of a command that leaves a core when it is aborted, where the system allows cores.
    pub(crate) fn start_dumping_until(&self, args: &[&str], until: &[&str]) -> Child {
        let plain = self.command(args);
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.root()).stdin(Stdio::null());
        Self::until(command, until)
    }

    fn until(mut command: Command, until: &[&str]) -> Child {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("accord starts");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error"));
        let mut line = String::new();
        while lines.read_line(&mut line).expect("a line") > 0 {
            if until.iter().all(|word| line.contains(word)) {
                break;
            }
            line.clear();
        }
        // Read on, so that the command never waits for its reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        child
    }

    /// Ids of the candidates that the ledger knows, in order.
    pub(crate) fn recorded(&self, pipeline: &str) -> Vec<String> {
        let entries = self.ok(&format!("ledger show {pipeline} --output json")).json();
        let entries = entries.as_array().expect("entries").iter();
        let candidates = entries.filter(|entry| entry["event"]["type"] == "candidate");
        candidates.map(|entry| entry["event"]["candidate"].as_str().expect("an id").to_owned()).collect()
    }

    /// Every file below `folder` with its bytes, sorted by path.
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.path(folder), &mut found);
        let root = self.path(folder);
        let relative = |path: PathBuf| path.strip_prefix(&root).expect("inside").display().to_string();
        let mut files: Vec<_> =
            found.into_iter().map(|path| (relative(path.clone()), std::fs::read(path).expect("a file"))).collect();
        files.sort();
        files
    }

    /// The last good release stays, and the ledger is whole.
    #[track_caller]
    pub(crate) fn nothing_lost(&self, pipeline: &str) {
        self.ok("ledger verify");
        self.ok(&format!("release verify {pipeline}"));
        let latest: Value = serde_json::from_str(&self.read(&format!("var/published/{pipeline}/latest.json"))).unwrap();
        assert_eq!(latest["version"], 1);
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} exited with {}\n{}\n{}", self.command, self.code, self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{}: {error}\n{}", self.command, self.stdout))
    }

    /// What a person reads: without the events that a run writes for programs.
    pub(crate) fn said(&self) -> String {
        let told = |text: &str| -> String {
            text.lines().filter(|line| !line.starts_with("{\"event\"")).map(|line| format!("{line}\n")).collect()
        };
        format!("$ {}\nexit {}\n{}{}", self.command, self.code, told(&self.stdout), told(&self.stderr))
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.said().contains(text), "`{text}` is not in:\n{}", self.said());
        self
    }

    /// Compares what a person reads with `tests/it/golden/NAME.snap`.
    #[track_caller]
    pub(crate) fn golden(self, name: &str) -> Self {
        golden(name, &self.said());
        self
    }
}

/// Compares a text with `tests/it/golden/NAME.snap`, ids and times made equal. `INSTA_UPDATE=always` writes it.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let settings = {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(REPOSITORY).join("tests/it/golden"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
    };
    settings.bind(|| insta::assert_snapshot!(name, same_every_time(&without_loss(text))));
}

/// How many figures a release hides to protect others may become fewer with each version: that is not what golden files
/// are about.
fn without_loss(text: &str) -> String {
    let line = |line: &str| {
        let (number, reason) = line.trim_start().split_once("  ").unwrap_or_default();
        let counted = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match line.split_once("audit passed:") {
            Some((before, _)) => format!("{before}audit passed: <loss>\n"),
            None if counted && ["complementary", "a count is hidden", "published"].contains(&reason) => {
                format!("<n>  {reason}\n")
            }
            None => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// Digests, ids and times as words.
fn same_every_time(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || "-:.".contains(letter) {
            word.push(letter);
            continue;
        }
        out.push_str(&name_of(&word));
        word.clear();
        out.push(letter);
    }
    out.truncate(out.len() - 1);
    out
}

fn name_of(word: &str) -> String {
    let core = word.trim_end_matches(['.', ':']);
    let rest = &word[core.len()..];
    let hex = core.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let name = match core.len() {
        16 | 12 if hex && core.bytes().any(|byte| byte.is_ascii_alphabetic()) => "<id>",
        64 | 128 if hex => "<digest>",
        _ if is_day(core, today()) || is_day(core, today_plus_a_term()) => "<day>",
        _ if core.len() > 10 && core.starts_with("20") && is_time(core) => "<time>",
        _ if core.len() == 6 && is_clock(core) => "<clock>",
        _ => return word.to_owned(),
    };
    format!("{name}{rest}")
}

fn today() -> String {
    jiff::Timestamp::now().to_string()[..10].to_owned()
}

fn today_plus_a_term() -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(14 * 24)).to_string()[..10].to_owned()
}

fn is_day(word: &str, day: String) -> bool {
    word == day
}

fn is_time(word: &str) -> bool {
    word.as_bytes()[4] == b'-' && word.contains('T') && word.ends_with('Z')
}

/// `10:15Z`
fn is_clock(word: &str) -> bool {
    word.ends_with('Z') && word.as_bytes()[2] == b':'
}

/// Runs one of the scripts in `tests/python/`.
///
/// # Panics
/// Without the Python environment that `make test` makes.
pub(crate) fn python(script: &str, args: &[&OsStr]) -> Ran {
    let output = python_program(script).args(args).output().expect("python starts");
    Ran {
        command: format!("python {script}"),
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// One of those scripts, to be started.
///
/// # Panics
/// Without the Python environment that `make test` makes.
pub(crate) fn python_program(script: &str) -> Command {
    let interpreter = std::env::var_os("ACCORD_PYTHON")
        .expect("this test needs the Python of tests/python/requirements.txt: run `make test`, which installs it");
    let mut command = Command::new(interpreter);
    command.arg(Path::new(REPOSITORY).join("tests/python").join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A folder for this process; those of processes that are gone are removed.
fn scratch() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(all).expect("a folder");
        for entry in std::fs::read_dir(all).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let gone = |pid: &str| Path::new("/proc/self").exists() && !Path::new("/proc").join(pid).exists();
            if name.strip_prefix("it-").is_some_and(gone) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let own = all.join(format!("it-{}", std::process::id()));
        std::fs::create_dir_all(&own).expect("a folder");
        own
    })
}

/// Copies a folder with all that is in it; links stay links, modes stay modes.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}
