//! What is said of what is wrong: always where, why and what to do, never a value.

use super::formats::{arrow_file, bzip2, parquet_file, zip, zstd};
use super::*;
use crate::workspace::Encoding;

/// Marks each value that must not be said: letters where a text may stand, digits where a number or a day may.
const LETTERS: &str = "Quillcanary";
const DIGITS: &str = "7946130";

/// A contract with every kind of rule, and rows that break each once, in their order.
const FIELDS: &str = r#"
fields:
  - { name: id, type: string, required: true, length: { minimum: 3, maximum: 30 }, pattern: "[A-Za-z0-9]+",
      placeholders: { values: ["QuillcanaryNobody"], action: reject } }
  - { name: code, type: string, allowed: { A: first, B: second } }
  - { name: born, type: date, date_formats: [YYYYMMDD], minimum: 1950-01-01, maximum: 2030-12-31 }
  - { name: left, type: date, date_formats: [YYYYMMDD] }
  - { name: count, type: integer, maximum: 99 }
  - { name: rate, type: number, minimum: 0 }
  - { name: units, type: decimal, precision: 4, scale: 1 }
  - { name: foster, type: boolean, boolean_words: { "true": [Y], "false": [N] } }
  - { name: card, type: string, check_digit: luhn, unique: true }
rules:
  - { type: unique, fields: [id] }
  - { type: compare, left: left, is: ">=", right: { field: born }, when_missing: admit }
thresholds: { rejected: "100%", row_change: "25%" }
"#;
const NAMES: [&str; 9] = ["id", "code", "born", "left", "count", "rate", "units", "foster", "card"];
const WRONG: [([&str; 9], &str, &str); 15] = [
    (["Quillcanary1", "A", "20000101", "20200101", "1", "0.5", "1.5", "Y", ""], "", ""),
    (["", "A", "", "", "", "", "", "", ""], "required", "id"),
    (["QuillcanaryNobody", "", "", "", "", "", "", "", ""], "placeholder", "id"),
    (["Q7", "", "", "", "", "", "", "", ""], "length", "id"),
    (["Quillcanary é", "", "", "", "", "", "", "", ""], "pattern", "id"),
    (["Quillcanary2", "Quillcanary", "", "", "", "", "", "", ""], "allowed", "code"),
    (["Quillcanary3", "", "79461302", "", "", "", "", "", ""], "type", "born"),
    (["Quillcanary4", "", "79461230", "", "", "", "", "", ""], "range", "born"),
    (["Quillcanary5", "", "", "", "7946130", "", "", "", ""], "range", "count"),
    (["Quillcanary6", "", "", "", "7946130.5", "", "", "", ""], "type", "count"),
    (["Quillcanary7", "", "", "", "", "-7946130", "", "", ""], "range", "rate"),
    (["Quillcanary8", "", "", "", "", "", "7946130.25", "", ""], "type", "units"),
    (["Quillcanary9", "", "", "", "", "", "", "Quillcanary", ""], "type", "foster"),
    (["Quillcanary10", "", "", "", "", "", "", "", "79461301"], "check_digit", "card"),
    (["Quillcanary11", "", "20200101", "20000101", "", "", "", "", ""], "compare", "left"),
];

fn contract_of(format: &str, encoding: &str, compression: &str) -> Contract {
    let mut yaml = format!("id: c\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {format}\n");
    if !encoding.is_empty() {
        yaml += &format!("encoding: {encoding}\n");
    }
    contract(&format!("{yaml}compression: {compression}\n{}", FIELDS.trim_start()))
}

fn rows() -> Vec<[&'static str; 9]> {
    let again = WRONG[0].0;
    WRONG.iter().map(|(row, ..)| *row).chain([again]).collect()
}

fn joined(delimiter: &str, header: bool) -> String {
    let line = |cells: &[&str; 9]| cells.join(delimiter) + "\n";
    let header = if header { line(&NAMES) } else { String::new() };
    header + &rows().iter().map(line).collect::<String>()
}

fn objects() -> String {
    let line = |row: &[&str; 9]| {
        let cells: Vec<String> = NAMES.iter().zip(row).map(|(name, cell)| format!("\"{name}\":\"{cell}\"")).collect();
        format!("{{{}}}\n", cells.join(","))
    };
    rows().iter().map(line).collect()
}

