//! Who may say yes, to what, and what becomes of it.

use crate::harness::{Ran, Workspace};

const PIPELINE: &str = "college_going";
const AGREEMENT: &str = "config/agreements/college-going-2026.yaml";

fn try_approve(workspace: &Workspace, steward: &str, key: &str) -> Ran {
    workspace.run(&format!("release approve {PIPELINE} --as {steward} --key var/keys/{key}.key"))
}

fn not_published(workspace: &Workspace) {
    assert!(!workspace.path("var/published/college_going").exists(), "something was published");
    workspace.ok("ledger verify");
}

#[test]
fn nobody_approves_what_they_ran() {
    let workspace = Workspace::light();
    workspace.ok("run college_going --as lausd_steward");
    try_approve(&workspace, "lausd_steward", "lausd_steward").expect(5).golden("approve_own_run");
    workspace.approve(PIPELINE, "laccd_steward");
    workspace.run("release publish college_going").expect(7);
    not_published(&workspace);
}

#[test]
fn silence_and_too_few_approvals_are_a_no() {
    let workspace = Workspace::with_candidates();
    workspace.run("release publish college_going").expect(7).golden("publish_without_approvals");
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.run("release publish college_going").expect(7).golden("publish_with_one_approval");
    try_approve(&workspace, "lausd_steward", "lausd_steward").expect(7).golden("approve_twice");
    workspace.run("release publish college_going").expect(7);
    not_published(&workspace);
}

#[test]
fn one_steward_of_each_named_party_must_approve() {
    let workspace = Workspace::with_candidates();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "csu_steward");
    workspace.run("release publish college_going").expect(7).golden("publish_without_a_party");
    not_published(&workspace);
    workspace.approve(PIPELINE, "laccd_steward");
    workspace.ok("release publish college_going");
}

#[test]
fn a_steward_of_no_party_to_the_agreement_can_not_approve() {
    let workspace = Workspace::with_candidates();
    try_approve(&workspace, "registrar_steward", "registrar_steward").expect(5).golden("approve_for_no_party");
    try_approve(&workspace, "nightly", "lausd_steward").expect(5).golden("approve_as_an_operator");
}

#[test]
fn rebuilding_voids_approvals() {
    let workspace = Workspace::with_candidates();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "laccd_steward");
    workspace.ok("run college_going --again");
    workspace.run("release publish college_going").expect(7).golden("publish_after_a_rebuild");
    not_published(&workspace);
}

#[test]
fn an_unanswered_candidate_expires() {
    let workspace = Workspace::light();
    workspace.replace(AGREEMENT, "expires_after: 14d", "expires_after: 0d");
    workspace.ok("run college_going");
    try_approve(&workspace, "lausd_steward", "lausd_steward").expect(7).says("expired");
    workspace.run("release publish college_going").expect(7).says("expired");
    assert_eq!(workspace.standing(PIPELINE)["state"], "expired");
    not_published(&workspace);
}

#[test]
fn a_key_that_is_not_the_stewards_can_not_sign_in_their_name() {
    let workspace = Workspace::with_candidates();
    try_approve(&workspace, "laccd_steward", "lausd_steward").expect(7).golden("approve_with_another_key");
    // A steward whose key stands in for another's in the roles, after the approval.
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "laccd_steward");
    std::fs::copy(workspace.path("var/keys/csu_steward.pub"), workspace.path("var/keys/laccd_steward.pub"))
        .expect("copied");
    let refused = workspace.run("release publish college_going");
    assert!([3, 7].contains(&refused.code), "{}", refused.said());
    not_published(&workspace);
}

#[test]
fn a_changed_agreement_voids_approvals() {
    let workspace = Workspace::with_candidates();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "laccd_steward");
    workspace.replace(AGREEMENT, "required: 2", "required: 1");
    workspace.run("release publish college_going").expect(5).golden("publish_after_a_change_of_the_agreement");
    not_published(&workspace);
}

#[test]
fn an_agreement_that_is_not_in_force_publishes_nothing() {
    let workspace = Workspace::with_candidates();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "laccd_steward");
    workspace.replace(AGREEMENT, "status: active", "status: suspended");
    workspace.run("release publish college_going").expect(5);
    not_published(&workspace);
}

#[test]
fn a_tampered_candidate_is_neither_shown_approved_nor_published() {
    let pristine = Workspace::with_candidates();
    let id = pristine.candidate(PIPELINE);
    let folder = format!("var/state/candidates/{PIPELINE}/{id}");
    for (name, bytes) in pristine.files(&folder) {
        let workspace = pristine.copy();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        workspace.write(&format!("{folder}/{name}"), changed);
        assert_ne!(workspace.run("release show college_going").code, 0, "{name} is shown");
        assert_ne!(try_approve(&workspace, "lausd_steward", "lausd_steward").code, 0, "{name} can be approved");
    }
    let workspace = pristine.copy();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace.approve(PIPELINE, "laccd_steward");
    let mut table = std::fs::read(workspace.path(&format!("{folder}/release/college_going.parquet"))).expect("a table");
    let middle = table.len() / 2;
    table[middle] ^= 1;
    workspace.write(&format!("{folder}/release/college_going.parquet"), table);
    workspace.run("release publish college_going").expect(1).golden("publish_a_tampered_candidate");
    not_published(&workspace);
}

