//! Drafts of contracts.

use std::path::Path;

use super::*;
use crate::workspace;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vendor").join(name)).expect("a fixture")
}

fn drafted(bytes: &[u8]) -> (String, Contract) {
    let draft = infer(bytes, true, "a.csv", "drafted").expect("a draft");
    let contract = workspace::contract("drafted.yaml", draft.clone());
    let contract = contract.unwrap_or_else(|findings| panic!("{}\n{draft}", findings.render(false)));
    (draft, contract)
}

#[test]
fn a_draft_reads_the_sample_that_it_was_made_of() {
    let mut samples: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vendor"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".csv") || name == "caaspp_groups.txt.gz")
        .collect();
    samples.sort();
    assert!(samples.len() >= 29, "{samples:?}");
    let expected: serde_json::Value = serde_json::from_slice(&sample("expected.json")).expect("expectations");
    for name in samples {
        let bytes = sample(&name);
        let (draft, contract) = drafted(&bytes);
        let outcome = scan_one(&contract, &bytes);
        assert!(outcome.result.is_ok(), "{name}: {:?}\n{draft}", outcome.error());
        assert_eq!(outcome.rejects(), [], "{name}\n{draft}");
        let stem = name.split('.').next().expect("a stem");
        assert_eq!(outcome.rows.len() as u64, expected[stem]["rows"].as_u64().expect("rows"), "{name}");
    }
}

#[test]
fn a_draft_marks_what_a_person_must_decide_and_quotes_no_value() {
    let text = "Titles of it\nSSID,Last Name,Born,Score,Foster,Band\n0012345678,SECRET,20080229,1.5,Y,10-20\n0012345679,HIDDEN,20080301,*,N,\n";
    let draft = infer(text.as_bytes(), true, "a.csv", "scores").expect("a draft");
    insta::assert_snapshot!(draft, @r#"
    # A draft, made of a sample of 2 rows. Look through it with the partner, above all what is marked.
    id: scores
    version: 0.1.0
    partner: WHO # the party of the agreement that delivers it
    title: WHAT
    format: { type: delimited, delimiter: ",", header: true, title_rows: 1 }
    encoding: utf-8 # the sample is ASCII alone: ask the partner
    fields:
      - { name: ssid, column: "SSID", type: string, required: true } # identifies people? then `normalise` it, and link only
      - { name: last_name, column: "Last Name", type: string, required: true } # identifies people? then `normalise` it, and link only
      - { name: born, column: "Born", type: date, date_formats: [YYYYMMDD], required: true }
      - { name: score, column: "Score", type: number, missing: { "*": WHY } }
      - { name: foster, column: "Foster", type: boolean, boolean_words: { "true": ["Y"], "false": ["N"] }, required: true }
      - { name: band, column: "Band", type: string }
    "#);
    let workbook = infer(b"PK\x03\x04", true, "a.xlsx", "a").expect_err("no draft yet");
    assert_eq!(workbook.code(), "intake.infer");
}