fn table() -> arrow::record_batch::RecordBatch {
    use arrow::array::{ArrayRef, StringArray};
    let column = |at: usize| {
        let cells = StringArray::from_iter_values(rows().iter().map(|row| row[at]));
        (NAMES[at], std::sync::Arc::new(cells) as ArrayRef)
    };
    arrow::record_batch::RecordBatch::try_from_iter((0..9).map(column)).expect("a batch")
}

/// Every format with its bytes, and the line of its first row.
fn files() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>, u64)> {
    let comma = "{ type: delimited, delimiter: \",\", header: true, quote: '\"' }";
    let caret = "{ type: delimited, delimiter: \"^\", header: false }";
    vec![
        ("comma", comma, "utf-8", joined(",", true).into_bytes(), 2),
        ("utf-16", comma, "utf-16", utf16(&joined(",", true), false), 2),
        ("caret", caret, "windows-1252", encoding_rs::WINDOWS_1252.encode(&joined("^", false)).0.into_owned(), 1),
        ("json", "{ type: json_lines }", "utf-8", objects().into_bytes(), 1),
        ("parquet", "{ type: parquet }", "", parquet_file(&table()), 1),
        ("arrow", "{ type: arrow_ipc }", "", arrow_file(&table(), false), 1),
    ]
}

const COMPRESSIONS: [&str; 5] = ["none", "gzip", "zstd", "bzip2", "zip"];

fn packed(compression: &str, bytes: &[u8]) -> Vec<u8> {
    match compression {
        "gzip" => gzip(bytes),
        "zstd" => zstd(bytes),
        "bzip2" => bzip2(bytes),
        "zip" => zip(&[("part", bytes, true)]),
        _ => bytes.to_vec(),
    }
}

/// With its byte order mark.
fn utf16(text: &str, big: bool) -> Vec<u8> {
    super::formats::utf16(&format!("\u{feff}{text}"), big)
}

#[track_caller]
fn silent(name: &str, said: &str) {
    assert!(!said.contains(LETTERS) && !said.contains(DIGITS), "{name}: a value is said: {said}");
}

/// All that can be said of an outcome, on a page, in JSON or in a log.
fn everything(outcome: &Outcome) -> String {
    let mut said = String::new();
    match &outcome.result {
        Ok(report) => said += &format!("{}{report:?}", serde_json::to_string(report).expect("a report")),
        Err(error) => {
            let (hint, report) = (error.hint().unwrap_or_default(), error.report().unwrap_or_default());
            said += &format!("{error} {error:?} {hint} {report}");
        }
    }
    for row in &outcome.quarantined {
        said += &format!("{row:?} {} {} {} {:?}", row.delivery, row.rule, row.reason, row.column);
    }
    said
}

#[test]
fn each_reject_names_file_line_column_rule_and_reason_in_any_format_and_quotes_no_value() {
    for (name, format, encoding, bytes, first) in files() {
        for compression in COMPRESSIONS {
            let name = format!("{name}, {compression}");
            let outcome = scan_one(&contract_of(format, encoding, compression), packed(compression, &bytes));
            assert!(outcome.result.is_ok(), "{name}: {:?}", outcome.error());
            silent(&name, &everything(&outcome));
            let again = first + WRONG.len() as u64;
            let wrong = WRONG.iter().enumerate().filter(|(_, (_, rule, _))| !rule.is_empty());
            let mut expected: Vec<(u64, &str, &str)> =
                wrong.map(|(at, (_, rule, column))| (first + at as u64, *column, *rule)).collect();
            expected.push((again, "", "duplicate"));
            assert_eq!(outcome.rejects(), expected, "{name}");
            let path = if compression == "zip" { "in/a.csv/part" } else { "in/a.csv" };
            for row in &outcome.quarantined {
                assert_eq!(row.delivery, path, "{name}");
                assert!(row.reason.len() > 10 && advice(&row.rule).is_some(), "{name}: {}", row.rule);
            }
        }
    }
}

