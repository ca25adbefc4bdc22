//! Extracts are recognised by their layout, and unknown ones are refused with what differs.

use super::*;

const DRIFTING: &str = r#"
id: scores
version: 3.0.0
partner: p
title: Scores
layout: "2024"
format: { type: delimited, delimiter: "^", header: true }
encoding: utf-8
fields:
  - { name: ssid, column: SSID, type: string, required: true }
  - { name: name, column: Name, type: string }
  - { name: score, column: Score, type: integer }
  - { name: foster, column: Foster, type: boolean, boolean_words: { "true": [Y], "false": [N] } }
layouts:
  - name: "2019"
    format: { type: delimited, delimiter: ",", header: true, quote: '"', title_rows: 1 }
    encoding: windows-1252
    extra_columns: drop
    columns: { ssid: { column: Stukey }, foster: absent }
  - name: "2019 in UTF-8"
    format: { type: delimited, delimiter: ",", header: true, quote: '"', title_rows: 1 }
    encoding: utf-8
    extra_columns: drop
    columns: { ssid: { column: Stukey }, foster: absent }
  - name: "2015"
    format: { type: fixed_width, record_length: 12 }
    encoding: us-ascii
    columns:
      ssid: { position: { start: 1, length: 4 } }
      name: { position: { start: 5, length: 5 } }
      score: { position: { start: 10, length: 3 } }
      foster: absent
  - name: "2015 packed"
    format: { type: fixed_width, record_length: 12 }
    encoding: us-ascii
    compression: gzip
    columns:
      ssid: { position: { start: 1, length: 4 } }
      name: { position: { start: 5, length: 5 } }
      score: { position: { start: 10, length: 3 } }
      foster: absent
  - name: no header
    format: { type: delimited, delimiter: "|", header: false }
    encoding: utf-8
    columns: { ssid: { number: 3 }, name: { number: 1 }, score: absent, foster: { number: 2 } }
  - name: export
    format: { type: json_lines }
    encoding: utf-8
    columns: { ssid: { column: id } }
  - name: workbook
    format: { type: excel, sheet: Students, header: true, title_rows: 3, header_rows: 2 }
    extra_columns: drop
    columns: { ssid: { column: Code }, name: { column: Band }, score: absent, foster: absent }
  - name: zipped
    format: { type: delimited, delimiter: ",", header: true }
    encoding: utf-8
    compression: zip
    extra_columns: drop
    columns: { ssid: { column: STUDENT_ID }, name: { column: NAME }, score: { column: UNITS }, foster: { column: FOSTER } }
  - name: parquet
    format: { type: parquet }
    extra_columns: drop
    columns: { ssid: { column: id }, name: { column: number }, score: absent, foster: absent }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn each_extract_is_recognised_by_its_layout_and_the_book_names_it() {
    let long: String = (0..20_000).map(|at| format!("{at:04}Zoe  007\n").split_off(usize::from(at > 9999))).collect();
    let parquet = formats::parquet_file(&formats::batch());
    let cases: [(&str, Vec<u8>, [&str; 4]); 11] = [
        ("2024", b"Foster^Score^Name^SSID\nY^7^Ana^001\n".to_vec(), ["001", "Ana", "7", "true"]),
        ("2019", b"T\nStukey,Name,Score,More\n001,\"Mu\xf1oz\",7,x\n".to_vec(), ["001", "Muñoz", "7", ""]),
        ("2019 in UTF-8", "T\nStukey,Name,Score,More\n001,Muñoz,7,x\n".into(), ["001", "Muñoz", "7", ""]),
        ("2015", b"0001Ana  007\n".to_vec(), ["0001", "Ana  ", "7", ""]),
        ("2015", long.clone().into_bytes(), ["0000", "Zoe  ", "7", ""]),
        ("2015 packed", gzip(long.as_bytes()), ["0000", "Zoe  ", "7", ""]),
        ("no header", b"Ana|N|001\n".to_vec(), ["001", "Ana", "", "false"]),
        ("export", b"{\"id\":\"001\",\"Score\":7}\n".to_vec(), ["001", "", "7", ""]),
        ("workbook", formats::fixture("students.xlsx"), ["0020011", "10-20", "", ""]),
        ("zipped", formats::fixture("parts.zip"), ["1", "a", "1", "true"]),
        ("parquet", parquet, ["001", "12", "", ""]),
    ];
    for (layout, bytes, first) in cases {
        let outcome = scan_one(&contract(DRIFTING), &bytes);
        assert!(outcome.result.is_ok(), "{layout}: {:?}", outcome.error());
        let book = &outcome.report().deliveries[0];
        assert_eq!((book.layout.as_str(), &outcome.rows[0][..]), (layout, &first.map(str::to_owned)[..]));
        assert_eq!(outcome.report().rows_in as usize, outcome.rows.len() + outcome.quarantined.len(), "{layout}");
    }
    let one = scan_one(&contract(HEADED), format!("{HEADER}1,a,,1,2024,Y,A\n"));
    assert_eq!(one.report().deliveries[0].layout, "1.0.0", "named after the version");
}

