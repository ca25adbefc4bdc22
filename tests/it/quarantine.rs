//! Rejected rows, from the run that rejects them to the run in which the books balance without them.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::{Ran, Workspace, golden};

const LACCD: &str = "fixtures/college_going/laccd/enrollment_20251005.csv";
const CONTRACT: &str = "config/contracts/laccd_enrollment.yaml";
/// Rows of the extract that equal earlier ones.
const DUPLICATES: u64 = 32;
/// Values that stand in rejected rows, and must not stand in anything that is said.
const PERSONS: [&str; 5] = ["Mallory", "Quentin", "7654321", "1987654321", "02/31/1999"];

/// Three rows that the contract rejects, and the run over them.
fn rejected() -> Workspace {
    let workspace = Workspace::light();
    let text = workspace.read(LACCD);
    let lines = text.lines().enumerate().map(|(at, line)| match at {
        100 => "7654321,Mallory,Moss,02/31/1999,1987654321,748,20233,2023-08-28,6.0\n".to_owned(),
        200 => "7654322,\"Quentin, Jr\",Moss,02/11/1999,,748,20233,2023-08-28,61.0\n".to_owned(),
        300 => "7654323,Mallory,Moss\n".to_owned(),
        _ => format!("{line}\n"),
    });
    workspace.write(LACCD, lines.collect::<String>());
    said(workspace.ok("run college_going"));
    workspace
}

/// No value is in what a command said.
#[track_caller]
fn said(ran: Ran) -> Ran {
    for value in PERSONS {
        assert!(!ran.stdout.contains(value) && !ran.stderr.contains(value), "{}: a value was printed", ran.command);
    }
    ran
}

/// Rows in, rejected, resolved and corrected of a source; the books balance.
#[track_caller]
fn books(ran: &Ran, source: &str) -> [u64; 4] {
    let report = ran.json();
    let sources = report["pipelines"][0]["books"]["sources"].as_array().expect("sources").clone();
    let number = |book: &Value, key: &str| book[key].as_u64().expect("a number");
    for book in &sources {
        let out: u64 = ["rows_out", "rejected", "resolved", "without_person"].iter().map(|key| number(book, key)).sum();
        assert_eq!(number(book, "rows_in"), out, "rows in = rows out + rejected + resolved");
        let report = &book["intake"];
        let admitted = number(report, "admitted") + number(report, "rejected") + number(report, "resolved");
        assert_eq!(number(report, "rows_in"), admitted, "rows in = admitted + quarantined + resolved");
    }
    let book = sources.iter().find(|book| book["source"] == source).expect("the source");
    ["rows_in", "rejected", "resolved", "corrected"].map(|key| number(book, key))
}

fn run(workspace: &Workspace) -> Ran {
    said(workspace.ok("run college_going --output json"))
}

