//! Real extracts, each read by its contract down to the last row, with the values that another reader gave
//! (`fixtures/vendor/make.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::*;

#[derive(serde::Deserialize)]
struct Expected {
    file: String,
    rows: u64,
    cells: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vendor")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("a fixture")
}

fn digest(rows: &[Vec<String>]) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        for cell in row {
            hash.update(cell);
            hash.update([0x1f]);
        }
        hash.update([0x1e]);
    }
    hex::encode(hash.finalize())
}

#[test]
fn every_vendor_sample_is_read_down_to_the_last_row() {
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&read("expected.json")).expect("expectations");
    assert!(expected.len() >= 32, "{} samples", expected.len());
    for (name, expected) in &expected {
        let yaml = String::from_utf8(read(&format!("{name}.yaml"))).expect("a contract");
        let outcome = scan_one(&contract(&yaml), read(&expected.file));
        assert!(outcome.result.is_ok(), "{name}: {:?}\n{:?}", outcome.error(), outcome.rejects());
        assert!(outcome.quarantined.is_empty(), "{name}: {:?}", outcome.rejects());
        assert_eq!(outcome.rows.len() as u64, expected.rows, "{name}");
        assert!(digest(&outcome.rows) == expected.cells, "{name}: {:?}", outcome.rows.first());
    }
}

#[test]
fn stars_and_not_applicable_of_connecticut_keep_their_meanings() {
    let yaml = String::from_utf8(read("connecticut.yaml")).expect("a contract");
    let outcome = scan_one(&contract(&yaml), read("connecticut.zip"));
    let words = outcome.report().fields.iter().flat_map(|book| &book.missing);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for word in words {
        *counts.entry(word.meaning.as_str()).or_default() += word.values;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["none", "suppressed"]);
    assert!(counts.values().all(|count| *count > 5_000), "{counts:?}");
    let book = &outcome.report().deliveries[0];
    assert_eq!(book.parts.len(), 224);
    assert!(book.parts.iter().all(|part| part.layout.starts_with("District + ")), "each file is recognised");
}

#[test]
fn a_wrong_encoding_of_the_entity_file_is_found() {
    let yaml = String::from_utf8(read("caaspp_entities.yaml")).expect("a contract");
    let utf8 = scan_one(&contract(&yaml.replace("windows-1252", "utf-8")), read("caaspp_entities.txt.gz"));
    assert_eq!(utf8.error().code(), "intake.encoding");
    let yaml = String::from_utf8(read("caaspp_groups.yaml")).expect("a contract");
    let latin = scan_one(&contract(&yaml.replace("windows-1252", "iso-8859-1")), read("caaspp_groups.txt.gz"));
    assert_eq!(latin.error().code(), "intake.encoding", "a dash that is a control character in Latin-1");
}
