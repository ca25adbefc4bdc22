//! What a contract may ask of values, rows and sources.

use super::*;

const RULED: &str = r#"
id: enrolments
version: 1.0.0
partner: p
title: Enrolments
format: { type: delimited, delimiter: ",", header: false }
encoding: utf-8
fields:
  - { name: id, type: string, required: true, length: { minimum: 3, maximum: 5 }, pattern: "[A-Zñ][0-9]+" }
  - { name: entry, type: date, date_formats: [YYYY-MM-DD], minimum: 2000-01-01, maximum: 2030-12-31 }
  - { name: exit, type: date, date_formats: [YYYY-MM-DD] }
  - { name: units, type: decimal, precision: 5, scale: 2, minimum: 0, maximum: 99.5 }
  - { name: school, type: string, clean: [digits_only, { left_pad: { to: 7, with: "0" } }], missing: { "N/A": none, "--": not known } }
  - { name: seat, type: integer, unique: true, minimum: 1.5 }
rules:
  - { type: compare, left: exit, is: ">=", right: { field: entry }, when_missing: admit }
  - { type: compare, left: units, is: "!=", right: { value: 13.13 }, when_missing: reject }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

fn ruled(rows: &str) -> Outcome {
    scan_one(&contract(RULED), rows)
}

#[test]
fn every_rule_of_a_field_rejects_what_it_says() {
    let outcome = ruled(concat!(
        "A01,2024-01-01,2024-06-01,12.50,20-011,2\n",
        "A1,2024-01-01,,1,1,3\n",
        "A12345,2024-01-01,,1,1,4\n",
        "ñ01,2024-01-01,,1,1,5\n",
        "A0B,2024-01-01,,1,1,6\n",
        "A02,1999-12-31,,1,1,7\n",
        "A03,2031-01-01,,1,1,8\n",
        "A04,,,1.005,1,9\n",
        "A05,,,1000,1,10\n",
        "A06,,,99.51,1,11\n",
        "A07,,,-0.01,1,12\n",
        "A08,,,99.5000,1,13\n",
        "A09,,,1,1,1\n",
        "A10,,,1,1,2\n",
        "A01,2024-01-01,2024-06-01,12.50,20-011,2\n",
        "A11,,,1,1,\n",
        "A12,,,1,1,\n",
    ));
    let admitted: Vec<&str> = outcome.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(admitted, ["A01", "ñ01", "A08", "A11", "A12"]);
    assert_eq!(outcome.rows[0], ["A01", "2024-01-01", "2024-06-01", "12.50", "0020011", "2"]);
    assert_eq!(outcome.rows[2][3], "99.50", "no digit is lost or made up");
    let expected = [
        (2, "id", "length"),
        (3, "id", "length"),
        (5, "id", "pattern"),
        (6, "entry", "range"),
        (7, "entry", "range"),
        (8, "units", "type"),
        (9, "units", "type"),
        (10, "units", "range"),
        (11, "units", "range"),
        (13, "seat", "range"),
        (14, "", "conflict"),
        (15, "", "duplicate"),
    ];
    assert_eq!(outcome.rejects(), expected);
    assert_eq!(outcome.quarantined[3].reason, "it is before 2000-01-01");
    assert_eq!(outcome.quarantined[7].reason, "it is more than 99.5");
}

#[test]
fn two_fields_of_a_row_are_compared_and_a_missing_one_does_what_the_rule_says() {
    let outcome = ruled(concat!(
        "A01,2024-01-02,2024-01-02,1,1,2\n",
        "A02,2024-01-02,2024-01-01,1,1,3\n",
        "A03,2024-01-02,,1,1,4\n",
        "A04,,2024-01-02,1,1,5\n",
        "A05,,,13.13,1,6\n",
        "A06,,,,1,7\n",
    ));
    assert_eq!(outcome.rows.len(), 3);
    assert_eq!(outcome.rejects(), [(2, "exit", "compare"), (5, "units", "compare"), (6, "units", "compare")]);
    let reasons: Vec<&str> = outcome.quarantined.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons, ["it is not >= entry", "it is not != 13.13", "units is missing, and the rule asks for it"]);
}

