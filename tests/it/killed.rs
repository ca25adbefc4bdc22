//! A run or a publication that is killed at any instant, and two of them at once.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::harness::Workspace;

/// Instants at which a run is killed, besides those at each of its steps.
const INSTANTS: u32 = 8;
const CANDIDATES: &str = "var/state/candidates";

fn start(workspace: &Workspace, line: &str) -> Child {
    let args: Vec<&str> = line.split_whitespace().collect();
    workspace.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("accord starts")
}

fn kill_after(mut child: Child, pause: Duration) {
    std::thread::sleep(pause);
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// The next run ends as one that was never killed: in the same bytes, with one entry in the ledger, nothing left over.
#[track_caller]
fn ends_the_same(killed: &Workspace, reference: &Workspace, at: &str) {
    killed.ok("ledger verify");
    killed.ok("run college_going");
    let (wanted, got) = (reference.files(CANDIDATES), killed.files(CANDIDATES));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&got), names(&wanted), "killed {at}");
    assert!(got == wanted, "killed {at}: the candidate has other bytes");
    assert_eq!(killed.recorded("college_going"), reference.recorded("college_going"), "killed {at}");
    killed.ok("ledger verify");
    assert!(killed.files("var/state/staging").is_empty(), "killed {at}: staged rows are left");
    assert!(killed.files("var/spill").is_empty(), "killed {at}: spill files are left");
    killed.ok("run college_going").says("unchanged");
}

#[test]
fn a_run_killed_at_any_instant_ends_in_the_same_bytes_when_run_again() {
    let reference = Workspace::light();
    let began = Instant::now();
    reference.ok("run college_going");
    let whole = began.elapsed();
    let mut dice = ChaCha20Rng::seed_from_u64(20_260_701);
    for _ in 0..INSTANTS {
        let pause = whole.mul_f64(dice.random_range(0.02..1.05));
        let killed = Workspace::light();
        kill_after(start(&killed, "run college_going"), pause);
        ends_the_same(&killed, &reference, &format!("after {pause:?}"));
    }
}

#[test]
fn a_run_killed_at_the_start_of_each_step_ends_in_the_same_bytes_when_run_again() {
    let reference = Workspace::light();
    reference.ok("run college_going");
    for step in ["discover", "intake", "identity", "model", "tabulate", "disclosure", "release"] {
        let killed = Workspace::light();
        let child = killed.start_until(&["run", "college_going"], &["step_started", &format!("\"step\":\"{step}\"")]);
        kill_after(child, Duration::ZERO);
        ends_the_same(&killed, &reference, &format!("at {step}"));
    }
    // Laying down and recording take some milliseconds: hit them from several distances.
    for pause in [2, 5, 10, 20, 40] {
        let killed = Workspace::light();
        let child = killed.start_until(&["run", "college_going"], &["step_started", "\"step\":\"release\""]);
        kill_after(child, Duration::from_millis(pause));
        ends_the_same(&killed, &reference, &format!("{pause} ms after the start of the release step"));
    }
}

#[test]
fn a_publication_killed_at_any_instant_is_whole_when_published_again() {
    let approved = Workspace::with_candidates();
    for steward in ["lausd_steward", "laccd_steward"] {
        approved.approve("college_going", steward);
    }
    let reference = approved.copy();
    let began = Instant::now();
    reference.ok("release publish college_going");
    let whole = began.elapsed();
    let files = |workspace: &Workspace| {
        let mut files = workspace.files("var/published/college_going/v0001");
        // The two that hold the time of publication.
        files.retain(|(name, _)| name != "RELEASE.json");
        files
    };
    let mut dice = ChaCha20Rng::seed_from_u64(7);
    for _ in 0..12 {
        let pause = whole.mul_f64(dice.random_range(0.2..1.05));
        let killed = approved.copy();
        kill_after(start(&killed, "release publish college_going"), pause);
        if killed.path("var/published/college_going/latest.json").exists() {
            // What readers are pointed to is whole at every instant.
            killed.ok("release verify college_going");
        }
        killed.ok("release publish college_going");
        killed.nothing_lost("college_going");
        assert!(files(&killed) == files(&reference), "killed after {pause:?}: the version has other bytes");
        let left: Vec<String> = killed.files("var/published").into_iter().map(|(name, _)| name).collect();
        let expected: Vec<String> = reference.files("var/published").into_iter().map(|(name, _)| name).collect();
        assert_eq!(left, expected, "killed after {pause:?}");
    }
}

#[test]
fn of_two_runs_at_once_the_second_exits_75() {
    let workspace = Workspace::light();
    let mut first = workspace.start_until(&["run", "college_going"], &["step_started"]);
    let second = workspace.run("run college_going").expect(75);
    assert!(first.wait().expect("ended").success());
    second.golden("two_runs_at_once");
    assert_eq!(workspace.recorded("college_going").len(), 1);
    workspace.ok("ledger verify");
}

#[test]
fn of_two_runs_at_once_the_second_waits_where_it_is_told_to() {
    let workspace = Workspace::light();
    let mut first = workspace.start_until(&["run", "college_going"], &["step_started"]);
    workspace.ok("run college_going --wait 300").says("unchanged");
    assert!(first.wait().expect("ended").success());
    assert_eq!(workspace.recorded("college_going").len(), 1);
    workspace.ok("ledger verify");
}

#[test]
fn many_runs_at_once_make_one_candidate() {
    let workspace = Workspace::light();
    let runs: Vec<Child> = (0..4).map(|_| start(&workspace, "run college_going")).collect();
    let codes: Vec<i32> =
        runs.into_iter().map(|mut run| run.wait().expect("ended").code().expect("an exit code")).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    assert_eq!(workspace.recorded("college_going").len(), 1);
    workspace.ok("ledger verify");
}

#[test]
fn two_publications_at_once_make_one_version() {
    let workspace = Workspace::with_candidates();
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    let runs: Vec<Child> = (0..3).map(|_| start(&workspace, "release publish college_going")).collect();
    let codes: Vec<i32> =
        runs.into_iter().map(|mut run| run.wait().expect("ended").code().expect("an exit code")).collect();
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    workspace.nothing_lost("college_going");
    assert!(!workspace.path("var/published/college_going/v0002").exists());
}
