//! What the fuzzers start from and what they found goes through the doors of the program in each test run, too.

#[expect(unreachable_pub, reason = "the fuzzers call them from another package")]
#[path = "../../fuzz/src/doors.rs"]
mod doors;

use std::path::Path;

fn replay(target: &str, door: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{}", folder.display());
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        let done = std::panic::catch_unwind(|| door(&bytes));
        assert!(done.is_ok(), "{} panics", input.display());
    }
}

#[test]
fn any_text_is_read_or_refused() {
    replay("text", doors::text);
}

#[test]
fn any_compressed_bytes_are_read_or_refused() {
    replay("packed", doors::packed);
}

#[test]
fn any_workbook_is_read_or_refused() {
    replay("excel", doors::excel);
}

#[test]
fn any_parquet_and_arrow_is_read_or_refused() {
    replay("columnar", doors::columnar);
}

#[test]
fn any_start_is_recognised_or_explained() {
    replay("layouts", doors::layouts);
}

#[test]
fn any_contract_is_taken_or_its_mistakes_are_shown() {
    replay("contracts", doors::contracts);
}

#[test]
fn any_quarantine_file_is_opened_or_refused() {
    replay("quarantine", doors::quarantine);
}

#[test]
fn any_certificate_and_ledger_entry_is_read_or_refused() {
    replay("records", doors::records);
}
