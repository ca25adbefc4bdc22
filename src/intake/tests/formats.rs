//! Every format and encoding that an extract may come in.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use flate2::write::DeflateEncoder;

use super::*;

pub(super) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats").join(name);
    std::fs::read(path).expect("a fixture")
}

pub(super) fn with(yaml: &str, from: &str, to: &str) -> Contract {
    assert!(yaml.contains(from), "{from}");
    contract(&yaml.replace(from, to))
}

pub(super) fn packed(compression: &str) -> Contract {
    with(HEADED, "encoding: utf-8", &format!("encoding: utf-8\ncompression: {compression}"))
}

pub(super) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("bzip2");
    encoder.finish().expect("bzip2")
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("zstd")
}

const TWO: &str = "1,a,,1,2024,Y,A\n2,b,,1,2024,Y,A\n";

#[test]
fn zstd_and_bzip2_are_unpacked_and_several_frames_are_one_file() {
    for (name, pack) in [("zstd", zstd as fn(&[u8]) -> Vec<u8>), ("bzip2", bzip2)] {
        let contract = packed(name);
        let parts = [pack(HEADER.as_bytes()), pack(b"1,a,,1,2024,Y,A\n2,b,,"), pack(b""), pack(b"1,2024,Y,A\n")];
        assert_eq!(scan_one(&contract, parts.concat()).rows.len(), 2, "{name}");
        let wrong = scan_one(&contract, format!("{HEADER}{TWO}"));
        assert_eq!(wrong.error().code(), "intake.compression", "{name}");
        let plain = scan_one(&super::contract(HEADED), parts.concat());
        assert_eq!(plain.error().code(), "intake.compression");
        assert!(plain.error().to_string().contains(&format!("it is {name}")), "{}", plain.error());
        let other = scan_one(&packed("gzip"), parts.concat());
        assert_eq!(other.error().code(), "intake.compression");
    }
}

#[test]
fn a_truncated_or_damaged_zstd_or_bzip2_file_is_an_error_wherever_it_is_cut() {
    let text = "1^a^\n2^b^\n".repeat(40);
    for (name, pack) in [("zstd", zstd as fn(&[u8]) -> Vec<u8>), ("bzip2", bzip2)] {
        let contract = with(CARET, "encoding: windows-1252", &format!("encoding: windows-1252\ncompression: {name}"));
        let whole = pack(text.as_bytes());
        for cut in 10..whole.len() {
            let error = read_all(&contract, &whole[..cut]).expect_err("truncated");
            assert!(["intake.truncated", "intake.damaged"].contains(&error.code()), "{name} cut at {cut}: {error:?}");
        }
        assert!(read_all(&contract, &[&whole[..], b"trailing garbage"].concat()).is_err(), "{name}");
    }
}

#[test]
fn what_unpacks_a_thousandfold_is_read_in_small_pieces() {
    let text = format!("{HEADER}{}", "1,a,,1,2024,Y,A\n".repeat(400_000));
    for (name, bytes) in [("zstd", zstd(text.as_bytes())), ("bzip2", bzip2(text.as_bytes()))] {
        let contract = packed(name);
        let layout = super::super::layout::Layout::all(&contract).expect("a layout").remove(0);
        let mut unpack = super::super::reader::Unpack::new(layout.compression, false, "a").expect("an unpacker");
        let (mut largest, mut total) = (0, 0);
        let mut sink = |piece: &[u8]| {
            largest = largest.max(piece.len());
            total += piece.len();
            Ok(())
        };
        unpack.push(&bytes, &mut sink).and_then(|()| unpack.finish(&mut sink)).expect("unpacked");
        assert_eq!((total, largest <= 128 << 10), (text.len(), true), "{name}: {largest}");
    }
}

