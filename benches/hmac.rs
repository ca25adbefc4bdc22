//! Guards the rate of pseudonyms: `cargo bench --profile dev --bench hmac`, as `make bench-hmac` does. It fails where they
//! fall below [`FLOOR`] of the core's bare SHA-256 blocks, measured in turn with them.
//!
//! The bare rate is the better one of two crates. That of `ring` is assembly: a build that leaves the processor's
//! instructions unused, or compiles `sha2` for another one, slows pseudonyms and `sha2` down together, and is found all the
//! same.

#![expect(clippy::print_stdout, reason = "a program of its own, with an output")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use accord::identity::{DestroyedKeys, Keyring, PseudonymKey};
use accord::workspace::{KeyringConfig, SecretRef, Unlock, WorkspaceSecrets};
use age::secrecy::ExposeSecret;
use criterion::{Criterion, Throughput};
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A pseudonym of a short identifier costs two blocks of SHA-256 and little else.
const BLOCKS: usize = 2;
/// The least share of the bare rate that is no accident. One identifier after the other, each waiting for the one before,
/// gives two thirds.
const FLOOR: f64 = 0.7;
/// Identifiers hashed at a time; as many bytes are hashed bare.
const IDS: usize = 4096;

/// What was measured in turn.
#[derive(Default)]
struct Measured {
    shares: Vec<f64>,
    pseudonyms: Vec<f64>,
    blocks: Vec<f64>,
}

fn main() -> Outcome<ExitCode> {
    let key = key()?;
    let ids: Vec<String> = (0..IDS as u64).map(|id| format!("{:010}", id * 7_654_321)).collect();
    let bytes = vec![7; IDS * BLOCKS * 64];
    let mut measured = Measured::default();
    let mut criterion = Criterion::default()
        .without_plots()
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("hmac");
    group.throughput(Throughput::Elements(IDS as u64));
    group.bench_function("pseudonyms", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| measured.once(&key, &ids, &bytes)).sum());
    });
    group.finish();
    criterion.final_summary();
    let share = median(&mut measured.shares);
    println!(
        "{:.1} M pseudonyms/s, {:.1} M bare SHA-256 blocks/s: {:.0} % of what {BLOCKS} blocks cost",
        median(&mut measured.pseudonyms) / 1e6,
        median(&mut measured.blocks) / 1e6,
        share * 100.0,
    );
    // `cargo test --benches` tries each once, which measures nothing.
    if share < FLOOR && std::env::args().any(|argument| argument == "--bench") {
        println!("pseudonyms are slower than {:.0} % of the bare SHA-256", FLOOR * 100.0);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

impl Measured {
    /// Makes the pseudonyms of `ids` and hashes as many bare blocks; how long the former took.
    fn once(&mut self, key: &PseudonymKey, ids: &[String], bytes: &[u8]) -> Duration {
        let pseudonyms = timed(|| key.pseudonyms(ids.iter().map(|id| Some([id.as_str()]))));
        let sha2 = timed(|| Sha256::digest(bytes));
        let ring = timed(|| ring::digest::digest(&ring::digest::SHA256, bytes));
        let bare = sha2.min(ring).as_secs_f64();
        self.shares.push(bare / pseudonyms.as_secs_f64());
        self.pseudonyms.push(ids.len() as f64 / pseudonyms.as_secs_f64());
        self.blocks.push(bytes.len() as f64 / 64.0 / bare);
        pseudonyms
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begin = Instant::now();
    black_box(work());
    begin.elapsed()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A key of no agreement, made as real ones are.
fn key() -> Outcome<PseudonymKey> {
    let folder = tempfile::tempdir()?;
    let identity = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
    let secrets = WorkspaceSecrets::new(PathBuf::new(), move |_: &str| Some(identity.clone()));
    let unlock = Unlock::Identity(SecretRef::Env("KEY".into()));
    let config =
        KeyringConfig { directory: folder.path().to_owned(), unlock, recipients: Vec::new(), formerly: Vec::new() };
    let keyring = Keyring::open(Path::new(""), &config, &secrets)?;
    let mut random = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let none = DestroyedKeys::default();
    let made = keyring.create("bench", &none, &mut random);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(made)?.pseudonym_key("student_id"))
}