#[test]
fn each_refusal_names_the_file_and_what_to_do_however_a_file_is_damaged_and_quotes_no_value() {
    let mut codes = std::collections::BTreeSet::new();
    for (name, format, encoding, bytes, _) in files() {
        for compression in COMPRESSIONS {
            let whole = packed(compression, &bytes);
            let contract = contract_of(format, encoding, compression);
            let mut damaged: Vec<Vec<u8>> =
                vec![Vec::new(), bytes.clone(), gzip(&whole), utf16(&joined(",", true), true)];
            damaged.extend((1..6).map(|part| whole[..whole.len() * part / 6].to_vec()));
            damaged.extend((0..24).map(|part| {
                let mut bytes = whole.clone();
                let at = bytes.len() * part / 24;
                bytes[at] ^= 0x55;
                bytes
            }));
            for (at, bytes) in damaged.iter().enumerate() {
                let outcome = scan_one(&contract, bytes);
                let name = format!("{name}, {compression}, damage {at}");
                silent(&name, &everything(&outcome));
                if let Err(error) = &outcome.result {
                    codes.insert(error.code());
                    assert_eq!(error.kind(), Kind::Data, "{name}: {error:?}");
                    assert!(error.to_string().contains("in/a.csv"), "{name}: {error}");
                    assert!(error.hint().is_some_and(|hint| hint.len() > 20), "{name}: {error}");
                }
            }
        }
    }
    assert!(codes.len() >= 8, "{codes:?}");
}

/// A way in which a text may be written, and whether a declaration of it is right.
fn written(text: &str) -> Vec<(&'static str, Vec<u8>, Vec<Encoding>)> {
    let latin: Vec<u8> = text.chars().map(|one| u8::try_from(u32::from(one)).unwrap_or(b'?')).collect();
    let windows = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    // Without a character of its own, Windows-1252 is Latin-1 to the byte.
    let single =
        if latin == windows { vec![Encoding::Windows1252, Encoding::Latin1] } else { vec![Encoding::Windows1252] };
    let mut ways = vec![
        ("UTF-8", text.as_bytes().to_vec(), vec![Encoding::Utf8]),
        ("UTF-8 with mark", format!("\u{feff}{text}").into_bytes(), vec![Encoding::Utf8]),
        ("UTF-16LE", utf16(text, false), vec![Encoding::Utf16]),
        ("UTF-16BE", utf16(text, true), vec![Encoding::Utf16]),
        ("Windows-1252", windows.clone(), single.clone()),
    ];
    if latin == windows {
        ways.push(("Latin-1", latin, single));
    }
    ways
}

#[test]
fn every_wrong_declaration_of_an_encoding_is_found_and_nothing_is_passed_on_as_other_characters() {
    let all = [Encoding::Utf8, Encoding::Utf16, Encoding::Windows1252, Encoding::Latin1, Encoding::UsAscii];
    let headed = "{ type: delimited, delimiter: \",\", header: true }";
    let bare = "{ type: delimited, delimiter: \"^\", header: false }";
    // Letters that Latin-1 has as well, and a quotation mark that it has not; in all rows, and in one of many.
    for (name, others) in [("Muñoz", 0), ("Muñoz", 50), ("O’Neil", 0), ("O’Neil", 50)] {
        for (format, header, delimiter) in [(headed, "id,name\n", ","), (bare, "", "^")] {
            let row = |at: usize, name: &str| format!("{at}{delimiter}{name}\n");
            let text = header.to_owned()
                + &(0..others).map(|at| row(at, "Ann")).collect::<String>()
                + &(others..others + 5).map(|at| row(at, name)).collect::<String>();
            for (real, bytes, right) in written(&text) {
                for declared in all {
                    let yaml = format!(
                        "id: c\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {format}\nencoding: {}\nfields:\n  \
                         - {{ name: id, type: string }}\n  - {{ name: name, type: string }}\n\
                         thresholds: {{ rejected: \"100%\" }}\n",
                        declared.word()
                    );
                    let outcome = scan_one(&contract(&yaml), &bytes);
                    let case = format!("{name} and {others} others in {real}, declared {}", declared.word());
                    if right.contains(&declared) {
                        assert!(outcome.result.is_ok(), "{case}: {:?}", outcome.error());
                        assert_eq!(outcome.rows.len(), others + 5, "{case}");
                        assert!(outcome.rows[others..].iter().all(|row| row[1] == name), "{case}");
                        continue;
                    }
                    assert!(outcome.rows.iter().all(|row| row[1] == "Ann"), "{case}: other characters are passed on");
                    match &outcome.result {
                        Ok(_) => assert!(outcome.rejects().iter().all(|(_, _, rule)| *rule == "encoding"), "{case}"),
                        Err(error) => assert_eq!(error.code(), "intake.encoding", "{case}: {error:?}"),
                    }
                }
            }
        }
    }
}
