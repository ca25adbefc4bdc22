//! Pipelines whose figures are not hidden but changed: rounded, or given noise by cell keys.

use std::collections::BTreeMap;

use accord::release::MeasureValues;
use accord::release::files::{PublishedTable, read_table};
use bytes::Bytes;

use crate::harness::Workspace;

const PIPELINE: &str = "pipelines/college_going/pipeline.yaml";
const AGREEMENT: &str = "config/agreements/college-going-2026.yaml";
const REQUIRED: &str = "  complementary_suppression: required\n";
const ROUNDING: &str = "{ rounding: { base: 15 } }";
const CELL_KEY: &str = "{ cell_key: { maximum: 11, variance: 12 } }";

/// The agreement allows these methods.
fn allow(workspace: &Workspace, methods: &str) {
    workspace.replace(AGREEMENT, REQUIRED, &format!("{REQUIRED}  protection: {{ methods: {methods} }}\n"));
}

fn choose(workspace: &Workspace, method: &str) {
    workspace.replace(PIPELINE, "release:\n", &format!("disclosure: {{ method: {method} }}\n\nrelease:\n"));
}

/// The light workspace with a second table, under a method.
fn under(method: &str) -> Workspace {
    let workspace = Workspace::light();
    allow(&workspace, "[suppression, rounding, cell_key]");
    choose(&workspace, method);
    let by_year = "\n  by_year:
    from: outcomes
    counts: person
    dimensions:
      cohort_year:
    measures:
      completers: { count: true }
      enrolled: { count_where: enrolled_within_16_months }
\nrelease:\n";
    workspace.replace(PIPELINE, "\ndisclosure:", "\nprotection:");
    workspace.replace(PIPELINE, "\nrelease:\n", by_year);
    let text = workspace.read(PIPELINE);
    // `disclosure` behind the tables.
    let line = text.lines().find(|line| line.starts_with("protection:")).expect("a line").to_owned();
    let text = text.replace(&format!("{line}\n"), "");
    let line = line.replace("protection:", "disclosure:");
    workspace.write(PIPELINE, text.replace("\nrelease:\n", &format!("\n{line}\n\nrelease:\n")));
    workspace
}

fn publish(workspace: &Workspace) {
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    workspace.ok("release publish college_going");
}

fn table(workspace: &Workspace, path: &str) -> PublishedTable {
    read_table(Bytes::from(std::fs::read(workspace.path(path)).expect("a file"))).expect("a table")
}

fn published(workspace: &Workspace, version: u32, name: &str) -> PublishedTable {
    table(workspace, &format!("var/published/college_going/v{version:04}/{name}.parquet"))
}

/// Counts by measure and cell.
fn counts(table: &PublishedTable) -> BTreeMap<(String, Vec<String>), Option<i64>> {
    let mut all = BTreeMap::new();
    for measure in &table.measures {
        let MeasureValues::Counts(values) = &measure.values else { continue };
        for (row, value) in values.iter().enumerate() {
            let key = table.key(row).into_iter().map(str::to_owned).collect();
            all.insert((measure.book.name.clone(), key), *value);
        }
    }
    all
}

/// The newest delivery of the district without its last rows.
fn leave_out_last_graduates(workspace: &Workspace, rows: usize) {
    let extract = std::fs::read(workspace.path("fixtures/college_going/lausd/graduates_20251002.txt")).expect("one");
    let lines: Vec<&[u8]> = extract.split_inclusive(|byte| *byte == b'\n').collect();
    workspace.write("fixtures/college_going/lausd/graduates_20251003.txt", lines[..lines.len() - rows].concat());
}

#[test]
fn an_agreement_that_is_silent_allows_suppression_only() {
    for (method, words) in [(ROUNDING, "asks for `suppression`"), (CELL_KEY, "asks for `suppression`")] {
        let workspace = Workspace::light();
        choose(&workspace, method);
        workspace.run("check").expect(5).says(words);
        workspace.run("run college_going").expect(5);
        allow(&workspace, "[rounding, cell_key]");
        workspace.ok("check");
        workspace.replace(PIPELINE, method, "suppression");
        workspace.run("check").expect(5).says("asks for `rounding` or `cell_key`");
    }
}

#[test]
fn a_method_that_leaves_small_counts_too_narrow_is_refused() {
    for (method, words) in [
        ("{ rounding: { base: 5 } }", "use at least 12"),
        ("{ cell_key: { maximum: 3, variance: 2 } }", "leaves small counts too narrow"),
    ] {
        let workspace = Workspace::light();
        allow(&workspace, "[rounding, cell_key]");
        choose(&workspace, method);
        workspace.run("check").expect(3).says(words);
    }
    let workspace = Workspace::with_keys();
    let oulad = "pipelines/oulad/pipeline.yaml";
    workspace.replace(
        "config/agreements/oulad-2026.yaml",
        REQUIRED,
        &format!("{REQUIRED}  protection: {{ methods: [rounding] }}\n"),
    );
    workspace.replace(oulad, "\nrelease:\n", &format!("\ndisclosure: {{ method: {ROUNDING} }}\n\nrelease:\n"));
    workspace.run("check").expect(3).says("one person may be in several");
}

