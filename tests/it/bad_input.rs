//! Bad input of every kind: a clear message, the right exit code, and nothing lost. Each test starts from a workspace
//! with a published release and ends by looking whether that release and the ledger are as they were.

use std::io::{Read, Write};

use crate::harness::{Ran, Workspace, golden};

const GRADUATES: &str = "fixtures/college_going/lausd/graduates_20251002.txt";
const LACCD: &str = "fixtures/college_going/laccd/enrollment_20251005.csv";
const CSU: &str = "fixtures/college_going/csu/ers_20251004.txt";
const STUDENTS: &str = "fixtures/oulad/registrar/student.csv.gz";
const AGREEMENT: &str = "config/agreements/college-going-2026.yaml";

/// Changes something in a workspace with releases, runs, and looks at the exit code, the message and what is left.
#[track_caller]
fn refused(name: &str, pipeline: &str, code: i32, change: impl FnOnce(&mut Workspace)) -> Workspace {
    let mut workspace = Workspace::with_releases();
    let before = workspace.recorded(pipeline);
    change(&mut workspace);
    let ran = workspace.run(&format!("run {pipeline}"));
    golden(name, &ran.said());
    let ran = ran.expect(code);
    no_person(&ran);
    assert_eq!(workspace.recorded(pipeline), before, "{name}: a candidate was made");
    assert!(workspace.files("var/state/staging").is_empty(), "{name}: staged rows are left");
    workspace
}

#[track_caller]
fn refused_and_nothing_lost(name: &str, pipeline: &str, code: i32, change: impl FnOnce(&mut Workspace)) {
    refused(name, pipeline, code, change).nothing_lost(pipeline);
}

/// No message holds a value that these tests put in.
#[track_caller]
fn no_person(ran: &Ran) {
    for value in ["Mallory", "MALLORY", "1987654321", "mallory@example.org", "19990231", "Fall 2023"] {
        assert!(!ran.stdout.contains(value) && !ran.stderr.contains(value), "a value of a row was printed");
    }
}

fn text(workspace: &Workspace, path: &str) -> String {
    String::from_utf8(std::fs::read(workspace.path(path)).expect("an extract")).expect("text")
}

/// Changes each line but the header.
fn change_rows(workspace: &Workspace, path: &str, change: impl Fn(usize, &str) -> String) {
    let changed: String = text(workspace, path)
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 0 { format!("{line}\n") } else { format!("{}\n", change(at, line)) })
        .collect();
    workspace.write(path, changed);
}

#[test]
fn a_missing_column_is_refused() {
    refused_and_nothing_lost("missing_column", "college_going", 4, |workspace| {
        let without = |line: &str| line.rsplit_once(',').expect("columns").0.to_owned() + "\n";
        workspace.write(LACCD, text(workspace, LACCD).lines().map(without).collect::<String>());
    });
}

#[test]
fn a_missing_column_of_an_extract_without_header_is_refused() {
    refused_and_nothing_lost("missing_column_without_header", "college_going", 4, |workspace| {
        let extract = std::fs::read(workspace.path(GRADUATES)).expect("an extract");
        let rows: Vec<u8> = extract
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(|line| [&line[..line.iter().rposition(|byte| *byte == b'^').expect("a caret")], b"\r\n"].concat())
            .collect();
        workspace.write(GRADUATES, rows);
    });
}

#[test]
fn an_extra_column_is_refused() {
    refused_and_nothing_lost("extra_column", "college_going", 4, |workspace| {
        let header = text(workspace, LACCD).lines().next().expect("a header").to_owned();
        change_rows(workspace, LACCD, |_, line| format!("{line},mallory@example.org"));
        workspace.replace(LACCD, &header, &format!("{header},EMAIL"));
    });
}

#[test]
fn a_renamed_column_is_refused_and_the_nearest_name_said() {
    refused_and_nothing_lost("renamed_column", "college_going", 4, |workspace| {
        workspace.replace(LACCD, ",TERM_START,", ",TERM_STRAT,");
    });
}