#[test]
fn a_field_that_a_layout_does_not_have_is_missing_and_counted() {
    let outcome = scan_one(&contract(DRIFTING), b"0001Ana  007\n0002Bea  008\n");
    let foster = outcome.report().fields.iter().find(|book| book.field == "foster").expect("a book");
    assert_eq!((foster.null, foster.blank), (2, 0));
}

#[test]
fn an_unknown_layout_is_refused_before_any_row_is_read_with_a_diff_and_a_draft() {
    let outcome = scan_one(&contract(DRIFTING), "SSIDs;Name;Score;Grade\n001;MARTINEZ;7;10\n002;LOPEZ;8;11\n");
    let error = outcome.error();
    assert_eq!((error.code(), error.kind()), ("intake.unknown_layout", Kind::Data));
    assert!(outcome.rows.is_empty() && outcome.quarantined.is_empty());
    insta::assert_snapshot!(error.report().expect("a report"), @r#"
    in/a.csv compared with layout `2024` of contract scores:
      delimiter: '^', now ';'
      column gone: `SSID`; is it `SSIDs` now?
      column gone: `Foster`
      column new: `SSIDs`
      column new: `Grade`

    if the partner means it so, the contract says (look through what is marked):
    layouts:
      - name: NEW # what you call it
        format: { type: delimited, delimiter: ";", header: true }
        encoding: utf-8
        extra_columns: drop # or add fields for the new columns
        columns:
          ssid: { column: "SSIDs" } # is it?
          foster: absent # or which column?
    "#);
    let rows = scan_one(&contract(DRIFTING), "001;MARTINEZ;7\n002;LOPEZ;8\n");
    let report = rows.error().report().unwrap_or_default().to_owned();
    assert!(!report.contains("MARTINEZ") && !report.contains("LOPEZ"), "a row is never shown: {report}");
}

#[test]
fn the_draft_of_a_layout_reads_the_extract_that_it_was_made_of() {
    let extract = "SSIDs;Name;Score;Grade\n001;Ana;7;10\n002;Bea;8;11\n";
    let outcome = scan_one(&contract(DRIFTING), extract);
    let report = outcome.error().report().expect("a report").to_owned();
    let (_, draft) = report.split_once("layouts:\n").expect("a draft");
    let agreed = DRIFTING.replace("layouts:\n", &format!("layouts:\n{draft}"));
    let outcome = scan_one(&contract(&agreed), extract);
    assert!(outcome.result.is_ok(), "{:?}", outcome.error());
    assert_eq!(outcome.rows, [["001", "Ana", "7", ""], ["002", "Bea", "8", ""]]);
    assert_eq!(outcome.report().deliveries[0].layout, "NEW");
}

#[test]
fn with_one_layout_a_drift_names_the_column_and_shows_what_differs() {
    let outcome =
        scan_one(&contract(HEADED), "STUDENT_ID,NAME,BORN,UNIT,YEAR,FOSTER,BAND,NEW\n1,SECRET,,1,2024,Y,A,x\n");
    assert_eq!(outcome.error().code(), "intake.missing_column");
    insta::assert_snapshot!(outcome.error().report().expect("a report"), @r#"
    in/a.csv compared with layout `1.0.0` of contract students:
      column gone: `UNITS`; is it `UNIT` now?
      column new: `UNIT`
      column new: `NEW`

    if the partner means it so, the contract says (look through what is marked):
    layouts:
      - name: NEW # what you call it
        format: { type: delimited, delimiter: ",", header: true, quote: '"' }
        encoding: utf-8
        extra_columns: drop # or add fields for the new columns
        columns:
          units: { column: "UNIT" } # is it?
    "#);
}

#[test]
fn a_file_of_an_archive_that_drifts_is_compared_by_what_is_in_it() {
    let contract = contract(&HEADED.replace("encoding: utf-8", "encoding: utf-8\ncompression: zip"));
    let text = "STUDENT_ID,NAME,BORN,UNIT,YEAR,FOSTER,BAND\n1,SECRET,,1,2024,Y,A\n";
    let outcome = scan_one(&contract, formats::zip(&[("a.csv", text.as_bytes(), true)]));
    assert_eq!(outcome.error().code(), "intake.missing_column");
    let report = outcome.error().report().expect("a report");
    assert!(report.contains("in/a.csv/a.csv compared") && report.contains("is it `UNIT` now?"), "{report}");
    assert!(!report.contains("SECRET") && !report.contains("compression: zip, now"), "{report}");
    assert!(report.contains("\n    compression: zip\n"), "{report}");
}
