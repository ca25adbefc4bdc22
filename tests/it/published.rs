//! What is published: the right figures, in files that open right, and nothing of a person anywhere.

use std::ffi::OsStr;

use accord::disclosure::{
    Certificate, Dimension, Measure, MeasureKind, Node, Policy, PublicTable, certify, public_text, verify,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{PIPELINES, Workspace, python};

#[test]
fn published_figures_equal_an_independent_query_over_the_raw_extracts() {
    let workspace = Workspace::with_full_releases();
    for (pipeline, _) in PIPELINES {
        equals_independent(&workspace, pipeline);
    }
}

/// Every figure that is shown is the one that a query shares no code with; every other one is hidden.
#[track_caller]
pub(crate) fn equals_independent(workspace: &Workspace, pipeline: &str) {
    let cells = workspace.path(&format!("tmp/{pipeline}.csv"));
    let extracts = workspace.path("fixtures");
    python("independent.py", &[OsStr::new(pipeline), extracts.as_ref(), OsStr::new("--out"), cells.as_ref()]).expect(0);
    let version = workspace.path(&format!("var/published/{pipeline}/v0001"));
    python("compare.py", &[cells.as_ref(), version.as_ref()]).expect(0);
    std::fs::remove_file(cells).expect("removed");
}

#[test]
fn published_tables_open_with_the_right_types_in_every_reader() {
    let workspace = Workspace::with_full_releases();
    for (pipeline, _) in PIPELINES {
        python("readers.py", &[workspace.path(&format!("var/published/{pipeline}/v0001")).as_ref()]).expect(0);
    }
}

#[test]
fn certificates_prove_what_is_hidden_and_so_does_a_second_implementation() {
    let workspace = Workspace::with_full_releases();
    for (pipeline, _) in PIPELINES {
        let folder = format!("var/published/{pipeline}/v0001");
        let code = |proof: &Value| if proof["passed"] == true { 0 } else { 6 };
        let run = workspace.run(&format!("verify {folder} --output json"));
        let proof = run.json();
        run.expect(code(&proof));
        let [hidden, unproven, empty] =
            ["hidden", "unproven", "perhaps_empty"].map(|name| proof[name].as_u64().unwrap());
        // What is not shown to be open is little, and may as well be empty.
        assert_eq!(unproven, empty, "of {hidden} figures, some that cannot be empty are not proven");
        assert!(unproven * 100 < hidden, "{unproven} of {hidden} are not proven");
        let second = python("certificate.py", &[workspace.path(&folder).as_ref()]);
        let counts = second.json();
        second.expect(i32::from(unproven > 0));
        for name in ["open", "settled", "unproven", "perhaps_empty", "exposed"] {
            assert_eq!(counts[name], proof[name], "{name}");
        }
    }
}

#[test]
fn a_certificate_that_was_changed_or_is_about_other_tables_is_refused() {
    let workspace = Workspace::with_full_releases();
    let folder = "var/published/oulad/v0001";
    workspace.run(&format!("verify {folder}")).says("whole tables fit everything published");
    let certificate = format!("{folder}/certificate.jsonl");
    let text = workspace.read(&certificate);
    let changed = text.replacen("{\"base\":[", "{\"base\":[1", 1);
    workspace.write(&certificate, &changed);
    workspace.run(&format!("verify {folder}")).expect(6).says("does not fit the published figures");
    python("certificate.py", &[workspace.path(folder).as_ref()]).expect(2);
    std::fs::remove_file(workspace.path(&format!("{folder}/by_region.parquet"))).unwrap();
    workspace.write(&certificate, &text);
    workspace.run(&format!("verify {folder}")).expect(6).says("other tables");
    workspace.run("verify var/state").expect(2).says("certificate.jsonl");
}

/// A large table has a certificate of another kind, of changes among innermost cells.
#[test]
fn the_second_implementation_agrees_on_the_certificate_of_a_large_table() {
    agrees([large_table()]);
}

/// In a large table, larger minimum cells hold for every fifth school.
#[test]
fn the_second_implementation_knows_which_minimum_holds_where() {
    let mut table = large_table();
    let schools = table.dimensions[0].nodes.len();
    let stride = table.values[0].len() / schools;
    let minimum = |cell: usize| if (cell / stride).is_multiple_of(5) { 15 } else { 11 };
    table.minimums = Some((0..schools * stride).map(minimum).collect());
    agrees([table]);
}

fn agrees(public: [PublicTable; 1]) {
    let policy = Policy::default();
    let text = public_text(public[..].into());
    let about = hex::encode(Sha256::digest(&text));
    let certificate = certify(public[..].into(), &policy, &about, &mut |_| {}).expect("a certificate");
    assert!(certificate.cells.len() > 1000, "{certificate:?}");
    let proof = verify(public[..].into(), &certificate).expect("it fits");
    assert!(proof.unproven * 100 < proof.hidden, "{} of {} are not proven", proof.unproven, proof.hidden);

    let folder = tempfile::tempdir().expect("a folder");
    let [tables, proofs] = ["large.public", "large.certificate"].map(|name| folder.path().join(name));
    std::fs::write(&tables, text).expect("written");
    let second = |certificate: &Certificate| {
        std::fs::write(&proofs, certificate.to_text()).expect("written");
        python("certificate.py", &[tables.as_ref(), proofs.as_ref()])
    };
    let ran = second(&certificate);
    let counts = ran.json();
    let ours = [("open", proof.open), ("settled", proof.settled), ("unproven", proof.unproven)];
    for (name, count) in ours.into_iter().chain([("perhaps_empty", proof.perhaps_empty), ("exposed", proof.exposed)]) {
        assert_eq!(counts[name], count, "{name}");
    }
    let mut changed = certificate;
    changed.cells.last_mut().expect("some").1[0].1 += 1;
    verify(public[..].into(), &changed).expect_err("it does not add up");
    second(&changed).expect(2);
}

/// Schools in districts by race, gender and grade, drawn by a fixed rule; printed is what is large.
fn large_table() -> PublicTable {
    let total = || Node { id: "all".to_owned(), parent: None };
    let flat = |name: &str, count: usize| Dimension {
        name: name.to_owned(),
        nodes: std::iter::once(total())
            .chain((0..count).map(|at| Node { id: at.to_string(), parent: Some(0) }))
            .collect(),
    };
    let mut geo = flat("geo", 10);
    geo.nodes.extend((0..130).map(|school| Node { id: format!("s{school}"), parent: Some(1 + school % 10) }));
    let dimensions = vec![geo, flat("race", 8), flat("gender", 3), flat("grade", 13)];
    let sizes: Vec<usize> = dimensions.iter().map(|dimension| dimension.nodes.len()).collect();
    let mut values = vec![0_i64; sizes.iter().product()];
    let mut draw = 1_u64;
    for school in 11..141 {
        for leaf in 0..8 * 3 * 13 {
            let (race, gender, grade) = (1 + leaf / 39, 1 + leaf / 13 % 3, 1 + leaf % 13);
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let is_served = (grade + school) % 3 == 0;
            let count = if is_served { (draw >> 40) as i64 % 60 / (race * gender) as i64 } else { 0 };
            for geo in [school, 1 + (school - 11) % 10, 0] {
                for race in [race, 0] {
                    for gender in [gender, 0] {
                        for grade in [grade, 0] {
                            let at = [geo, race, gender, grade];
                            let cell = at.iter().zip(&sizes).fold(0, |cell, (node, size)| cell * size + node);
                            values[cell] += count;
                        }
                    }
                }
            }
        }
    }
    let published = values.into_iter().map(|value| (value >= 1000).then_some(value)).collect();
    PublicTable {
        name: "large".to_owned(),
        universe: "students".to_owned(),
        dimensions,
        measures: vec![Measure { name: "n".to_owned(), kind: MeasureKind::Count }],
        values: vec![published],
        rates: Vec::new(),
        edition: None,
        minimums: None,
    }
}

#[test]
fn nothing_of_a_person_is_on_disk_outside_the_extracts() {
    let workspace = Workspace::with_full_releases();
    workspace.ok("release show college_going");
    workspace.ok("quarantine show college_going graduates");
    workspace.ok("quarantine list --output json");
    workspace.run("quarantine replay college_going graduates");
    workspace.ok("quarantine resolve college_going graduates --all --reason agreed --yes");
    workspace.ok("ledger show --output json");
    // A run that is killed with all rows staged, so that staging and spill are looked at too.
    for (pipeline, _) in PIPELINES {
        let mut run = workspace.start_until(&["run", pipeline, "--again"], &["step_started", "disclosure"]);
        run.kill().expect("killed");
        run.wait().expect("ended");
        let staged = workspace.files("var/state/staging");
        assert!(staged.iter().any(|(path, _)| path.starts_with(pipeline)), "there is something staged to look at");
        crate::harness::copy(&workspace.path("var/state/staging"), &workspace.path(&format!("tmp/staging_{pipeline}")));
    }
    assert!(!workspace.files("var/state/quarantine").is_empty(), "there is a quarantine to look at");
    python("scan.py", &[workspace.path("fixtures").as_ref(), workspace.root().as_ref()]).expect(0);
}

#[test]
fn the_scan_finds_what_is_planted() {
    let workspace = Workspace::bare();
    python("scan.py", &[workspace.path("fixtures").as_ref(), OsStr::new("--self-test")]).expect(0);
}

#[test]
fn latest_points_to_the_version_and_the_version_verifies() {
    let workspace = Workspace::with_full_releases();
    for (pipeline, _) in PIPELINES {
        let latest: Value =
            serde_json::from_str(&workspace.read(&format!("var/published/{pipeline}/latest.json"))).unwrap();
        assert_eq!(latest["path"], format!("{pipeline}/v0001"));
        assert_eq!(latest["candidate"], workspace.candidate(pipeline));
        workspace.ok(&format!("release verify {pipeline}"));
    }
    workspace.ok("ledger verify");
}

#[test]
fn verify_finds_any_change_of_a_published_file() {
    let pristine = Workspace::with_releases();
    for (name, bytes) in pristine.files("var/published/college_going/v0001") {
        let workspace = pristine.copy();
        let path = format!("var/published/college_going/v0001/{name}");
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        workspace.write(&path, &changed);
        workspace.run("release verify college_going").expect(1);
        std::fs::remove_file(workspace.path(&path)).expect("removed");
        let missing = workspace.run("release verify college_going");
        assert_ne!(missing.code, 0, "{name} is missing");
        workspace.write(&path, &bytes);
        workspace.ok("release verify college_going");
        workspace.write("var/published/college_going/v0001/another.txt", "not of the release");
        workspace.run("release verify college_going").expect(1);
    }
}

#[test]
fn a_page_shows_a_steward_what_a_candidate_is() {
    let workspace = Workspace::with_candidates();
    workspace.ok("release show oulad").golden("release_show_oulad");
    workspace.ok("release list").golden("release_list");
}

#[test]
fn a_plan_says_what_would_be_read_published_and_needed() {
    let workspace = Workspace::with_keys();
    workspace.ok("plan college_going").golden("plan_college_going");
    workspace.ok("plan oulad").golden("plan_oulad");
    workspace.ok("check").golden("check");
    let released = Workspace::with_releases();
    released.ok("plan college_going").says("Unchanged since release 1.");
    released.replace(
        "pipelines/college_going/pipeline.yaml",
        "recipients: [district_analysts, public]",
        "recipients: [district_analysts]",
    );
    released.ok("plan college_going").says("Changed since release 1");
}

#[test]
fn schemas_are_those_of_the_types() {
    Workspace::bare().ok("schema --check");
}