#[test]
fn a_column_of_the_wrong_type_is_refused() {
    refused_and_nothing_lost("wrong_type", "college_going", 4, |workspace| {
        change_rows(workspace, LACCD, |_, line| {
            let mut cells: Vec<&str> = line.split(',').collect();
            let at = cells.len() - 2;
            cells[at] = "Fall 2023";
            cells.join(",")
        });
    });
}

#[test]
fn a_line_of_another_length_in_a_fixed_width_extract_is_refused() {
    refused_and_nothing_lost("wrong_record_length", "college_going", 4, |workspace| {
        let lines: String = text(workspace, CSU).lines().map(|line| format!("{line}  \n")).collect();
        workspace.write(CSU, lines);
    });
}

#[test]
fn a_wrong_encoding_is_refused() {
    refused_and_nothing_lost("wrong_encoding", "college_going", 4, |workspace| {
        let latin: Vec<u8> = text(workspace, LACCD)
            .trim_start_matches('\u{feff}')
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
            .collect();
        workspace.write(LACCD, latin);
    });
}

#[test]
fn an_extract_in_utf_16_is_refused() {
    refused_and_nothing_lost("utf_16", "college_going", 4, |workspace| {
        let wide: Vec<u8> = text(workspace, LACCD).encode_utf16().flat_map(u16::to_le_bytes).collect();
        workspace.write(LACCD, wide);
    });
}

#[test]
fn an_empty_extract_is_refused() {
    refused_and_nothing_lost("empty_extract", "college_going", 4, |workspace| workspace.write(LACCD, ""));
}

#[test]
fn an_extract_with_a_header_only_is_refused() {
    refused_and_nothing_lost("header_only", "college_going", 4, |workspace| {
        let header = text(workspace, LACCD).lines().next().expect("a header").to_owned();
        workspace.write(LACCD, header + "\n");
    });
}

#[test]
fn an_extract_that_is_not_there_is_refused() {
    refused_and_nothing_lost("no_extract", "college_going", 4, |workspace| {
        std::fs::rename(workspace.path(LACCD), workspace.path("fixtures/college_going/laccd/enrolment_20251005.csv"))
            .expect("renamed");
    });
}

#[test]
fn a_truncated_gzip_is_refused() {
    refused_and_nothing_lost("truncated_gzip", "oulad", 4, |workspace| {
        let whole = std::fs::read(workspace.path(STUDENTS)).expect("an extract");
        workspace.write(STUDENTS, &whole[..whole.len() / 2]);
    });
}

#[test]
fn a_gzip_that_lost_its_last_bytes_only_is_refused() {
    refused_and_nothing_lost("gzip_without_its_end", "oulad", 4, |workspace| {
        let whole = std::fs::read(workspace.path(STUDENTS)).expect("an extract");
        workspace.write(STUDENTS, &whole[..whole.len() - 5]);
    });
}

#[test]
fn an_extract_that_is_not_compressed_as_agreed_is_refused() {
    refused_and_nothing_lost("not_gzip", "oulad", 4, |workspace| {
        let packed = std::fs::read(workspace.path(STUDENTS)).expect("an extract");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).expect("gzip");
        workspace.write(STUDENTS, plain);
    });
}

#[test]
fn an_extract_twice_as_large_as_the_last_one_is_refused() {
    refused_and_nothing_lost("twice_as_large", "college_going", 4, |workspace| {
        let extract = std::fs::read(workspace.path(GRADUATES)).expect("an extract");
        let others = extract.split_inclusive(|byte| *byte == b'\n').flat_map(|line| {
            let mut line = line.to_vec();
            // Another person: the first two digits of the state identifier.
            (line[5], line[6]) = (line[6], if line[5] == b'1' { b'2' } else { b'1' });
            line
        });
        let doubled: Vec<u8> = extract.iter().copied().chain(others).collect();
        workspace.write("fixtures/college_going/lausd/graduates_20251003.txt", doubled);
    });
}