#[test]
fn rejected_rows_are_exported_corrected_replayed_and_in_the_next_run() {
    let workspace = rejected();
    let first = workspace.candidate("college_going");
    said(workspace.ok("quarantine list")).says("1 range in UNITS_ATTEMPTED");
    said(workspace.ok("quarantine export college_going laccd --to corrections.csv")).golden("quarantine_export");
    let mode = std::fs::metadata(workspace.path("corrections.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    said(workspace.run("quarantine export college_going laccd --to corrections.csv").expect(2)).says("there already");
    let exported = workspace.read("corrections.csv");
    assert!(exported.contains("\"Quentin, Jr\"") && exported.contains("\"7654323,Mallory,Moss\""), "whole rows");
    said(workspace.ok("quarantine replay college_going laccd --with corrections.csv")).says("0 rows corrected");
    // Half corrected: what does not fit is said, and nothing is recorded.
    workspace.write("half.csv", exported.replace("02/31/1999", "02/30/1999").replace("\"61.0\"", "\"6.0\""));
    let ran = said(workspace.run("quarantine replay college_going laccd --with half.csv").expect(4));
    ran.golden("quarantine_replay_refused");
    assert!(workspace.files("var/state/resolutions").is_empty());
    let corrected = exported.replace("02/31/1999", "02/28/1999").replace("\"61.0\"", "\"6.0\"").replace(
        "\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"7654323,Mallory,Moss\"",
        "7654323,Mallory,Moss,02/11/1999,,748,20233,2023-08-28,6.0,",
    );
    workspace.write("corrected.csv", &corrected);
    said(workspace.ok("quarantine replay college_going laccd --with corrected.csv")).golden("quarantine_replay_with");
    assert_eq!(workspace.files("var/state/resolutions").len(), 1);
    said(workspace.ok("quarantine replay college_going laccd --with corrected.csv")).says("3 as before");
    assert_eq!(workspace.files("var/state/resolutions").len(), 1, "said twice, recorded once");
    let ran = run(&workspace);
    let [_, rejected, resolved, corrected] = books(&ran, "laccd");
    assert_eq!([rejected, resolved, corrected], [DUPLICATES, 0, 3]);
    assert_ne!(workspace.candidate("college_going"), first, "a decision makes a new candidate");
    said(workspace.ok("quarantine show college_going laccd --summary")).says("duplicate  -  32");
    run(&workspace);
    assert_eq!(workspace.recorded("college_going").len(), 2, "and none makes none");
    let ledger = said(workspace.ok("ledger show college_going"));
    ledger.says("3 quarantined rows of college_going laccd corrected: corrected by the partner");
    nothing_in_clear(&workspace);
    workspace.ok("ledger verify");
}

/// No value of a rejected row is in the state storage in clear.
#[track_caller]
fn nothing_in_clear(workspace: &Workspace) {
    for folder in ["var/state/ledger", "var/state/resolutions", "var/state/quarantine", "var/state/candidates"] {
        for (path, bytes) in workspace.files(folder) {
            let found = |value: &&str| bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!PERSONS.iter().any(found), "{folder}/{path}");
        }
    }
}

#[test]
fn a_corrected_extract_in_a_layout_of_the_contract_is_matched_to_its_rows() {
    let workspace = rejected();
    let header = workspace.read(LACCD).lines().next().expect("a header").to_owned();
    let right = "7654321,Mallory,Moss,02/28/1999,1987654321,748,20233,2023-08-28,6.0";
    workspace.write("delivered.csv", format!("{header}\n{right}\n7654399,Mallory,Moss,,,748,20233,2023-08-28,6.0\n"));
    let ran = said(workspace.run("quarantine replay college_going laccd --with delivered.csv").expect(4));
    ran.says("delivered.csv:3").says("no row in quarantine").says("nothing was recorded");
    let ran = said(workspace.run("quarantine replay college_going laccd --with delivered.csv --partial").expect(4));
    ran.says("1 row corrected");
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 2, 0, 1]);
    workspace
        .run("quarantine replay college_going laccd --with delivered.csv --in-order")
        .expect(2)
        .says("in their order");
    workspace.run("quarantine replay college_going laccd --with delivered.csv --match SSID").expect(2).says("no field");
}

#[test]
fn a_resolved_row_is_counted_and_in_no_figure() {
    let workspace = rejected();
    let resolve = "quarantine resolve college_going laccd";
    let reason = ["--reason", "test record of the registrar"];
    let args = |rest: &str| -> Vec<String> {
        format!("{resolve} {rest}").split_whitespace().chain(reason).map(str::to_owned).collect()
    };
    let ran = |rest: &str| {
        let args = args(rest);
        said(workspace.run_args(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    ran("--line 101").expect(2).says("nobody is there to ask").says("nothing was recorded");
    ran("--yes").expect(2).says("nothing says which");
    ran("--line 102 --yes").expect(2).says("none in quarantine is like that");
    ran("--line 101 --yes --as nobody").expect(2).says("neither an operator nor a steward");
    workspace
        .run("quarantine resolve college_going laccd --all --yes --reason \u{7}")
        .expect(2)
        .says("a line of words");
    assert!(workspace.files("var/state/resolutions").is_empty());
    ran("--rule type --line 101 --yes").expect(0).golden("quarantine_resolve");
    ran("--line 101 --yes").expect(0).says("0 rows dropped");
    assert_eq!(workspace.files("var/state/resolutions").len(), 1);
    let json = ran("--column UNITS_ATTEMPTED --yes --output json").expect(0).json();
    assert_eq!((&json["dropped"], &json["by_rule"][0]["rows"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 1, 2, 0]);
    // Resolved rows stay so under a contract that would admit them.
    workspace.replace(CONTRACT, "maximum: 40", "maximum: 400");
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 1, 2, 0]);
    ran("--reopen --line 201 --yes").expect(0).says("1 row reopened");
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 1, 1, 0]);
    said(workspace.ok("ledger show college_going")).says("dropped: test record of the registrar");
    said(workspace.ok("release show college_going")).says("1 resolved");
    nothing_in_clear(&workspace);
}