#[test]
fn publishing_twice_changes_nothing() {
    let workspace = Workspace::with_releases();
    let before = workspace.files("var");
    workspace.ok("release publish college_going").says("already").says("nothing was done");
    assert!(workspace.files("var") == before);
}

#[test]
fn a_no_stays_a_no() {
    let workspace = Workspace::with_candidates();
    workspace.approve(PIPELINE, "lausd_steward");
    workspace
        .run_args(&[
            "release",
            "reject",
            PIPELINE,
            "--as",
            "laccd_steward",
            "--key",
            "var/keys/laccd_steward.key",
            "--reason",
            "the cohort of one school is wrong",
        ])
        .expect(0);
    try_approve(&workspace, "csu_steward", "csu_steward").expect(7).golden("approve_after_a_rejection");
    workspace.run("release publish college_going").expect(7);
    not_published(&workspace);
    let returned = Workspace::with_candidates();
    returned
        .run_args(&[
            "release",
            "return",
            PIPELINE,
            "--as",
            "lausd_steward",
            "--key",
            "var/keys/lausd_steward.key",
            "--reason",
            "say what a term is",
        ])
        .expect(0);
    try_approve(&returned, "laccd_steward", "laccd_steward").expect(7).says("say what a term is");
    not_published(&returned);
}

#[test]
fn a_withdrawn_version_stays_readable_and_is_no_longer_the_latest() {
    let workspace = Workspace::with_releases();
    let files = workspace.files("var/published/college_going/v0001");
    let reason = ["--reason", "a partner asked for it"];
    let unsigned = ["release", "withdraw", PIPELINE, "--as", "nightly"];
    workspace.run_args(&[&unsigned[..], &reason].concat()).expect(5);
    let signed = ["release", "withdraw", PIPELINE, "--as", "lausd_steward", "--key", "var/keys/lausd_steward.key"];
    workspace.run_args(&[&signed[..], &reason].concat()).expect(0);
    assert!(workspace.files("var/published/college_going/v0001") == files);
    let latest: serde_json::Value =
        serde_json::from_str(&workspace.read("var/published/college_going/latest.json")).unwrap();
    assert!(latest["version"].is_null() && latest["withdrawn"][0]["version"] == 1, "{latest}");
    workspace.ok("ledger verify");
}

#[test]
fn any_change_of_the_ledger_is_found() {
    let pristine = Workspace::with_releases();
    let anchor = pristine.ok("ledger verify --output json").json()["anchor"].as_str().expect("an anchor").to_owned();
    let mut entries = pristine.files("var/state/ledger");
    entries.retain(|(name, _)| name.starts_with(|first: char| first.is_ascii_digit()));
    let check = |workspace: &Workspace, what: &str| {
        let plain = workspace.run("ledger verify");
        let anchored = workspace.run_args(&["ledger", "verify", "--anchor", &anchor]);
        assert_eq!(anchored.code, 1, "{what} is not found\n{}", anchored.said());
        plain
    };
    for (at, (name, bytes)) in entries.iter().enumerate() {
        let path = format!("var/state/ledger/{name}");
        let workspace = pristine.copy();
        let changed = String::from_utf8(bytes.clone()).unwrap().replacen("\"actor\"", "\"Actor\"", 1);
        workspace.write(&path, changed);
        check(&workspace, &format!("another word in {name}")).expect(1);
        let workspace = pristine.copy();
        std::fs::remove_file(workspace.path(&path)).expect("removed");
        let plain = check(&workspace, &format!("{name} removed"));
        // A chain that is cut off at its end, with all that points to it, shows against an anchor only.
        assert!(plain.code == 1 || at + 1 == entries.len(), "{name} removed");
    }
    let workspace = pristine.copy();
    let (first, second) = (&entries[3].0, &entries[4].0);
    workspace.write(&format!("var/state/ledger/{first}"), &entries[4].1);
    workspace.write(&format!("var/state/ledger/{second}"), &entries[3].1);
    check(&workspace, "two entries changed about").expect(1).golden("ledger_broken");
}

#[test]
fn nothing_is_published_on_a_ledger_that_was_changed() {
    let pristine = Workspace::with_candidates();
    pristine.approve(PIPELINE, "lausd_steward");
    pristine.approve(PIPELINE, "laccd_steward");
    let mut entries = pristine.files("var/state/ledger");
    entries.retain(|(name, _)| name.starts_with(|first: char| first.is_ascii_digit()));
    for (name, bytes) in &entries[..entries.len() - 1] {
        let workspace = pristine.copy();
        let changed = String::from_utf8(bytes.clone()).unwrap().replacen("\"actor\":\"", "\"actor\":\"x", 1);
        assert_ne!(changed.as_bytes(), bytes, "{name} has an actor");
        workspace.write(&format!("var/state/ledger/{name}"), changed);
        assert_ne!(workspace.run("release publish college_going").code, 0, "{name} is changed");
        assert!(!workspace.path("var/published/college_going").exists());
    }
    let workspace = pristine.copy();
    for (at, other) in [(3, 4), (4, 3)] {
        workspace.write(&format!("var/state/ledger/{}", entries[at].0), &entries[other].1);
    }
    assert_ne!(workspace.run("release publish college_going").code, 0, "two entries are exchanged");
}
