//! Runs after the first: nothing new, and something new.

use crate::harness::Workspace;

const GRADUATES: &str = "fixtures/college_going/lausd/graduates_20251002.txt";

#[test]
fn unchanged_inputs_are_said_and_make_no_new_candidate() {
    let workspace = Workspace::with_candidates();
    let before = workspace.files("var/state/candidates");
    workspace.ok("run").golden("run_unchanged");
    assert!(workspace.files("var/state/candidates") == before);
    assert_eq!(workspace.recorded("college_going").len(), 1);
}

#[test]
fn a_changed_extract_makes_a_new_candidate_and_the_old_one_can_not_be_approved() {
    let workspace = Workspace::with_candidates();
    let old = workspace.candidate("college_going");
    workspace.approve("college_going", "lausd_steward");
    leave_out_last_graduates(&workspace, 40);
    workspace.ok("run college_going").says("waits for approval");
    let new = workspace.candidate("college_going");
    assert_ne!(old, new);
    for steward in ["lausd_steward", "laccd_steward"] {
        let refused = workspace.run_args(&[
            "release",
            "approve",
            "college_going",
            &old,
            "--as",
            steward,
            "--key",
            &format!("var/keys/{steward}.key"),
        ]);
        refused.expect(7).says("superseded");
    }
    workspace.run_args(&["release", "publish", "college_going", &old]).expect(7);
    workspace.run("release publish college_going").expect(7);
    assert!(!workspace.path("var/published/college_going").exists());
    // The new one is a case of its own.
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    workspace.ok("release publish college_going");
    workspace.nothing_lost("college_going");
}

#[test]
fn a_second_release_stands_beside_the_first() {
    let workspace = Workspace::with_releases();
    let first = workspace.files("var/published/college_going/v0001");
    leave_out_last_graduates(&workspace, 40);
    workspace.ok("run college_going");
    workspace.ok("release diff college_going").says("figures changed");
    workspace.ok("release show college_going").says("Against version 1");
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    workspace.ok("release publish college_going").says("version 2");
    assert!(workspace.files("var/published/college_going/v0001") == first, "a published version never changes");
    assert!(workspace.read("var/published/college_going/latest.json").contains("college_going/v0002"));
    workspace.ok("release verify college_going 1");
    workspace.ok("release verify college_going 2");
    workspace.ok("ledger verify");
}

#[test]
fn a_release_is_audited_beside_those_before_it() {
    let workspace = Workspace::with_releases();
    let title = "title: ";
    workspace.replace("pipelines/college_going/pipeline.yaml", title, "title: Again, ");
    let report = workspace.ok("run college_going --output json").json();
    let beside = &report["pipelines"][0]["disclosure"]["beside"];
    assert_eq!(beside[0]["linked"], "the same figures", "{beside}");
    // The same figures under a rule that hides fewer: what was hidden would show what the first release hid.
    workspace.ok("release show college_going").says("release 1");
}

#[test]
fn releases_of_another_pipeline_over_the_same_people_are_earlier_releases() {
    let workspace = Workspace::light();
    let folder = "pipelines/college_again";
    for file in ["pipeline.yaml", "outcomes.sql"] {
        workspace.write(&format!("{folder}/{file}"), workspace.read(&format!("pipelines/college_going/{file}")));
    }
    workspace.replace(&format!("{folder}/pipeline.yaml"), "name: college_going\n", "name: college_again\n");
    workspace.ok("run college_going");
    workspace.ok("run college_again");
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
        workspace.approve("college_again", steward);
    }
    workspace.ok("release publish college_going");
    // Its audit did not know what is public by now.
    let refused = workspace.run("release publish college_again").expect(6);
    refused.says("version 1 of `college_going`, over the same people, was published after");
    workspace.ok("run college_again").says("waits for approval");
    workspace
        .ok("release show college_again")
        .says("beside release 1 of college_going, table college_going: the same figures");
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_again", steward);
    }
    workspace.ok("release publish college_again");
    workspace.ok("run college_again").says("unchanged");
    // Another pipeline's method is another method over the same people.
    let agreement = "config/agreements/college-going-2026.yaml";
    let required = "  complementary_suppression: required\n";
    workspace.replace(
        agreement,
        required,
        &format!("{required}  protection: {{ methods: [suppression, rounding] }}\n"),
    );
    workspace.write(
        "pipelines/college_rounded/pipeline.yaml",
        workspace
            .read(&format!("{folder}/pipeline.yaml"))
            .replace("name: college_again\n", "name: college_rounded\n")
            .replace("\nrelease:\n", "\ndisclosure: { method: { rounding: { base: 15 } } }\n\nrelease:\n"),
    );
    workspace.write("pipelines/college_rounded/outcomes.sql", workspace.read(&format!("{folder}/outcomes.sql")));
    let refused = workspace.run("run college_rounded").expect(6);
    refused.says("of `college_again` protects the same people by suppression, and this one by controlled rounding");
}

#[test]
fn a_run_again_is_a_new_round_of_the_same_candidate() {
    let workspace = Workspace::with_candidates();
    let before = workspace.files("var/state/candidates");
    workspace.ok("run college_going --again");
    assert!(workspace.files("var/state/candidates") == before, "the same bytes");
    let rounds = workspace.recorded("college_going");
    assert_eq!(rounds.len(), 2);
    assert_eq!(rounds[0], rounds[1]);
}

#[test]
fn the_result_does_not_depend_on_threads_memory_or_the_order_of_rows() {
    let reference = Workspace::with_candidates();
    let tables = |workspace: &Workspace| {
        let mut files = workspace.files("var/state/candidates/college_going");
        files.retain(|(name, _)| name.ends_with(".parquet"));
        files.into_iter().map(|(name, bytes)| (name[17..].to_owned(), bytes)).collect::<Vec<_>>()
    };
    let one_thread = Workspace::light();
    one_thread.replace("config/accord.yaml", "memory_limit: 512MiB", "memory_limit: 64MiB\n  threads: 1");
    one_thread.ok("run college_going");
    assert!(tables(&one_thread) == tables(&reference), "other threads and memory, other figures");
    let turned = Workspace::light();
    let extract = std::fs::read(turned.path(GRADUATES)).expect("an extract");
    let mut lines: Vec<&[u8]> = extract.split_inclusive(|byte| *byte == b'\n').collect();
    lines.reverse();
    turned.write(GRADUATES, lines.concat());
    turned.ok("run college_going");
    assert!(tables(&turned) == tables(&reference), "another order of rows, other figures");
}

/// The newest delivery of the district without its last rows.
fn leave_out_last_graduates(workspace: &Workspace, rows: usize) {
    let extract = std::fs::read(workspace.path(GRADUATES)).expect("an extract");
    let lines: Vec<&[u8]> = extract.split_inclusive(|byte| *byte == b'\n').collect();
    workspace.write("fixtures/college_going/lausd/graduates_20251003.txt", lines[..lines.len() - rows].concat());
}
