//! Drafts of contracts: each admits the file that it was made of.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use arrow::record_batch::RecordBatch;

use super::formats::{arrow_file, bzip2, fixture, parquet_file, utf16, zip, zstd};
use super::*;
use crate::workspace;

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vendor").join(name)).expect("a fixture")
}

fn draft_of(bytes: &[u8]) -> Result<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_folder(folder.path(), clock).expect("a store");
    run(async {
        store.put("a", bytes.to_vec()).await.expect("put");
        infer(&store, "a", bytes.len() as u64, "drafted", &|_| {}).await
    })
}

fn drafted(name: &str, bytes: &[u8]) -> (String, Contract) {
    let draft = draft_of(bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let contract = workspace::contract("drafted.yaml", draft.clone());
    let contract = contract.unwrap_or_else(|findings| panic!("{}\n{draft}", findings.render(false)));
    (draft, contract)
}

/// Drafts a contract and reads the same file by it: all rows are admitted.
#[track_caller]
fn admitted(name: &str, bytes: &[u8], rows: usize) -> String {
    let (draft, contract) = drafted(name, bytes);
    let outcome = scan_one(&contract, bytes);
    assert!(outcome.result.is_ok(), "{name}: {:?}\n{draft}", outcome.error());
    assert_eq!(outcome.rejects(), [], "{name}\n{draft}");
    assert_eq!(outcome.rows.len(), rows, "{name}\n{draft}");
    draft
}

#[test]
fn a_draft_reads_the_sample_that_it_was_made_of() {
    let expected: serde_json::Value = serde_json::from_slice(&sample("expected.json")).expect("expectations");
    let expected = expected.as_object().expect("samples");
    assert!(expected.len() >= 32, "{}", expected.len());
    for (name, expected) in expected {
        let file = expected["file"].as_str().expect("a file");
        admitted(name, &sample(file), usize::try_from(expected["rows"].as_u64().expect("rows")).expect("rows"));
    }
    for name in ["students.xlsx", "students.xls"] {
        let (draft, contract) = drafted(name, &fixture(name));
        let outcome = scan_one(&contract, fixture(name));
        assert!(outcome.result.is_ok(), "{name}: {:?}\n{draft}", outcome.error());
    }
}

/// Twelve rows in any format, as text.
fn rows() -> Vec<[String; 4]> {
    let row = |at: u32| {
        let score = if at.is_multiple_of(3) { "*".to_owned() } else { format!("{at}.5") };
        [format!("{:010}", 123_456_780 + at), "Ana Nuñez".to_owned(), format!("2008-02-{at:02}"), score]
    };
    (1..=12).map(row).collect()
}

fn delimited(delimiter: &str, end: &str) -> String {
    let line = |cells: &[String]| format!("{}{end}", cells.join(delimiter));
    let header = line(&["SSID", "Name", "Born", "Score"].map(str::to_owned));
    header + &rows().iter().map(|row| line(row)).collect::<String>()
}

fn json_lines() -> String {
    let line = |[id, name, born, score]: &[String; 4]| {
        let score = if score == "*" { "null" } else { score };
        format!("{{\"SSID\":\"{id}\",\"Name\":\"{name}\",\"Born\":\"{born}\",\"Score\":{score},\"Tags\":[1]}}\n")
    };
    rows().iter().map(line).collect::<String>() + "{\"SSID\":\"1\",\"Later\":true}\n"
}

fn batch() -> RecordBatch {
    let text =
        |at: usize| Arc::new(StringArray::from_iter_values(rows().iter().map(|row| row[at].clone()))) as ArrayRef;
    let columns: [(&str, ArrayRef); 6] = [
        ("SSID", text(0)),
        ("Name", text(1)),
        ("Born", Arc::new(Date32Array::from_iter_values(0..12))),
        ("Score", Arc::new(Float64Array::from_iter((0..12).map(|at| (at % 3 > 0).then_some(f64::from(at) + 0.5))))),
        ("Count", Arc::new(Int64Array::from_iter_values(0..12))),
        ("Updated At", Arc::new(TimestampSecondArray::from_iter_values(1..13))),
    ];
    RecordBatch::try_from_iter(columns).expect("a batch")
}

#[test]
fn every_format_and_compression_is_drafted_and_the_draft_admits_its_sample() {
    let comma = delimited(",", "\n");
    let windows = encoding_rs::WINDOWS_1252.encode(&comma).0.into_owned();
    let fixed: String = (0..60).map(|at| format!("{:06} {:<8} 20080229\n", at * 7, "Ana Li")).collect();
    let batch = batch();
    let files: Vec<(&str, Vec<u8>, usize, &str)> = vec![
        ("comma", comma.clone().into_bytes(), 12, "encoding: utf-8\n"),
        ("mark", format!("\u{feff}{comma}").into_bytes(), 12, "encoding: utf-8\n"),
        ("tab, CR", delimited("\t", "\r").into_bytes(), 12, "delimiter: \"\\t\""),
        ("pipe, CRLF", delimited("|", "\r\n").into_bytes(), 12, "delimiter: \"|\""),
        ("caret, trailing", delimited("^", "^\r\n").into_bytes(), 12, "trailing_delimiter: true"),
        ("windows", windows.clone(), 12, "encoding: windows-1252"),
        ("utf-16 little", utf16(&format!("\u{feff}{comma}"), false), 12, "encoding: utf-16"),
        ("utf-16 big", utf16(&format!("\u{feff}{comma}"), true), 12, "encoding: utf-16"),
        ("fixed", fixed.into_bytes(), 60, "position: { start: 8, length: 3 }"),
        ("json", json_lines().into_bytes(), 13, "# column \"Tags\" is left out: it has lists or objects"),
        ("parquet", parquet_file(&batch), 12, "# column \"Updated At\" is left out: it has days with a time"),
        ("arrow", arrow_file(&batch, false), 12, "type: date, date_formats: [YYYY-MM-DD]"),
        ("arrow stream", arrow_file(&batch, true), 24, "format: { type: arrow_ipc }"),
        ("xlsx", sheet(), 12, "title_rows: 2, header_rows: 2"),
    ];
    for (name, bytes, rows, says) in &files {
        let draft = admitted(name, bytes, *rows);
        assert!(draft.contains(says), "{name}\n{draft}");
        for (packing, packed) in [("gzip", gzip(bytes)), ("zstd", zstd(bytes)), ("bzip2", bzip2(bytes))] {
            let draft = admitted(&format!("{name} in {packing}"), &packed, *rows);
            assert!(draft.contains(&format!("compression: {packing}")) && draft.contains(says), "{name}\n{draft}");
        }
        let archive = zip(&[("part_2", bytes, true), ("part_10", bytes, false)]);
        let draft = admitted(&format!("{name} in zip"), &archive, rows * 2);
        assert!(draft.contains("compression: zip") && draft.contains(says), "{name}\n{draft}");
    }
}

/// A column of a file of columns is found by its place, so that two of one name can be told apart.
#[test]
fn columns_of_one_name_are_drafted_in_every_format_that_can_have_them() {
    let columns: [(&str, ArrayRef); 3] = [
        ("Rate", Arc::new(Int64Array::from(vec![1, 2]))),
        ("Id", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("Rate", Arc::new(Float64Array::from(vec![0.5, 1.5]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let files = [
        ("delimited", b"Rate,Id,Rate\n1,a,0.5\n2,b,1.5\n".to_vec()),
        ("parquet", parquet_file(&batch)),
        ("parquet in gzip", gzip(&parquet_file(&batch))),
        ("arrow", arrow_file(&batch, false)),
    ];
    for (name, bytes) in files {
        let draft = admitted(name, &bytes, 2);
        assert!(draft.contains("column: \"Rate\", occurrence: 2"), "{name}\n{draft}");
        let (_, contract) = drafted(name, &bytes);
        assert_eq!(scan_one(&contract, &bytes).rows, [["1", "a", "0.5"], ["2", "b", "1.5"]], "{name}");
    }
    let json = "id: j\nversion: 1.0.0\npartner: p\ntitle: t\nformat: { type: json_lines }\nfields:\n  \
        - { name: rate, column: Rate, occurrence: 2, type: number }\n";
    let refused = workspace::contract("j.yaml", json.to_owned()).expect_err("an object has a name once");
    assert!(refused.render(false).contains("a JSON object has a name once"), "{}", refused.render(false));
}

/// A workbook with two titles, and names in two rows.
fn sheet() -> Vec<u8> {
    let mut text = String::from("<worksheet><sheetData>");
    let cell = |text: &str| match text.parse::<f64>() {
        Ok(_) if !text.starts_with('0') => format!("<v>{text}</v>"),
        _ => text.to_owned(),
    };
    let mut lines: Vec<Vec<String>> = vec![
        vec!["Scores of the district".to_owned()],
        vec!["Printed for the partner".to_owned()],
        ["Student", "", "", "Test"].map(str::to_owned).to_vec(),
        ["SSID", "Name", "Born", "Score"].map(str::to_owned).to_vec(),
    ];
    lines.extend(rows().iter().map(|row| row.to_vec()));
    for (at, line) in lines.iter().enumerate() {
        text += &format!("<row r=\"{}\">", at + 1);
        for (place, content) in line.iter().enumerate().filter(|(_, content)| !content.is_empty()) {
            let name = format!("{}{}", char::from(b'A' + place as u8), at + 1);
            let content = cell(content);
            if content.starts_with("<v>") {
                text += &format!("<c r=\"{name}\">{content}</c>");
            } else {
                text += &format!("<c r=\"{name}\" t=\"inlineStr\"><is><t>{content}</t></is></c>");
            }
        }
        text += "</row>";
    }
    text += "</sheetData></worksheet>";
    let book: &[u8] =
        b"<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
        <sheet name=\"Scores\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
    let relations: &[u8] = b"<Relationships><Relationship Id=\"rId1\" \
        Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
        Target=\"worksheets/sheet1.xml\"/></Relationships>";
    let root: &[u8] = b"<Relationships><Relationship Id=\"rId1\" \
        Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
        Target=\"xl/workbook.xml\"/></Relationships>";
    zip(&[
        ("[Content_Types].xml", b"<Types/>", false),
        ("_rels/.rels", root, false),
        ("xl/workbook.xml", book, false),
        ("xl/_rels/workbook.xml.rels", relations, false),
        ("xl/worksheets/sheet1.xml", text.as_bytes(), false),
    ])
}

#[test]
fn files_of_several_layouts_in_an_archive_are_layouts_of_the_draft() {
    let draft = admitted(
        "archive",
        &zip(&[
            ("2024.csv", b"SSID,Score\n0123456789,1\n0123456788,2\n", true),
            ("2025.csv", b"SSID,Score,Grade\n0123456789,1,3\n", true),
            ("2026.txt", b"SSID^Grade^\n0123456789^4^\n", true),
        ]),
        4,
    );
    assert_eq!(draft.matches("absent").count(), 2, "{draft}");
}

#[test]
fn a_draft_marks_what_a_person_must_decide_and_quotes_no_value() {
    let text = "Titles of it\nSSID,Last Name,Born,Score,Foster,Band,Code\n\
                0012345678,SECRET,20080229,1.5,Y,10-20,\"=\"\"0020011\"\"\"\n\
                0012345679,HIDDEN,20080301,*,N,,\"=\"\"0020012\"\"\"\n";
    let draft = draft_of(text.as_bytes()).expect("a draft");
    insta::assert_snapshot!(draft, @r##"
    # A draft, made of a sample of 2 rows. Look through it with the partner, above all what is marked.
    id: drafted
    version: 0.1.0
    partner: WHO # the party of the agreement that delivers it
    title: WHAT
    format: { type: delimited, delimiter: ",", header: true, quote: '"', title_rows: 1 }
    encoding: utf-8 # the sample is ASCII alone: ask the partner
    # person: [ssid, last_name, born] # whom a row is about: which of these, if any?
    fields:
      - { name: ssid, column: "SSID", type: string, required: true } # identifies people? then `normalise: digits`, and link by it only
      - { name: last_name, column: "Last Name", type: string, required: true } # identifies people? then `normalise: family_name`, and link by it only
      - { name: born, column: "Born", type: date, date_formats: [YYYYMMDD], required: true } # identifies people? then `normalise: date`, and link by it only
      - { name: score, column: "Score", type: number, missing: { "*": WHY } }
      - { name: foster, column: "Foster", type: boolean, boolean_words: { "true": ["Y"], "false": ["N"] }, required: true }
      - { name: band, column: "Band", type: string }
      - { name: code, column: "Code", type: string, clean: [unwrap_excel_formula], required: true }
    "##);
    for (name, bytes) in
        [("nothing", &b""[..]), ("noise", &b"\x00\x01\x02\x03"[..]), ("an archive", &b"PK\x03\x04"[..])]
    {
        let error = draft_of(bytes).expect_err("no draft");
        assert!(
            ["intake.infer", "intake.archive"].contains(&error.code()) && error.hint().is_some(),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn a_first_row_of_a_person_is_not_taken_for_names_of_columns() {
    let rows: String = (0..20).map(|at| format!("Canary{at},Quill,Lincoln High\n")).collect();
    let draft = admitted("people", rows.as_bytes(), 20);
    assert!(!draft.contains("Canary") && !draft.contains("Lincoln"), "{draft}");
    assert!(draft.contains("header: false"), "{draft}");
}

#[test]
fn what_comes_late_in_a_sample_is_seen() {
    // Beyond what is looked at to recognise the layout: another type, another encoding.
    let row = format!("17,3,{}\n", "x".repeat(1000));
    let mut text = format!("ID,Value,Note\n{}", row.repeat(5_000)).into_bytes();
    text.extend(b"18,Ni\xf1o,\n");
    let draft = draft_of(&text).expect("a draft");
    assert!(draft.contains("windows-1252") && draft.contains("column: \"Value\", type: string"), "{draft}");
}