#[test]
fn an_extract_half_as_large_as_the_last_one_is_refused() {
    refused_and_nothing_lost("half_as_large", "college_going", 4, |workspace| {
        let rows: Vec<String> = text(workspace, LACCD).lines().map(|line| format!("{line}\n")).collect();
        workspace.write(LACCD, rows[..rows.len() / 2].concat());
    });
}

#[test]
fn a_duplicate_delivery_is_read_once_and_changes_nothing() {
    let workspace = Workspace::with_releases();
    let delivery = std::fs::read(workspace.path(LACCD)).expect("an extract");
    workspace.write("fixtures/college_going/laccd/enrollment_20251006.csv", delivery);
    let ran = workspace.ok("run college_going");
    let note = ran
        .stderr
        .lines()
        .find(|line| line.contains("enrollment") && line.contains("read once"))
        .expect("a note")
        .to_owned();
    assert!(note.contains("enrollment_20251006.csv") && note.contains("enrollment_20251005.csv"), "{note}");
    ran.says("unchanged");
    assert_eq!(workspace.recorded("college_going").len(), 1);
}

#[test]
fn a_row_that_comes_in_two_deliveries_counts_once() {
    let workspace = Workspace::with_releases();
    let first = workspace.files("var/state/candidates/college_going");
    let rows: Vec<String> = text(&workspace, LACCD).lines().map(|line| format!("{line}\n")).collect();
    // A later delivery repeats a few rows of the one before it.
    workspace.write("fixtures/college_going/laccd/enrollment_20251006.csv", rows[..40].concat());
    workspace.ok("run college_going");
    let all = workspace.files("var/state/candidates/college_going");
    let tables: Vec<_> = all.iter().filter(|(name, _)| name.ends_with("release/college_going.parquet")).collect();
    assert_eq!(tables.len(), 2, "another candidate");
    assert!(tables[0].1 == tables[1].1, "with the same figures");
    assert!(first.iter().all(|file| all.contains(file)));
}

#[test]
fn a_few_bad_rows_go_to_quarantine_and_the_others_are_counted() {
    let workspace = Workspace::light();
    change_rows(&workspace, LACCD, |at, line| match at {
        100 => "1987654321,Mallory,Moss,02/31/1999,,748,20233,2023-08-28,6.0".to_owned(),
        200 => "1987654,Mallory,Moss,02/11/1999,,748,20233,Fall 2023,6.0".to_owned(),
        300 => "1987654,Mallory,Moss".to_owned(),
        _ => line.to_owned(),
    });
    let ran = workspace.ok("run college_going --output json");
    no_person(&ran);
    let report = ran.json();
    let books = &report["pipelines"][0]["books"];
    for source in books["sources"].as_array().expect("sources") {
        let number = |key: &str| source[key].as_u64().expect("a number");
        let sum = number("rows_out") + number("rejected") + number("without_person");
        assert_eq!(number("rows_in"), sum, "rows in = rows out + rejected");
    }
    let shown = workspace.ok("quarantine show college_going laccd");
    no_person(&shown);
    for line in [":101 ", ":201 ", ":301 "] {
        assert!(shown.stdout.contains(line), "line {line} is not shown");
    }
    workspace.ok("quarantine show college_going laccd --summary").golden("quarantine_summary");
    for (name, bytes) in workspace.files("var/state/quarantine") {
        assert!(bytes.starts_with(b"age-encryption.org/v1"), "{name} is encrypted");
    }
}

#[test]
fn an_expired_agreement_stops_the_run() {
    refused_and_nothing_lost("expired_agreement", "college_going", 5, |workspace| {
        workspace.replace(
            AGREEMENT,
            "{ from: 2026-07-01, until: 2036-06-30 }",
            "{ from: 2024-07-01, until: 2025-06-30 }",
        );
    });
}

