//! Samples of right and wrong workspaces: `tests/workspace/valid/` and, for each mistake, a change to one of them and
//! the report that it gives, in `tests/workspace/invalid/`. The name of a folder there says what is wrong.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Findings, Workspace, find_root, load, read, schemas};
use crate::error::Kind;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn samples() -> PathBuf {
    project().join("tests/workspace")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A copy of the small workspace, and the change to it: blocks of `@ FILE`, `-` lines as they are, `+` lines instead.
fn changed(change: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    copy(&samples().join("valid/small"), folder.path());
    for block in change.split("@ ").skip(1) {
        let (name, lines) = block.split_once('\n').unwrap();
        let side = |sign: char| -> String {
            lines.lines().filter_map(|line| line.strip_prefix(sign)).map(|line| format!("{line}\n")).collect()
        };
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&side('-')), "{name} does not hold\n{}", side('-'));
        fs::write(path, text.replacen(&side('-'), &side('+'), 1)).unwrap();
    }
    folder
}

fn mistakes(change: &str) -> Findings {
    let folder = changed(change);
    read(folder.path()).map(|_: Workspace| ()).expect_err("the change makes a mistake")
}

fn invalid() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        fs::read_dir(samples().join("invalid")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn report_of(case: &Path) -> String {
    let findings = mistakes(&fs::read_to_string(case.join("change.txt")).unwrap());
    let text = findings.render(false);
    let kind = findings.into_error(false).kind();
    format!("{text}exit code {}\n", kind.exit_code())
}

#[test]
fn each_mistake_is_shown_with_file_line_caret_and_the_nearest_word() {
    let cases = invalid();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (expected, report) = (fs::read_to_string(case.join("report.txt")).unwrap_or_default(), report_of(case));
            (expected != report).then(|| format!("{}\n{report}\n", case.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{} reports differ:\n{}", wrong.len(), wrong.concat());
}

/// Run it by hand after a change of the wording, and read what it wrote.
#[test]
#[ignore = "writes the expected reports"]
fn write_the_expected_reports() {
    for case in invalid() {
        fs::write(case.join("report.txt"), report_of(&case)).unwrap();
    }
}

#[test]
fn all_mistakes_of_all_files_come_in_one_report() {
    let change = "@ config/roles.yaml\n-operators:\n+operator:\n\
                  @ config/accord.yaml\n-state: { type: fs, root: var/state }\n+state: { type: fs }\n\
                  @ config/contracts/students.yaml\n-encoding: us-ascii\n+encoding: ascii\n";
    let findings = mistakes(change);
    assert_eq!(findings.len(), 3, "{}", findings.render(false));
}

#[test]
fn only_forbidden_things_make_a_governance_error() {
    let forbidden = "@ pipelines/enrolled/pipeline.yaml\n-  recipients: [analysts]\n+  recipients: [public]\n";
    assert_eq!(mistakes(forbidden).into_error(false).kind(), Kind::Governance);
    let both = format!("{forbidden}@ config/roles.yaml\n-operators:\n+operator:\n");
    assert_eq!(mistakes(&both).into_error(false).kind(), Kind::Config);
}

#[test]
fn a_secret_in_plain_text_is_not_shown() {
    let plain = "-    passphrase: { env: ACCORD_PASSPHRASE }\n";
    for written in
        ["passphrase: hunter2", "passphrase: { value: hunter2 }", "passphrase: [hunter2]", "passphrase: {{ hunter2 }}"]
    {
        let report = mistakes(&format!("@ config/accord.yaml\n{plain}+    {written}\n")).render(false);
        assert!(!report.contains("hunter2"), "{report}");
    }
}

/// The small workspace with its contract of graduates in the words of the Open Data Contract Standard.
fn standard(from: &str, to: &str) -> TempDir {
    let folder = changed("");
    let contracts = folder.path().join("config/contracts");
    fs::remove_file(contracts.join("graduates.yaml")).unwrap();
    let text = fs::read_to_string(samples().join("odcs/graduates.odcs.yaml")).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(contracts.join("graduates.odcs.yaml"), text.replacen(from, to, 1)).unwrap();
    folder
}

#[test]
fn a_contract_of_the_standard_is_read_as_one_of_ours() {
    let ours = load(&samples().join("valid/small")).unwrap();
    let folder = standard("", "");
    let theirs = load(folder.path()).unwrap_or_else(|error| panic!("{}", error.report().unwrap_or_default()));
    let value = |workspace: &Workspace| {
        let mut value = serde_json::to_value(&*workspace.contracts["graduates"]).unwrap();
        value["description"] = serde_json::Value::Null;
        value
    };
    assert_eq!(value(&theirs), value(&ours));
    assert_eq!(theirs.contracts["graduates"].description.as_deref(), Some("Who completed high school."));
}

#[test]
fn service_levels_of_the_standard_say_when_a_delivery_is_late() {
    let level = |property: &str, value: &str, unit: &str| {
        format!("  - {{ property: {property}, value: {value}, unit: {unit} }}\n")
    };
    let warn = |levels: &str| {
        let folder = standard("status: active", &format!("status: active\nslaProperties:\n{levels}"));
        let workspace = load(folder.path()).unwrap_or_else(|error| panic!("{}", error.report().unwrap_or_default()));
        workspace.contracts["graduates"].delivery.freshness.warn.map(|days| days.0)
    };
    assert_eq!(warn(&level("frequency", "1", "w")), Some(7));
    assert_eq!(warn(&(level("frequency", "7", "d") + &level("latency", "30", "h"))), Some(9));
    assert_eq!(warn(&level("retention", "3", "y")), None, "retention says nothing about age");
    let fortnight = format!("status: active\nslaProperties:\n{}", level("latency", "1", "fortnight"));
    let report = read(standard("status: active", &fortnight).path()).map(|_| ()).unwrap_err().render(false);
    assert!(report.contains("this service level has no counterpart here"), "{report}");
}

#[test]
fn what_the_standard_promises_and_we_do_not_check_is_a_mistake() {
    for (from, to, message) in [
        ("v3.0.2", "v2.2.2", "this version of the standard is not read"),
        ("status: active", "stat: active", "`stat` has no counterpart here"),
        ("logicalType: string", "logicalType: timestamp", "the type `timestamp` has no counterpart here"),
        ("format: yyyyMMdd", "format: ddMMyyyy", "the format `ddMMyyyy` has no counterpart here"),
        ("minimum: 2000", "exclusiveMinimum: 2000", "the option `exclusiveMinimum` has no counterpart here"),
        ("mustBe: 0", "mustBeLessThan: 5", "this quality rule has no counterpart here"),
        ("partner: district", "description: x", "the contract lacks partner"),
        ("normalise: digits", "normalize: digits", "unknown key `normalize`"),
        ("name: school", "name: School", "`School` can't be a name in SQL"),
        ("minimum: 2000", "minimum: soon", "`soon` is no minimum here"),
        ("fields: [ssid]", "fields: [sid]", "there is no field `sid`"),
    ] {
        let report = read(standard(from, to).path()).map(|_| ()).expect_err(message).render(false);
        assert!(report.contains(message), "{message}:\n{report}");
        assert!(report.contains("config/contracts/graduates.odcs.yaml:"), "{report}");
    }
}

#[test]
fn files_that_are_not_there_or_not_read_are_said() {
    let folder = changed("");
    fs::remove_file(folder.path().join("config/roles.yaml")).unwrap();
    let contracts = folder.path().join("config/contracts");
    fs::rename(contracts.join("students.yaml"), contracts.join("students.yml")).unwrap();
    let report = read(folder.path()).map(|_| ()).unwrap_err().render(false);
    assert!(report.contains("error: there is no config/roles.yaml"), "{report}");
    assert!(
        report.contains("error: config/contracts/students.yml is not read: only files that end in .yaml are"),
        "{report}"
    );
}

#[test]
fn every_valid_sample_loads() {
    for entry in fs::read_dir(samples().join("valid")).unwrap() {
        let path = entry.unwrap().path();
        if let Err(findings) = read(&path) {
            panic!("{}\n{}", path.display(), findings.render(false));
        }
    }
}

#[test]
fn the_workspace_that_ships_is_right() {
    let workspace = load(&project()).unwrap_or_else(|error| panic!("{}", error.report().unwrap_or_default()));
    assert_eq!(workspace.pipelines.keys().collect::<Vec<_>>(), ["college_going", "oulad"]);
    let error = workspace.pipeline("college-going").unwrap_err();
    assert_eq!((error.kind(), error.hint()), (Kind::Usage, Some("did you mean `college_going`?")));
}

#[test]
fn a_pipeline_is_resolved_with_all_that_it_refers_to() {
    let workspace = load(&samples().join("valid/small")).unwrap();
    let pipeline = workspace.pipeline("enrolled").unwrap();
    assert_eq!(pipeline.minimum_cell, 11);
    assert_eq!(pipeline.directory, Path::new("pipelines/enrolled"));
    let students = pipeline.source("students").unwrap();
    assert_eq!(
        (students.contract.id.as_str(), &students.clause.analyse[..]),
        ("students", &["term_start".to_owned()][..])
    );
    assert_eq!(pipeline.models[0].path, Path::new("pipelines/enrolled/outcomes.sql"));
    assert!(pipeline.models[0].sql.starts_with("SELECT"));
}

#[test]
fn the_plan_digest_changes_with_every_file_of_the_plan_and_no_other() {
    let digest = |change: &str| {
        let folder = changed(change);
        load(folder.path()).unwrap().pipelines["enrolled"].plan_digest.clone()
    };
    let before = digest("");
    for change in [
        "@ pipelines/enrolled/pipeline.yaml\n-title: Graduates at college\n+title: Graduates in college\n",
        "@ pipelines/enrolled/outcomes.sql\n-FROM sources.graduates AS graduate\n\
         +FROM sources.graduates AS graduate --\n",
        "@ config/agreements/small-2026.yaml\n-  minimum_cell: 11\n+  minimum_cell: 12\n",
        "@ config/contracts/students.yaml\n-title: Students\n+title: All students\n",
    ] {
        assert_ne!(digest(change), before, "{change}");
    }
    assert_eq!(digest("@ config/accord.yaml\n-name: A small compact\n+name: Another compact\n"), before);
    assert_eq!(digest(""), before);
}

/// Run it by hand after a change of the types, or run `accord schema`.
#[test]
#[ignore = "writes the schemas"]
fn write_the_schemas() {
    for (name, schema) in schemas() {
        fs::write(project().join("config/schemas").join(&name), schema).unwrap();
    }
}

#[test]
fn schemas_are_up_to_date() {
    for (name, schema) in schemas() {
        let written = fs::read_to_string(project().join("config/schemas").join(&name)).unwrap_or_default();
        assert!(written == schema, "config/schemas/{name} is out of date: run `accord schema`");
    }
}

#[test]
fn the_root_is_found_from_a_folder_within() {
    let folder = changed("");
    assert_eq!(find_root(&folder.path().join("pipelines/enrolled")).unwrap(), folder.path());
    assert_eq!(find_root(Path::new("/nowhere/at/all")).unwrap_err().kind(), Kind::Usage);
}
