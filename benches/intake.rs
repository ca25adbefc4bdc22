//! What `benches/intake.py` runs: one source read as the nightly run reads it, or what the machine could do at most.
//!
//!     intake stage WORKSPACE PIPELINE SOURCE     intake limits WORKSPACE AGREEMENT FILE

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program of its own, with a clock and an output"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use accord::identity::{DestroyedKeys, Keyring};
use accord::intake::Extracts;
use accord::model::EngineOptions;
use accord::report::Silent;
use accord::run::{Job, stage_source};
use accord::storage::Store;
use accord::workspace::{self, StorageConfig, Workspace, WorkspaceSecrets};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["stage", root, pipeline, source] => stage(Path::new(root), pipeline, source),
        ["limits", root, agreement, file] => limits(Path::new(root), agreement, file),
        // Without a workspace there is nothing to measure: `cargo bench` alone comes here.
        _ => Ok(()),
    }
}

fn secrets(root: &Path) -> WorkspaceSecrets<impl Fn(&str) -> Option<String> + Send + Sync> {
    WorkspaceSecrets::new(root.to_path_buf(), |_: &str| None)
}

fn keyring(workspace: &Workspace) -> Outcome<Keyring> {
    Ok(Keyring::open(&workspace.root, &workspace.settings.keyring, &secrets(&workspace.root))?)
}

fn stage(root: &Path, pipeline: &str, source: &str) -> Outcome<()> {
    let workspace = workspace::load(root)?;
    let store = |config: &StorageConfig| Store::open(config, root, &secrets(root), Timestamp::now);
    let extracts = Extracts::new(store(&workspace.settings.extracts)?, Box::new(|_| Ok(None)), Timestamp::now);
    let state = store(&workspace.settings.state)?;
    let published = store(&workspace.settings.published)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let job = Job {
        workspace: &workspace,
        extracts: &extracts,
        state: &state,
        published: &published,
        keyring: &keyring(&workspace)?,
        engine: EngineOptions { memory_limit: 1 << 29, spill: root.to_path_buf(), threads },
        author: "nightly".to_owned(),
        clock: Timestamp::now,
        today: jiff::Zoned::now().date(),
        again: false,
        wait: None,
        reporter: &Silent,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let begin = Instant::now();
    let book = runtime.block_on(stage_source(&job, pipeline, source))?;
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({
            "rows_in": book.rows_in, "rows_out": book.rows_out, "rejected": book.rejected, "seconds": seconds,
            "without_person": book.without_person, "balanced": book.rows_in == book.rows_out + book.rejected + book.without_person,
        })
    );
    Ok(())
}

/// Bytes a second of reading and of looking for delimiters and line ends on one core, and pseudonyms a second on one
/// core. How near these come to the bare SHA-256 is for `benches/hmac.rs`, which measures both in turn.
fn limits(root: &Path, agreement: &str, path: &str) -> Outcome<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut pass = |each: &mut dyn FnMut(&[u8])| -> Outcome<f64> {
        let (mut file, mut bytes, begin) = (File::open(path)?, 0, Instant::now());
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(bytes as f64 / begin.elapsed().as_secs_f64());
            }
            each(&buffer[..read]);
            bytes += read;
        }
    };
    let read = pass(&mut |bytes| kept(bytes.len()))?;
    let scan = pass(&mut |bytes| kept(memchr::memchr3_iter(b',', b'\n', b'"', bytes).count()))?;
    let digest = pass(&mut |bytes| kept(Sha256::digest(bytes)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let keyring = keyring(&workspace::load(root)?)?;
    let key = runtime.block_on(keyring.load(agreement, &DestroyedKeys::default()))?.pseudonym_key("student_id");
    let ids: Vec<String> = (0..1000_u64).map(|id| format!("{:010}", id * 7_654_321)).collect();
    let pseudonyms = a_second(|| kept(key.pseudonyms(ids.iter().map(|id| Some([id.as_str()])))), ids.len());
    println!(
        "{}",
        serde_json::json!({
            "read_bytes": read, "scan_bytes": scan, "digest_bytes": digest, "pseudonyms": pseudonyms,
        })
    );
    Ok(())
}

/// Keeps the compiler from leaving the work out.
fn kept<T>(value: T) {
    let _ = black_box(value);
}

/// How often a second, by the best of several tries: others may use the machine.
fn a_second(mut work: impl FnMut(), each: usize) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..10 {
        let (begin, mut done) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_millis(50) {
            work();
            done += each;
        }
        best = best.max(done as f64 / begin.elapsed().as_secs_f64());
    }
    best
}