#[test]
fn an_agreement_that_is_not_in_force_yet_stops_the_run() {
    refused_and_nothing_lost("agreement_of_the_future", "college_going", 5, |workspace| {
        workspace.replace(
            AGREEMENT,
            "{ from: 2026-07-01, until: 2036-06-30 }",
            "{ from: 2096-07-01, until: 2098-06-30 }",
        );
    });
}

#[test]
fn a_suspended_agreement_stops_the_run() {
    refused_and_nothing_lost("suspended_agreement", "college_going", 5, |workspace| {
        workspace.replace(AGREEMENT, "status: active", "status: suspended");
    });
}

#[test]
fn a_wrong_key_opens_nothing() {
    refused_and_nothing_lost("wrong_key", "college_going", 1, |workspace| {
        std::fs::remove_file(workspace.path("var/keys/operator.age-identity")).expect("removed");
        workspace.ok("keys identity");
    });
}

#[test]
fn a_damaged_key_file_is_said() {
    refused_and_nothing_lost("damaged_key", "college_going", 1, |workspace| {
        let (name, mut bytes) = workspace
            .files("var/keys")
            .into_iter()
            .find(|(name, _)| name.starts_with("college-going-2026") && name.ends_with(".age"))
            .expect("a wrapped key");
        let last = bytes.len() - 9;
        bytes[last] ^= 1;
        workspace.write(&format!("var/keys/{name}"), bytes);
    });
}

#[test]
fn an_agreement_without_a_key_is_said() {
    let workspace = Workspace::bare();
    workspace.ok("keys identity");
    workspace.run("run college_going").expect(3).golden("no_key");
    let bare = Workspace::bare();
    let ran = bare.run("run college_going");
    assert!([1, 3].contains(&ran.code), "{}", ran.said());
    ran.golden("no_identity");
}

#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let workspace = refused_on_a_full_disk();
    workspace.nothing_lost("college_going");
    // With room again the run ends as if nothing had been.
    workspace.ok("run college_going").says("waits for approval");
    workspace.nothing_lost("college_going");
}

/// Files may not grow beyond some size: the nearest to a full disk that needs no rights.
fn refused_on_a_full_disk() -> Workspace {
    let workspace = Workspace::with_releases();
    let before = workspace.recorded("college_going");
    leave_out_graduates(&workspace);
    let accord = env!("CARGO_BIN_EXE_accord");
    // The signal is ignored, so that the write fails as it does on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 16; exec '{accord}' run college_going");
    let output =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(workspace.root()).output().expect("a shell");
    let ran = workspace.ended("run college_going", &output);
    golden("full_disk", &ran.said());
    let ran = ran.expect(75);
    no_person(&ran);
    assert_eq!(workspace.recorded("college_going"), before);
    workspace
}

fn leave_out_graduates(workspace: &Workspace) {
    let extract = std::fs::read(workspace.path(GRADUATES)).expect("an extract");
    let lines: Vec<&[u8]> = extract.split_inclusive(|byte| *byte == b'\n').collect();
    workspace.write("fixtures/college_going/lausd/graduates_20251003.txt", lines[..lines.len() - 30].concat());
}