#[test]
fn cleaning_is_counted_and_words_for_no_value_keep_their_meaning() {
    let outcome = ruled("A01,,,1,12-3,2\nA02,,,1,N/A,3\nA03,,,1,--,4\nA04,,,1,1234567,5\nA05,,,1,,6\nA06,,,1,ab,7\n");
    let schools: Vec<&str> = outcome.rows.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(schools, ["0000123", "", "", "1234567", "", ""]);
    let book = outcome.report().fields.iter().find(|book| book.field == "school").expect("a book");
    assert_eq!((book.stripped, book.padded, book.blank), (2, 1, 2));
    let words: Vec<_> = book.missing.iter().map(|word| (word.meaning.as_str(), word.values)).collect();
    assert_eq!(words, [("none", 1), ("not known", 1)]);
}

const SCHOOLS: &str = r#"
id: schools
version: 1.0.0
partner: p
title: Schools
format: { type: delimited, delimiter: ",", header: false }
encoding: utf-8
fields:
  - { name: code, type: string, required: true }
  - { name: year, type: integer }
thresholds: { rejected: "100%", row_change: "25%" }
"#;
const PUPILS: &str = r#"
id: pupils
version: 1.0.0
partner: p
title: Pupils
format: { type: delimited, delimiter: ",", header: false }
encoding: utf-8
fields:
  - { name: id, type: string }
  - { name: school, type: string }
  - { name: year, type: integer }