#[test]
fn a_fixed_contract_replays_the_rejected_rows_alone() {
    let workspace = rejected();
    said(workspace.run("quarantine replay college_going laccd").expect(4)).golden("quarantine_replay");
    workspace.replace(CONTRACT, "maximum: 40", "maximum: 400");
    workspace.replace(CONTRACT, "version: 1.0.0", "version: 1.1.0");
    let ran = said(workspace.run("quarantine replay college_going laccd --output json").expect(4)).json();
    let counts = ["rows", "fit", "left", "undecided"].map(|key| ran[key].as_u64().expect("a number"));
    assert_eq!(counts, [DUPLICATES + 3, 1, 2, DUPLICATES]);
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 2, 0, 0]);
    workspace.replace(
        CONTRACT,
        "date_formats: [MM/DD/YYYY]",
        "date_formats: [MM/DD/YYYY]\n    replace: { \"02/31/1999\": \"02/28/1999\" }",
    );
    let one = ["quarantine", "resolve", "college_going", "laccd", "--rule", "columns", "--reason", "cut off", "--yes"];
    said(workspace.run_args(&one).expect(0));
    // From here on the wrong day is a word of the contract, which reports name.
    let again = "run college_going --output json";
    let ran = said(workspace.run("quarantine replay college_going laccd").expect(4));
    ran.says("1 fit now, 1 are decided, 32 the run decides");
    assert_eq!(books(&workspace.ok(again), "laccd")[1..], [DUPLICATES, 1, 0]);
    workspace.ok("quarantine resolve college_going laccd --rule duplicate --reason agreed --yes");
    said(workspace.ok("quarantine replay college_going laccd")).says("32 are decided");
    assert_eq!(books(&workspace.ok(again), "laccd")[1..], [0, DUPLICATES + 1, 0]);
    said(workspace.ok("quarantine replay college_going laccd")).says("nothing is in quarantine");
    workspace
        .run("quarantine export college_going laccd --to x.csv")
        .expect(2)
        .says("has none of its present deliveries");
}

#[test]
fn a_run_that_too_many_rejects_stopped_goes_on_when_they_are_decided() {
    let workspace = Workspace::with_releases();
    let text = workspace.read(LACCD);
    let spoiled = text.lines().enumerate().map(|(at, line)| match at {
        0 => format!("{line}\n"),
        at if at % 50 == 0 => format!("{},99.0\n", line.rsplit_once(',').expect("columns").0),
        _ => format!("{line}\n"),
    });
    workspace.write(LACCD, spoiled.collect::<String>());
    workspace.run("run college_going").expect(4).says("intake.too_many_rejects");
    workspace.nothing_lost("college_going");
    let args = "quarantine resolve college_going laccd --rule range --column UNITS_ATTEMPTED --reason agreed --yes";
    workspace.ok(args).says("147 rows dropped");
    let [rows_in, rejected, resolved, _] = books(&workspace.ok("run college_going --output json"), "laccd");
    assert_eq!((rows_in, resolved), (7395, 147));
    assert!(rejected <= DUPLICATES, "{rejected}");
}

#[test]
fn a_decision_that_was_changed_or_is_gone_stops_the_run() {
    let workspace = rejected();
    workspace.ok("quarantine resolve college_going laccd --line 101 --reason agreed --yes");
    let (path, bytes) = workspace.files("var/state/resolutions").remove(0);
    let path = format!("var/state/resolutions/{path}");
    let mut changed = bytes.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    workspace.write(&path, &changed);
    workspace.run("run college_going").expect(1).says("quarantine.resolution_changed");
    std::fs::remove_file(workspace.path(&path)).expect("removed");
    workspace.run("run college_going").expect(1).says("entry").says("quarantine.resolution_changed");
    workspace.write(&path, &bytes);
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 2, 1, 0]);
}

#[test]
fn a_decision_that_the_ledger_does_not_know_decides_nothing() {
    let workspace = rejected();
    let before = workspace.files("var/state/ledger");
    workspace.ok("quarantine resolve college_going laccd --line 101 --reason agreed --yes");
    // Killed between the file and the ledger's entry.
    for (path, _) in workspace.files("var/state/ledger") {
        std::fs::remove_file(workspace.path(&format!("var/state/ledger/{path}"))).expect("removed");
    }
    before.iter().for_each(|(path, bytes)| workspace.write(&format!("var/state/ledger/{path}"), bytes));
    run(&workspace).says("unchanged");
    workspace.ok("quarantine resolve college_going laccd --line 101 --reason agreed --yes");
    assert_eq!(books(&run(&workspace), "laccd")[1..], [DUPLICATES + 2, 1, 0]);
}

#[test]
fn a_match_rate_that_falls_stops_the_run_and_the_last_release_stays() {
    let workspace = Workspace::with_releases();
    let before = workspace.recorded("college_going");
    let text = workspace.read(LACCD);
    // Every other person has another name, birth date and state identifier: identifiers went bad, and each row is right.
    let spoiled = text.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let number: u64 =
            cells[0].bytes().filter(u8::is_ascii_digit).fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        if at > 0 && cells.len() == 9 && number.is_multiple_of(2) {
            cells[1] = format!("Q{}", number % 977);
            cells[3] = "01/01/1950".to_owned();
            cells[4].clear();
        }
        cells.join(",") + "\n"
    });
    workspace.write(LACCD, spoiled.collect::<String>());
    let ran = workspace.run("run college_going");
    golden("match_rate", &ran.said());
    ran.expect(4).says("identity.match_rate");
    assert_eq!(workspace.recorded("college_going"), before, "no candidate");
    workspace.nothing_lost("college_going");
}