/// A file system that is really full, where this process may mount one.
#[test]
fn a_file_system_without_room_stops_the_run_and_the_publication() {
    let workspace = Workspace::with_releases();
    leave_out_graduates(&workspace);
    let state = workspace.path("var/state");
    let mount = Mount::new(&workspace, "var/small", "3m");
    let Some(mount) = mount else { return };
    crate::harness::copy(&state, &workspace.path("var/small/state"));
    workspace.replace("config/accord.yaml", "root: var/state", "root: var/small/state");
    fill(&workspace, "var/small/ballast");
    workspace.run("run college_going").expect(75).says("full");
    workspace.nothing_lost("college_going");
    std::fs::remove_file(workspace.path("var/small/ballast")).expect("removed");
    workspace.ok("run college_going");
    for steward in ["lausd_steward", "laccd_steward"] {
        workspace.approve("college_going", steward);
    }
    crate::harness::copy(&workspace.path("var/published"), &workspace.path("var/small/published"));
    workspace.replace("config/accord.yaml", "root: var/published", "root: var/small/published");
    fill(&workspace, "var/small/ballast");
    workspace.run("release publish college_going").expect(75).says("full");
    let latest = workspace.read("var/small/published/college_going/latest.json");
    assert!(latest.contains("college_going/v0001"), "readers are still pointed to the last whole version");
    std::fs::remove_file(workspace.path("var/small/ballast")).expect("removed");
    workspace.ok("release publish college_going");
    workspace.ok("release verify college_going 2");
    drop(mount);
}

fn fill(workspace: &Workspace, path: &str) {
    let mut file = std::fs::File::create(workspace.path(path)).expect("a file");
    for size in [65536, 4096, 512, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// A small file system in memory, unmounted at the end.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(workspace: &Workspace, path: &str, size: &str) -> Option<Self> {
        let folder = workspace.path(path);
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&folder);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn storage_that_is_not_there_is_worth_another_try() {
    refused_and_nothing_lost("extracts_are_a_file", "college_going", 75, |workspace| {
        std::fs::rename(workspace.path("fixtures"), workspace.path("fixtures.away")).expect("renamed");
        workspace.write("fixtures", "not a folder");
    });
    let workspace = Workspace::light();
    std::fs::rename(workspace.path("var/state"), workspace.path("var/away")).expect("renamed");
    workspace.write("var/state", "not a folder");
    workspace.run("run college_going").expect(75).golden("state_is_a_file");
}

#[test]
fn a_bucket_that_does_not_answer_is_worth_another_try() {
    let mut workspace = Workspace::light();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    workspace.set("ENDPOINT", &format!("http://{closed}"));
    workspace.set("KEY_ID", "id");
    workspace.set("KEY_SECRET", "secret-of-the-bucket");
    let bucket = "{ type: s3, bucket: b, region: us-west-2, endpoint: { env: ENDPOINT }, \
        access_key_id: { env: KEY_ID }, secret_access_key: { env: KEY_SECRET } }";
    workspace.replace("config/accord.yaml", "state: { type: fs, root: var/state }", &format!("state: {bucket}"));
    let ran = workspace.run("run college_going").expect(75);
    assert!(!ran.said().contains("secret-of-the-bucket"));
    ran.says("does not answer");
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    let workspace = Workspace::with_candidates();
    workspace.run("run colege_going").expect(2).golden("unknown_pipeline");
    workspace.run("plan nothing").expect(2);
    workspace.run("run college_going --as somebody").expect(2).golden("unknown_author");
    workspace.run("release show college_going 0123").expect(2).golden("unknown_candidate");
    workspace.run("release verify college_going").expect(2).golden("nothing_published");
    workspace.run("keys steward somebody").expect(2);
    workspace.run("keys new somebody").expect(2);
    workspace.run("keys new oulad-2026").expect(2).golden("key_exists");
    workspace.run("runn").expect(2);
}

#[test]
fn a_mistake_in_the_configuration_is_shown_where_it_stands() {
    let workspace = Workspace::light();
    workspace.replace("pipelines/college_going/pipeline.yaml", "recipients:", "recipient:");
    workspace.run("check").expect(3).golden("config_mistake");
    workspace.run("run college_going").expect(3);
    workspace.run("--workspace /nowhere check").expect(2);
}

#[test]
fn one_pipeline_that_fails_does_not_stop_the_other() {
    let workspace = Workspace::light();
    workspace.write(LACCD, "");
    workspace.run("run").expect(4).golden("one_fails_one_runs");
    assert!(workspace.recorded("college_going").is_empty());
    assert_eq!(workspace.recorded("oulad").len(), 1);
    workspace.ok("ledger verify");
}