#[test]
fn rounded_figures_are_multiples_that_add_up_and_less_than_the_base_from_the_truth() {
    let hidden = Workspace::with_releases();
    let workspace = under(ROUNDING);
    workspace.ok("plan college_going").says("every figure to a multiple of 15");
    workspace.ok("run college_going").says("controlled rounding to base 15");
    workspace
        .ok("release show college_going")
        .says("method: controlled rounding to base 15")
        .says("no certificate: nothing is hidden");
    publish(&workspace);
    workspace.ok("release verify college_going").says("totals add up");
    workspace
        .ok("verify var/published/college_going/v0001")
        .says("Method: controlled rounding")
        .says("may be any figure from");
    let codebook = workspace.read("var/published/college_going/v0001/codebook.html");
    assert!(codebook.contains("controlled rounding to base 15") && !codebook.contains("Hidden figures"));
    assert!(workspace.read("var/published/college_going/v0001/RELEASE.json").contains("\"rounding\""));
    let (shown, truth) =
        (counts(&published(&workspace, 1, "college_going")), counts(&published(&hidden, 1, "college_going")));
    assert!(shown.len() > 50 && shown.keys().eq(truth.keys()));
    for (key, value) in &shown {
        let value = value.expect("nothing is hidden");
        assert_eq!(value % 15, 0, "{key:?}");
        assert!(truth[key].is_none_or(|truth| (truth - value).abs() < 15), "{key:?}");
    }
    // The same figure is the same in both tables.
    for ((_, key), value) in
        counts(&published(&workspace, 1, "by_year")).iter().filter(|((name, _), _)| name == "completers")
    {
        let whole = vec![key[0].clone(), "All districts".to_owned(), "All schools".to_owned()];
        assert_eq!(shown[&("graduates".to_owned(), whole)], *value);
    }
    // The same people again: the same figures, in a release of their own.
    workspace.replace(PIPELINE, "title: ", "title: Again, ");
    workspace.ok("run college_going").says("waits for approval");
    publish(&workspace);
    assert!(counts(&published(&workspace, 2, "college_going")) == shown);
    // Other people: a figure that may be the same is not computed from both releases, or nothing is laid down.
    leave_out_last_graduates(&workspace, 40);
    workspace.ok("run college_going");
    workspace.ok("release diff college_going").says("figures changed");
}

#[test]
fn the_same_people_have_the_same_noise_in_each_table_and_release() {
    let workspace = under(CELL_KEY);
    workspace.ok("run college_going").says("noise by cell keys of at most 11");
    workspace
        .ok("release show college_going")
        .says("the same people have the same noise")
        .says("who could check the noise has the key");
    publish(&workspace);
    workspace.ok("release verify college_going").says("totals are not sums");
    workspace.ok("verify var/published/college_going/v0001").says("noise by cell keys");
    let first = counts(&published(&workspace, 1, "college_going"));
    let truth = counts(&published(&Workspace::with_releases(), 1, "college_going"));
    let known = || first.iter().filter_map(|(key, value)| Some((value.expect("shown"), truth[key]?)));
    assert!(known().count() > 50 && known().all(|(shown, truth)| (shown - truth).abs() <= 11));
    assert!(known().filter(|(shown, truth)| shown != truth).count() * 2 > known().count(), "most figures have noise");
    for ((_, key), value) in
        counts(&published(&workspace, 1, "by_year")).iter().filter(|((name, _), _)| name == "completers")
    {
        let whole = vec![key[0].clone(), "All districts".to_owned(), "All schools".to_owned()];
        assert_eq!(first[&("graduates".to_owned(), whole)], *value);
    }
    // Some leave: the schools that nobody left print the same, though their totals are others.
    leave_out_last_graduates(&workspace, 40);
    workspace.ok("run college_going");
    publish(&workspace);
    let second = counts(&published(&workspace, 2, "college_going"));
    let same = first.iter().filter(|(key, value)| second.get(*key) == Some(value)).count();
    assert!(same > 0 && same < first.len(), "{same} of {}", first.len());
    // Under another key the same people would have other noise.
    workspace.ok("keys rotate college-going-2026");
    workspace.run("run college_going").expect(6).says("under another key");
    workspace.ok("release verify college_going");
}

#[test]
fn a_release_by_another_method_than_the_last_is_refused() {
    let workspace = Workspace::with_releases();
    allow(&workspace, "[suppression, rounding]");
    choose(&workspace, ROUNDING);
    let ran = workspace.run("run college_going").expect(6);
    ran.says("release 1 protects the same people by suppression, and this one by controlled rounding to base 15");
    workspace.nothing_lost("college_going");
    workspace.replace(PIPELINE, &format!("disclosure: {{ method: {ROUNDING} }}\n"), "");
    workspace.ok("run college_going");
}