rules:
  - { type: reference, fields: [school, year], contract: schools, to: [code, year], when_missing: admit }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn rows_refer_to_admitted_rows_of_another_source() {
    let (schools, pupils) = (contract(SCHOOLS), contract(PUPILS));
    let mut references = References::of([&schools, &pupils]);
    let early = scan_with(&pupils, &[("in/p.csv", b"1,A,2024\n")], &mut references);
    assert_eq!((early.error().code(), early.error().kind()), ("intake.reference", Kind::Config));
    let read = scan_with(&schools, &[("in/s.csv", b"A,2024\nB,2024\nC,x\n,2024\n")], &mut references);
    assert_eq!((read.rows.len(), read.quarantined.len()), (2, 2));
    let rows = b"1,A,2024\n2,B,2024\n3,B,2025\n4,C,2024\n5,,2024\n6,A,\n";
    let outcome = scan_with(&pupils, &[("in/p.csv", rows)], &mut references);
    assert_eq!(outcome.rejects(), [(3, "", "reference"), (4, "", "reference")]);
    assert_eq!(outcome.quarantined[0].reason, "no row of schools has its school, year");
    let strict = contract(&PUPILS.replace("when_missing: admit", "when_missing: reject"));
    let outcome = scan_with(&strict, &[("in/p.csv", rows)], &mut references);
    assert_eq!(outcome.rejects().iter().map(|one| one.0).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!(format!("{references:?}"), "References(1, ..)");
}

#[test]
fn contradictions_are_counted_and_kept_or_rejected_as_decided() {
    let rule = "  - { type: consistent, key: [name], field: band, decision: keep_each, reason: why not }\n";
    let keeping = HEADED.replace("rules:\n", &format!("rules:\n{rule}"));
    let rows = format!("{HEADER}1,a,,,,,A\n2,a,,,,,B\n3,b,,,,,A\n4,b,,,,,A\n5,,,,,,A\n6,,,,,,B\n7,a,,,,,A\n");
    let kept = scan_one(&contract(&keeping), &rows);
    assert_eq!(kept.rows.len(), 7);
    let finding = &kept.report().consistency[0];
    assert_eq!((finding.keys, finding.keys_with_several), (2, 1));
    let rejecting = scan_one(&contract(&keeping.replace("keep_each", "reject_later")), &rows);
    assert_eq!(rejecting.rejects(), [(3, "", "consistent")]);
    assert_eq!(rejecting.report().consistency[0].keys_with_several, 1);
}

/// A made-up file of any layout, and what is done to it.
#[derive(Clone, Debug)]
struct Made {
    yaml: String,
    bytes: Vec<u8>,
    rows: usize,
}

fn made() -> impl Strategy<Value = Made> {
    let layout = (
        prop::sample::select(vec![',', '^', '\t', '|', ';']),
        any::<(bool, bool, bool)>(),
        prop::sample::select(vec!["utf-8", "windows-1252", "iso-8859-1", "utf-16"]),
        prop::sample::select(vec!["none", "gzip", "zstd", "bzip2"]),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
        (0..3_usize, 1..5_usize),
    );
    let cell = prop::sample::select(vec![
        "",
        "1",
        "-3.5",
        "2024-02-29",
        "Ñandú",
        "\"",
        "N/A",
        " x ",
        "99999999999999999999",
        "Y",
    ]);
    let rows = prop::collection::vec(prop::collection::vec(cell, 5), 1..30);
    (layout, rows).prop_map(|((delimiter, (header, quoted, trailing), encoding, compression, end, (titles, columns)), rows)| {
        let kinds = ["string", "integer", "number", "date, date_formats: [YYYY-MM-DD]", "boolean"];
        let fields: String =
            (0..columns).map(|at| format!("  - {{ name: f{at}, type: {}, missing: {{ N/A: none }} }}\n", kinds[at])).collect();
        let quote = if quoted { ", quote: '\"'" } else { "" };
        let yaml = format!(
            "id: made\nversion: 1.0.0\npartner: p\ntitle: Made\nformat: {{ type: delimited, delimiter: \"{}\", header: {header}{quote}, \
             trailing_delimiter: {trailing}, title_rows: {titles} }}\nencoding: {encoding}\ncompression: {compression}\nfields:\n{fields}\
             thresholds: {{ rejected: \"100%\", row_change: \"25%\" }}\n",
            if delimiter == '\t' { "\\t".to_owned() } else { delimiter.to_string() },
        );
        let line = |cells: Vec<String>| {
            let tail = if trailing { delimiter.to_string() } else { String::new() };
            format!("{}{tail}{end}", cells.join(&delimiter.to_string()))
        };
        let quote = |cell: &str| match quoted {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.replace('"', "'"),
        };
        let mut text: String = (0..titles).map(|at| format!("title {at}{end}")).collect();
        if header {
            text.push_str(&line((0..columns).map(|at| quote(&format!("f{at}"))).collect()));
        }
        for row in &rows {
            text.push_str(&line((0..columns).map(|at| quote(row[at])).collect()));
        }
        let bytes = match encoding {
            "utf-8" => text.into_bytes(),
            "utf-16" => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(),
        };
        let bytes = match compression {
            "gzip" => gzip(&bytes),
            "zstd" => zstd::encode_all(&bytes[..], 1).expect("zstd"),
            "bzip2" => {
                let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
                encoder.write_all(&bytes).expect("bzip2");
                encoder.finish().expect("bzip2")
            }
            _ => bytes,
        };
        Made { yaml, bytes, rows: rows.len() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn rows_in_are_admitted_and_rejected_in_any_layout(made in made()) {
        let outcome = scan_one(&contract(&made.yaml), &made.bytes);
        // A row of nothing at the end is an empty line, and those are no rows.
        match &outcome.result {
            Ok(report) => {
                prop_assert!(report.rows_in as usize <= made.rows, "{}", made.yaml);
                prop_assert_eq!(report.rows_in as usize, outcome.rows.len() + outcome.quarantined.len());
                let blank = made.rows - report.rows_in as usize;
                prop_assert!(blank == 0 || made.yaml.matches("- {").count() == 1, "{} rows are gone", blank);
            }
            Err(error) => prop_assert!(
                ["intake.empty_extract", "intake.encoding", "intake.column_count"].contains(&error.code()), "{:?}", error
            ),
        }
    }

    #[test]
    fn damage_in_any_layout_never_panics_and_books_balance(
        made in made(), edits in prop::collection::vec((0.0..1.0_f64, any::<u8>(), 0..4_u8), 1..8),
    ) {
        let mut bytes = made.bytes;
        for (place, byte, how) in edits {
            let at = (place * bytes.len() as f64) as usize;
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"\",\n\r"[usize::from(byte % 4)],
            }
            if bytes.is_empty() { break }
        }
        let outcome = scan_one(&contract(&made.yaml), &bytes);
        match &outcome.result {
            Ok(report) => {
                prop_assert_eq!(report.rows_in, report.admitted + report.rejected);
                prop_assert_eq!(report.rows_in as usize, outcome.rows.len() + outcome.quarantined.len());
            }
            Err(error) => prop_assert_eq!(error.kind(), Kind::Data, "{:?}", error),
        }
    }
}

#[test]
fn the_meaning_of_each_missing_value_can_be_read_beside_it() {
    let fields = r#"
fields:
  - { name: id, PLACE1type: string, required: true }
  - { name: why, type: string, meaning_of: rate }
  - { name: rate, PLACE2type: number, missing: { "*": suppressed, "N/A": none, "--": not reported, "-9999": not asked } }
  - { name: school, PLACE3type: string, missing: { "": not placed }, placeholders: { values: ["000"], action: missing } }
  - { name: why_no_school, type: string, meaning_of: school }
thresholds: { rejected: "100%" }
"#;
    let meanings = [
        ["1", "", "1.5", "001", ""],
        ["2", "suppressed", "", "", "not placed"],
        ["3", "none", "", "", "placeholder"],
        ["4", "not reported", "", "001", ""],
        ["5", "not asked", "", "001", ""],
        ["6", "blank", "", "001", ""],
    ];
    let comma = "1,1.5,001\n2,*,\n3,N/A,000\n4,--,001\n5,-9999,001\n6,,001\n";
    let fixed: String = comma
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{}{:<5}{:<3}\n", cells[0], cells[1], cells[2])
        })
        .collect();
    let json: String = comma
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!("{{\"id\":\"{}\",\"rate\":\"{}\",\"school\":\"{}\"}}\n", cells[0], cells[1], cells[2])
        })
        .collect();
    let position = |at: usize, start: usize, length: usize| {
        (format!("PLACE{at}"), format!("position: {{ start: {start}, length: {length} }}, "))
    };
    let files = [
        ("{ type: delimited, delimiter: \",\", header: false }", comma.to_owned()),
        ("{ type: delimited, delimiter: \",\", header: true }", format!("id,rate,school\n{comma}")),
        ("{ type: fixed_width, record_length: 9 }", fixed),
        ("{ type: json_lines }", json),
    ];
    for (format, text) in files {
        let mut fields = fields.to_owned();
        for (mark, place) in [position(1, 1, 1), position(2, 2, 5), position(3, 7, 3)] {
            fields = fields.replace(&mark, if format.contains("fixed") { &place } else { "" });
        }
        let clean = if format.contains("fixed") { "missing: { \"*\"" } else { "" };
        let fields = if clean.is_empty() { fields } else { fields.replace(clean, &format!("clean: [trim], {clean}")) };
        let yaml = format!("id: c\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {format}\nencoding: utf-8{fields}");
        let contract = crate::workspace::contract("c.yaml", yaml.clone());
        let contract = contract.unwrap_or_else(|findings| panic!("{}\n{yaml}", findings.render(false)));
        let outcome = scan_one(&contract, &text);
        assert!(outcome.result.is_ok(), "{format}: {:?}", outcome.error());
        assert_eq!(outcome.rejects(), [], "{format}");
        assert_eq!(outcome.rows, meanings, "{format}");
    }
    let null = "{\"id\":\"1\",\"school\":\"1\"}\n{\"id\":\"2\",\"rate\":null,\"school\":\"1\"}\n";
    let yaml = fields.replace("PLACE1", "").replace("PLACE2", "").replace("PLACE3", "");
    let yaml =
        format!("id: c\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {{ type: json_lines }}\nencoding: utf-8{yaml}");
    assert!(scan_one(&contract(&yaml), null).rows.iter().all(|row| row[1] == "null"), "null is not blank");
}
