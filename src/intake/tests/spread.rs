//! What comes out does not depend on how the work is spread: on threads, on the size of blocks.

use proptest::prelude::*;

use super::*;

const RULES: &str = r#"
id: students
version: 1.0.0
partner: p
title: t
format: { type: delimited, delimiter: ",", quote: '"', header: true }
encoding: windows-1252
fields:
  - { name: id, type: string, required: true, unique: true, clean: [trim] }
  - { name: name, type: string, missing: { "N/A": none } }
  - { name: year, type: integer }
rules:
  - { type: consistent, key: [name], field: year, decision: reject_later, reason: once }
thresholds: { rejected: 100% }
"#;

fn seen(contract: &Contract, bytes: &[u8], spread: Spread) -> String {
    let outcome =
        scan_spread(contract, &[("in/a.csv", bytes)], &mut References::of([contract]), Resolutions::default(), spread);
    shown(&outcome)
}

/// All that a person can see of an intake.
pub(super) fn shown(outcome: &Outcome) -> String {
    let report = match &outcome.result {
        Ok(report) => serde_json::to_string(report).expect("a report"),
        Err(error) => format!("{} {error}", error.code()),
    };
    // Rows that were handed on before an error go nowhere.
    let rows: &[_] = if outcome.result.is_ok() { &outcome.rows } else { &[] };
    let kept: Vec<_> = outcome
        .quarantined
        .iter()
        .filter(|_| outcome.result.is_ok())
        .map(|row| (row.line, row.column.clone(), row.rule.clone(), row.reason.clone(), row.record.clone()))
        .collect();
    format!("{report}\n{rows:?}\n{kept:?}")
}

#[track_caller]
fn the_same_however_spread(contract: &Contract, bytes: &[u8]) {
    // One block holds it all.
    let whole = seen(contract, bytes, Spread { threads: 1, block: 1 << 30 });
    for (threads, block) in [(1, 1), (1, 64), (2, 7), (3, 200)] {
        let spread = seen(contract, bytes, Spread { threads, block });
        assert_eq!(spread, whole, "{threads} threads, blocks of {block} bytes: {}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn the_outcome_is_the_same_on_any_number_of_threads() {
    let contract = contract(RULES);
    let mut text = String::from("id,name,year\r\n");
    for row in 0..400 {
        let id = if row % 50 == 49 { row - 7 } else { row };
        let year = if row % 30 == 29 { "x".to_owned() } else { (2000 + row % 3).to_string() };
        let name = ["Ann", "\"Lee, \"\"Jo\"\"\r\n\"", "N/A", "", "5\" pipe", " "][row % 6];
        text.push_str(&format!(
            "{id},{name}{},{year}{}",
            if name.len() == 3 && name != "N/A" { row.to_string() } else { String::new() },
            ["\r\n", "\n", "\r", "\n\n"][row % 4]
        ));
    }
    the_same_however_spread(&contract, text.as_bytes());
    let without_end = text.trim_end();
    the_same_however_spread(&contract, without_end.as_bytes());
    the_same_however_spread(&contract, format!("{text}\"never closed,\n1,2\n").as_bytes());
}

#[test]
fn errors_name_the_line_that_they_name_on_one_thread() {
    let utf8 = contract(&RULES.replace("windows-1252", "utf-8"));
    let rows: String = (0..300).map(|row| format!("{row},\"a\nb\",2000\n")).collect();
    let mut bytes = format!("id,name,year\n{rows}").into_bytes();
    bytes.extend_from_slice(b"x,\xff,2000\n");
    bytes.extend_from_slice(rows.as_bytes());
    the_same_however_spread(&utf8, &bytes);
    assert!(seen(&utf8, &bytes, Spread { threads: 2, block: 50 }).contains("line 602 is not UTF-8"));
    // Characters are judged over the whole of a delivery.
    let odd: String = (0..50).map(|row| format!("{row},é,2000\n")).collect();
    the_same_however_spread(&contract(RULES), format!("id,name,year\n{odd}").as_bytes());
    // A record that is too long, behind rows that are fine.
    let long = format!("id,name,year\n{rows}x,\"{}\n", "y".repeat(3 << 20));
    the_same_however_spread(&utf8, long.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_gives_the_same_however_it_is_spread(
        rows in prop::collection::vec("[0-9]{1,2}|[a\",\n\r ]{0,6}|\"[a,\n\r]{0,4}\"|[0-9],\"[a\n]{0,3}\",200[0-3]", 0..40),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r", ",", "\n\n"]), 40),
    ) {
        let mut text = String::from("id,name,year\n1,a,2000\n");
        rows.iter().zip(&ends).for_each(|(row, end)| { text.push_str(row); text.push_str(end); });
        the_same_however_spread(&contract(RULES), text.as_bytes());
    }
}