/// A zip archive; each file deflated or not.
pub(super) fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content, deflated) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let packed = if *deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Level::fast());
            encoder.write_all(content).expect("deflate");
            encoder.finish().expect("deflate")
        } else {
            content.to_vec()
        };
        let mut common = vec![20, 0, 0, 0, if *deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for number in [crc.sum(), packed.len() as u32, content.len() as u32] {
            common.extend(number.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        let offset = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([(files.len() as u16).to_le_bytes(), (files.len() as u16).to_le_bytes()].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn the_files_of_a_zip_are_parts_in_the_order_of_their_names() {
    let outcome = scan_one(&packed("zip"), fixture("parts.zip"));
    assert_eq!(outcome.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["1", "2", "4"]);
    let book = &outcome.report().deliveries[0];
    let parts: Vec<_> = book.parts.iter().map(|part| (part.name.as_str(), part.rows_in, part.rejected)).collect();
    assert_eq!(parts, [("part_1.csv", 1, 0), ("part_9.csv", 2, 1), ("part_10.csv", 1, 0)]);
    assert_eq!((book.rows_in, book.admitted, book.rejected), (4, 3, 1));
    assert_eq!((outcome.quarantined[0].delivery.as_str(), outcome.quarantined[0].line), ("in/a.csv/part_9.csv", 3));
    assert_eq!(scan_one(&packed("zip"), fixture("zip64.zip")).rows.len(), 1, "zip64 and not deflated");
}

#[test]
fn a_zip_with_a_path_or_an_encrypted_file_is_refused() {
    let content = format!("{HEADER}{TWO}");
    let good: (&str, &[u8], bool) = ("a.csv", content.as_bytes(), true);
    assert_eq!(scan_one(&packed("zip"), zip(&[good])).rows.len(), 2);
    for name in ["x/b.csv", "../b.csv", "x\\b.csv", "C:b.csv", ".b.csv", "b\n.csv", "x/"] {
        let outcome = scan_one(&packed("zip"), zip(&[good, (name, content.as_bytes(), false)]));
        assert_eq!((outcome.error().code(), outcome.rows.len()), ("intake.archive", 0), "{name}");
    }
    let mut encrypted = zip(&[good]);
    let at = encrypted.windows(4).rposition(|four| four == b"PK\x01\x02").expect("a directory");
    encrypted[at + 8] |= 1;
    let outcome = scan_one(&packed("zip"), &encrypted);
    assert!(outcome.error().to_string().contains("encrypted"), "{}", outcome.error());
    let twice = scan_one(&packed("zip"), zip(&[good, good]));
    assert!(twice.error().to_string().contains("one name"), "{}", twice.error());
    let none = scan_one(&packed("zip"), zip(&[]));
    assert_eq!(none.error().code(), "intake.empty_extract");
    let second = scan_one(&packed("zip"), zip(&[good, ("b.csv", b"", false)]));
    assert_eq!(second.error().code(), "intake.empty_extract");
}

#[test]
fn a_damaged_zip_is_an_error_wherever_it_is_cut_or_changed() {
    let content = format!("{HEADER}{TWO}");
    let whole = zip(&[("a.csv", content.as_bytes(), true), ("b.csv", content.as_bytes(), false)]);
    let contract = packed("zip");
    for cut in (0..whole.len()).step_by(7) {
        let outcome = scan_one(&contract, &whole[..cut]);
        assert_eq!(outcome.error().kind(), Kind::Data, "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x81;
        let outcome = scan_one(&contract, &damaged);
        match &outcome.result {
            // Some bytes mean nothing, such as versions and dates; no damage of the content goes through.
            Ok(report) => assert_eq!(report.rows_in, 4, "changed at {at}"),
            Err(error) => assert_eq!(error.kind(), Kind::Data, "changed at {at}: {error:?}"),
        }
    }
}

const UTF16: &str = "1,Ñandú 🦤,,1,2024,Y,A\r\n2,\"two\nlines\",,1,2024,Y,A\r\n";

pub(super) fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn utf_16_is_read_in_either_order_and_needs_its_mark() {
    let contract = with(HEADED, "utf-8", "utf-16");
    let text = format!("\u{feff}{HEADER}{UTF16}");
    for big in [true, false] {
        let bytes = utf16(&text, big);
        let outcome = scan_one(&contract, &bytes);
        let names: Vec<&str> = outcome.rows.iter().map(|row| row[1].as_str()).collect();
        assert_eq!(names, ["Ñandú 🦤", "two\nlines"]);
        for (wrong, said) in [
            (&bytes[2..], "no UTF-16 byte order mark"),
            (&bytes[..bytes.len() - 1], "in the middle of a UTF-16 character"),
        ] {
            let outcome = scan_one(&contract, wrong);
            assert_eq!(outcome.error().code(), "intake.encoding");
            assert!(outcome.error().to_string().contains(said), "{}", outcome.error());
        }
        let lone = utf16(&format!("\u{feff}{HEADER}1,"), big);
        let lone =
            [lone, utf16("a", big).into_iter().map(|byte| if byte == b'a' { 0 } else { 0xd8 }).collect()].concat();
        let lone = scan_one(&contract, [lone, utf16("b,,1,2024,Y,A\n", big)].concat());
        assert!(lone.error().to_string().contains("line 2 is not UTF-16"), "{}", lone.error());
    }
    let utf8 = scan_one(&contract, format!("{HEADER}{TWO}"));
    assert_eq!(utf8.error().code(), "intake.encoding");
}

#[test]
fn latin_1_is_read_and_windows_1252_in_it_is_found() {
    let contract = with(CARET, "windows-1252", "iso-8859-1");
    let outcome = scan_one(&contract, b"1^Ni\xf1o\xa0^\n2^\xc9mile^\n");
    assert_eq!(outcome.rows, [["1", "Niño\u{a0}"], ["2", "Émile"]]);
    let some = scan_one(&contract, b"1^Ni\xf1o^\n2^\xc9mile^\n3^\x93Zo\xeb\x94^\n4^\x81^\n");
    assert_eq!(some.rejects(), [(3, "", "encoding"), (4, "", "encoding")]);
    let all = scan_one(&contract, b"1^\x93Zo\xeb\x94^\n2^ok^\n");
    assert!(all.error().to_string().contains("it reads as windows-1252, first in line 1"), "{}", all.error());
    let utf8 = scan_one(&contract, "1^Niño^\n");
    assert!(utf8.error().to_string().contains("it reads as UTF-8, first in line 1"), "{}", utf8.error());
}

const TITLED: &str = r#"
id: titled
version: 1.0.0
partner: ct
title: Titles and two header rows
format: { type: delimited, delimiter: ",", header: true, quote: '"', title_rows: 3, header_rows: 2 }
encoding: utf-8
fields:
  - { name: district, column: District, type: string, required: true }
  - { name: code, column: District Code, type: string, clean: [unwrap_excel_formula] }
  - { name: count, column: Graduates / Count, type: integer, missing: { "*": suppressed, "N/A": none } }
  - { name: rate, column: Graduates / Rate, type: number }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn titles_are_passed_over_and_a_header_of_two_rows_names_columns_by_both() {
    let text = "\"Rates, 2014-15\"\r\n\"All \"\"districts\"\",\nall years\"\r\n\r\n\"\",,\"Graduates\",\r\n\
                \"District\",\"District Code\",\"Count\",\"Rate\"\r\n\"A\",\"=\"\"0020011\"\"\",21,85.7\r\n\"B\",\"1\",*,\r\n\"C\",\"1\",x,\r\n";
    let outcome = scan_one(&contract(TITLED), text);
    assert_eq!(outcome.rows, [["A", "0020011", "21", "85.7"], ["B", "1", "", ""]]);
    assert_eq!(outcome.rejects(), [(9, "Graduates / Count", "type")], "titles count as lines, and are no rows");
    assert_eq!(outcome.report().rows_in, 3);
    let short = with(TITLED, "title_rows: 3", "title_rows: 2");
    assert_eq!(scan_one(&short, text).error().code(), "intake.no_header");
    for cut in ["", "t\n", "t\nt\n\n", "t\nt\n\n,,,\n", "t\nt\n\n,,Graduates,\nDistrict,District Code,Count,Rate\n"] {
        assert_eq!(scan_one(&contract(TITLED), cut).error().code(), "intake.empty_extract", "{cut:?}");
    }
}

#[test]
fn one_of_several_columns_of_a_name_is_read_where_the_contract_says_which() {
    let yaml = HEADED.replace("column: NAME,", "column: NAME, occurrence: 2,");
    let text = "STUDENT_ID,NAME,NAME,BORN,UNITS,YEAR,FOSTER,BAND\n1,a,b,,1,2024,Y,A\n";
    assert_eq!(scan_one(&contract(&yaml), text).error().code(), "intake.extra_column");
    let dropping = contract(&yaml.replace("rules:", "extra_columns: drop\nrules:"));
    assert_eq!(scan_one(&dropping, text).rows[0][1], "b");
    let once = scan_one(&dropping, format!("{HEADER}{TWO}"));
    assert_eq!(once.error().code(), "intake.missing_column");
}

const COBOL: &str = r#"
id: cobol
version: 1.0.0
partner: cccco
title: COBOL pictures
format: { type: fixed_width, record_length: 31, title_rows: 1 }
encoding: us-ascii
fields:
  - { name: college, picture: X(3), type: string }
  - { name: id, picture: 9(6), type: string, required: true }
  - { name: units, picture: 99V99, type: number, maximum: 40 }
  - { name: balance, picture: S9(5)V99, type: number }
  - { name: change, picture: S9(3), type: integer }
  - { name: born, position: { start: 24 }, picture: 9(8), type: date, date_formats: [YYYYMMDD], missing: { "00000000": not known } }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn fixed_width_reads_cobol_pictures() {
    let lines = [
        ["TITLE", ", WITH", "", "", "", " COMMAS"],
        ["ABC", "000012", "1275", "012345{", "12A", "19990102"],
        ["ABC", "000013", "0000", "000001J", "00}", "00000000"],
        ["ABC", "000014", "    ", "0012345", "12L", "19990102"],
        ["ABC", " 00015", "1275", "012345{", "12A", "19990102"],
        ["ABC", "000016", "9999", "012345{", "12A", "19990102"],
        ["ABC", "000017", "1275", "0123 5{", "12A", "19990102"],
        ["ABC", "000018", "1275", "012345{", "12A", "1999010"],
    ];
    let outcome = scan_one(&contract(COBOL), lines.map(|line| line.concat()).join("\r\n"));
    let expected = [
        ["ABC", "000012", "12.75", "1234.5", "121", "1999-01-02"],
        ["ABC", "000013", "0.0", "-0.11", "0", ""],
        ["ABC", "000014", "", "123.45", "-123", "1999-01-02"],
    ];
    assert_eq!(outcome.rows, expected);
    let rejects = [(5, "id", "picture"), (6, "units", "range"), (7, "balance", "picture"), (8, "", "record_length")];
    assert_eq!(outcome.rejects(), rejects);
}

const JSON: &str = r#"
id: json
version: 1.0.0
partner: p
title: JSON lines
format: { type: json_lines }
encoding: utf-8
fields:
  - { name: id, type: string, required: true }
  - { name: units, type: number }
  - { name: foster, type: boolean, boolean_words: { "true": [Y], "false": [N] } }
  - { name: born, type: date, date_formats: [YYYY-MM-DD] }
  - { name: note, column: "Note \"n\"", type: string, missing: { "": nothing said } }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn json_lines_keep_digits_and_tell_null_from_blank() {
    let text = concat!(
        r#"{"id":"001","units":1.50,"foster":true,"born":"2008-02-29","Note \"n\"":"a\tb \u00f1 \ud83e\udda4"}"#,
        "\n",
        r#" { "id" : 12345678901234567890 , "units" : 1.5e2 , "foster" : "Y" , "Note \"n\"" : "" } "#,
        "\n",
        r#"{"id":"3","units":null,"foster":null}"#,
        "\r\n",
        r#"{"id":"4","units":"x"}"#,
        "\n",
        r#"{"id":["5"]}"#,
        "\n",
        r#"{"id":"6","id":"7"}"#,
        "\n",
        r#"{"id":"8","extra":{"a":[1,{"b":null}]}}"#,
        "\n",
        r#"{"id":"9""#,
        "\n",
        r#"{"id":1.5}"#,
        "\n\n",
        r#"{"id":"10","foster":1}"#,
        "\n",
        r#"{"units":1}"#,
    );
    let outcome = scan_one(&contract(JSON), text);
    assert_eq!(outcome.rows[0], ["001", "1.5", "true", "2008-02-29", "a\tb ñ 🦤"]);
    assert_eq!(outcome.rows[1], ["12345678901234567890", "150.0", "true", "", ""]);
    assert_eq!(outcome.rows[2], ["3", "", "", "", ""]);
    let expected = [
        (4, "units", "type"),
        (5, "id", "cell"),
        (6, "", "columns"),
        (7, "", "columns"),
        (8, "", "json"),
        (9, "id", "cell"),
        (10, "", "json"),
        (11, "foster", "type"),
        (12, "id", "required"),
    ];
    assert_eq!(outcome.rejects(), expected);
    assert_eq!(outcome.quarantined[5].record, br#"{"id":1.5}"#);
    let note = outcome.report().fields.iter().find(|book| book.field == "note").expect("a book");
    assert_eq!((note.missing[0].values, note.null), (1, 1));
    let dropping = contract(&JSON.replace("encoding:", "extra_columns: drop\nencoding:"));
    assert_eq!(scan_one(&dropping, r#"{"id":"8","extra":{"a":[1,{"b":null}]}}"#).rows.len(), 1);
    assert_eq!(scan_one(&contract(JSON), "id,units\n1,2\n").error().code(), "intake.json");
}

pub(super) const EXCEL: &str = r#"
id: excel
version: 1.0.0
partner: p
title: A workbook
format: { type: excel, sheet: Students, header: true, title_rows: 3, header_rows: 2 }
fields:
  - { name: code, column: Code, type: string, required: true }
  - { name: number, column: Number, type: string }
  - { name: born, column: Born, type: date, date_formats: [YYYYMMDD] }
  - { name: score, column: Results / Score, type: number }
  - { name: foster, column: Results / Foster, type: boolean }
  - { name: band, column: Band, type: string, missing: { "*": suppressed, "N/A": none } }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

#[test]
fn workbooks_are_read_cell_by_cell_with_the_types_of_their_cells() {
    for name in ["students.xlsx", "students.xls"] {
        let outcome = scan_one(&contract(EXCEL), fixture(name));
        let expected = [
            ["0020011", "1001", "2008-02-29", "85.7", "true", "10-20"],
            ["0020012", "1002", "1999-12-31", "100.0", "false", ""],
            ["0020017", "1007", "1900-01-31", "5.0", "false", "Muñoz – Zoë"],
        ];
        assert_eq!(outcome.rows, expected, "{name}");
        let rejects = [
            (8, "Number", "cell"), // digits that a spreadsheet has lost
            (9, "Band", "cell"),   // "10-20" that it made a day
            (10, "Results / Score", "type"),
            (11, "Code", "required"), // an empty row with rows behind it
            (12, "Born", "cell"),     // a time of day
        ];
        assert_eq!(outcome.rejects(), rejects, "{name}");
        let kept: Vec<Option<String>> = serde_json::from_slice(&outcome.quarantined[1].record).expect("a row");
        assert_eq!(kept[..3], [Some("0020014".to_owned()), Some("1004".to_owned()), Some("20100102".to_owned())]);
        let other = with(EXCEL, "sheet: Students", "sheet_number: 3");
        let error = scan_one(&other, fixture(name));
        assert_eq!(error.error().code(), "intake.sheet");
        assert!(error.error().hint().expect("a hint").contains("Notes, Students"));
        let first = with(EXCEL, "sheet: Students, ", "");
        assert!(scan_one(&first, fixture(name)).result.is_err());
    }
    let packed = with(EXCEL, "fields:", "compression: gzip\nfields:");
    assert_eq!(scan_one(&packed, gzip(&fixture("students.xlsx"))).rows.len(), 3);
    assert_eq!(scan_one(&contract(EXCEL), "Code,Number\n").error().code(), "intake.workbook");
}

#[test]
fn a_damaged_workbook_is_refused_and_never_panics() {
    for name in ["students.xlsx", "students.xls"] {
        let whole = fixture(name);
        for cut in (1..whole.len()).step_by(131) {
            let outcome = scan_one(&contract(EXCEL), &whole[..cut]);
            assert!(outcome.result.is_err() || name.ends_with("xls"), "{name} cut at {cut}");
        }
        for at in (0..whole.len()).step_by(61) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x24;
            let outcome = scan_one(&contract(EXCEL), &damaged);
            if let Ok(report) = &outcome.result {
                assert_eq!(report.rows_in, report.admitted + report.rejected);
            }
        }
    }
}

pub(super) const COLUMNAR: &str = r#"
id: columnar
version: 1.0.0
partner: p
title: Columns
format: { type: parquet }
extra_columns: drop
fields:
  - { name: id, type: string, required: true }
  - { name: number, type: string }
  - { name: born, type: date, date_formats: [YYYYMMDD] }
  - { name: score, type: number }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

pub(super) fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 5] = [
        ("score", Arc::new(Float64Array::from(vec![Some(85.7), None, Some(f64::NAN)]))),
        ("unread", Arc::new(StringArray::from(vec!["x", "y", "z"]))),
        ("id", Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("001"), Some("002"), Some("003")]))),
        ("born", Arc::new(TimestampSecondArray::from(vec![Some(951_782_400), None, Some(951_782_401)]))),
        ("number", Arc::new(Int64Array::from(vec![Some(12), Some(1_234_567_890_123_456_789), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).expect("a batch")
}

pub(super) fn parquet_file(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
    writer.write(batch).expect("a batch");
    writer.close().expect("a file");
    bytes
}

pub(super) fn arrow_file(batch: &RecordBatch, stream: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if stream {
        let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).expect("a writer");
        writer.write(batch).and_then(|()| writer.write(batch)).and_then(|()| writer.finish()).expect("a stream");
    } else {
        let mut writer = arrow::ipc::writer::FileWriter::try_new(&mut bytes, &batch.schema()).expect("a writer");
        writer.write(batch).and_then(|()| writer.finish()).expect("a file");
    }
    bytes
}

#[test]
fn parquet_and_arrow_are_read_by_the_names_of_their_columns() {
    let arrow = COLUMNAR.replace("parquet", "arrow_ipc");
    let batch = batch();
    let files = [
        (COLUMNAR, parquet_file(&batch)),
        (arrow.as_str(), arrow_file(&batch, false)),
        (arrow.as_str(), arrow_file(&batch, true)),
    ];
    for (at, (yaml, bytes)) in files.iter().enumerate() {
        let times = if at == 2 { 2 } else { 1 };
        let outcome = scan_one(&contract(yaml), bytes);
        assert!(outcome.result.is_ok(), "file {at}: {:?}", outcome.error());
        assert_eq!(outcome.rows[0], ["001", "12", "2000-02-29", "85.7"]);
        assert_eq!(outcome.rows[1], ["002", "1234567890123456789", "", ""]);
        assert_eq!((outcome.rows.len(), outcome.quarantined.len()), (2 * times, times));
        assert_eq!(outcome.rejects()[0], (3, "born", "cell"), "a time of day");
        assert_eq!(outcome.quarantined[0].record, br#"["003",null,"2000-02-29T00:00:01",""]"#);
        let refusing = contract(&yaml.replace("extra_columns: drop\n", ""));
        let error = scan_one(&refusing, bytes);
        assert_eq!(error.error().code(), "intake.extra_column", "{:?}", error.error());
        for cut in (1..bytes.len()).step_by(53) {
            let outcome = scan_one(&contract(yaml), &bytes[..cut]);
            if let Ok(report) = &outcome.result {
                assert_eq!(report.rows_in, report.admitted + report.rejected);
            }
            assert!(outcome.result.is_err() || at > 0, "cut at {cut}");
        }
    }
    assert_eq!(scan_one(&contract(COLUMNAR), "id,number\n").error().code(), "intake.damaged");
}
