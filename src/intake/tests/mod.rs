//! Each bad input that an extract can be, and the guarantees: books balance, nothing is quoted, nothing is guessed.

mod contracts;
mod formats;
mod hostile;
mod infer;
mod layouts;
mod messages;
mod quarantine;
mod random;
mod samples;
mod spill;
mod spread;

use std::io::Write;
use std::sync::Mutex;

use arrow::util::display::array_value_to_string;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::reader::{Reader, Record};
use super::*;
use crate::error::{Error, Kind, Result};
use crate::storage::Store;
use crate::workspace::{Contract, Pick, Source};

const HEADED: &str = r#"
id: students
version: 1.0.0
partner: lausd
title: Students
format: { type: delimited, delimiter: ",", header: true, quote: '"' }
encoding: utf-8
fields:
  - { name: id, column: STUDENT_ID, type: string, required: true, clean: [trim, unwrap_excel_formula], normalise: digits,
      placeholders: { values: ["0000000000"], action: reject } }
  - { name: name, column: NAME, type: string, clean: [trim] }
  - { name: born, column: BORN, type: date, date_formats: [YYYYMMDD, MM/DD/YYYY], missing: { "00000000": not known } }
  - { name: units, column: UNITS, type: number, minimum: 0, maximum: 40, missing: { "*": suppressed, "": not taken } }
  - { name: year, column: YEAR, type: integer, replace: { "2O24": "2024" } }
  - { name: foster, column: FOSTER, type: boolean, boolean_words: { "true": [Y], "false": [N] } }
  - { name: band, column: BAND, type: string, allowed: { A: first, B: second } }
rules:
  - { type: unique, fields: [id] }
thresholds: { rejected: "100%", row_change: "25%" }
"#;
const HEADER: &str = "STUDENT_ID,NAME,BORN,UNITS,YEAR,FOSTER,BAND\n";

const FIXED: &str = r#"
id: fixed
version: 1.0.0
partner: csu
title: Fixed width
format: { type: fixed_width, record_length: 16 }
encoding: windows-1252
fields:
  - { name: id, position: { start: 1, length: 4 }, type: string, required: true }
  - { name: name, position: { start: 5, length: 6 }, type: string, clean: [trim] }
  - { name: gpa, position: { start: 11, length: 3 }, type: number, implied_decimals: 2, missing: { "999": not known } }
  - { name: county, position: { start: 14, length: 3 }, type: string }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

const CARET: &str = r#"
id: caret
version: 1.0.0
partner: lausd
title: Caret, no header
format: { type: delimited, delimiter: "^", header: false, trailing_delimiter: true }
encoding: windows-1252
fields:
  - { name: id, type: string, required: true }
  - { name: name, type: string }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

fn read_all(contract: &Contract, bytes: &[u8]) -> Result<()> {
    let layout = super::layout::Layout::all(contract)?.remove(0);
    let mut reader = Reader::new(&layout, "a")?;
    reader.push(&layout, bytes, &mut |_| Ok(()))?;
    reader.finish(&layout, &mut |_| Ok(()))
}

fn clock() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn contract(yaml: &str) -> Contract {
    serde_saphyr::from_str(yaml).expect("a contract")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

/// What a scan gave.
struct Outcome {
    result: Result<IntakeReport>,
    rows: Vec<Vec<String>>,
    quarantined: Vec<QuarantinedRow>,
    sink_batches: Vec<usize>,
}

impl Outcome {
    fn report(&self) -> &IntakeReport {
        self.result.as_ref().expect("a report")
    }
    fn error(&self) -> &Error {
        self.result.as_ref().expect_err("an error")
    }
    /// Line, column, rule.
    fn rejects(&self) -> Vec<(u64, &str, &str)> {
        assert!(self.quarantined.iter().all(|row| advice(&row.rule).is_some()), "each rule says what to do");
        self.quarantined.iter().map(|row| (row.line, row.column.as_deref().unwrap_or(""), row.rule.as_str())).collect()
    }
}

fn scan_files(contract: &Contract, files: &[(&str, &[u8])]) -> Outcome {
    scan_with(contract, files, &mut References::of([contract]))
}

fn scan_with(contract: &Contract, files: &[(&str, &[u8])], references: &mut References) -> Outcome {
    scan_spread(contract, files, references, Resolutions::default(), Spread::over(2))
}

/// The same with what was decided about rows before.
fn scan_resolved(
    contract: &Contract,
    files: &[(&str, &[u8])],
    references: &mut References,
    resolutions: Resolutions,
) -> Outcome {
    scan_spread(contract, files, references, resolutions, Spread::over(2))
}

fn scan_spread(
    contract: &Contract,
    files: &[(&str, &[u8])],
    references: &mut References,
    resolutions: Resolutions,
    spread: Spread,
) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_folder(folder.path(), clock).expect("a store");
    let identity = age::x25519::Identity::generate();
    let wanted: Vec<&str> = contract.fields.iter().map(|field| field.name.as_str()).collect();
    let rows = Mutex::new((Vec::new(), Vec::new()));
    let result = run(async {
        for (path, bytes) in files {
            store.put(path, bytes.to_vec()).await.expect("put");
        }
        let source = Source { contract: contract.id.clone(), from: "in/*".into(), pick: Pick::All };
        let today = jiff::civil::Date::constant(2026, 6, 1);
        let deliveries = discover(&store, &source, "students", contract, today).await?.deliveries;
        let mut quarantine =
            Quarantine::create(&store, "quarantine/q.age", identity.to_public()).await?.with_resolutions(resolutions);
        let mut sink = |typed: TypedRows| {
            let mut rows = rows.lock().expect("rows");
            rows.1.push(typed.rows());
            for row in 0..typed.rows() {
                let cell = |column| array_value_to_string(column, row).expect("a value");
                rows.0.push(typed.batch().columns().iter().map(|column| cell(column)).collect());
            }
            Ok(())
        };
        let scanned = scan(
            &store,
            "students",
            &deliveries,
            contract,
            &wanted,
            references,
            &mut quarantine,
            &mut sink,
            &|_| {},
            spread,
        );
        is_send(scanned).await
    });
    let sealed = std::fs::read(folder.path().join("quarantine/q.age")).ok();
    let quarantined =
        sealed.map(|bytes| open_quarantine(&bytes, &identity).expect("the quarantine")).unwrap_or_default();
    let (rows, sink_batches) = rows.into_inner().expect("rows");
    Outcome { result, rows, quarantined, sink_batches }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

fn scan_one(contract: &Contract, bytes: impl AsRef<[u8]>) -> Outcome {
    scan_files(contract, &[("in/a.csv", bytes.as_ref())])
}

fn headed(rows: &str) -> Outcome {
    scan_one(&contract(HEADED), format!("{HEADER}{rows}"))
}

#[test]
fn values_are_read_as_the_contract_says() {
    let outcome = headed(
        "=\"0020011\", Ana ,19990102,1.5,2024,Y,A\n7,,01/31/2000,*,2O24,N,B\r\n8,\"O\"\"Neil, J\",00000000,,,,\n",
    );
    assert_eq!(outcome.rows[0], ["0020011", "Ana", "1999-01-02", "1.5", "2024", "true", "A"]);
    assert_eq!(outcome.rows[1], ["7", "", "2000-01-31", "", "2024", "false", "B"]);
    assert_eq!(outcome.rows[2], ["8", "O\"Neil, J", "", "", "", "", ""]);
    let report = outcome.report();
    assert_eq!((report.rows_in, report.admitted, report.rejected), (3, 3, 0));
    let book = |name: &str| report.fields.iter().find(|book| book.field == name).expect("a book");
    assert_eq!((book("id").unwrapped, book("name").trimmed, book("year").replaced[0].values), (1, 1, 1));
    let units: Vec<_> = book("units").missing.iter().map(|word| (word.meaning.as_str(), word.values)).collect();
    assert_eq!(units, [("suppressed", 1), ("not taken", 1)]);
    assert_eq!((book("born").missing[0].values, book("year").blank), (1, 1));
    assert!(outcome.quarantined.is_empty());
}

#[test]
fn each_rule_rejects_its_row_with_line_and_column() {
    let outcome = headed(concat!(
        "1,a,19990102,1,2024,Y,A\n",        // 2
        ",a,19990102,1,2024,Y,A\n",         // 3
        "000-000-0000,a,,1,2024,Y,A\n",     // 4
        "2,\"a\nb\",19990231,1,2024,Y,A\n", // 5, 6
        "3,a,,41,2024,Y,A\n",               // 7
        "4,a,,x,2024,Y,A\n",                // 8
        "5,a,,1,20.24,Y,A\n",               // 9
        "6,a,,1,2024,yes,A\n",              // 10
        "7,a,,1,2024,Y,C\n",                // 11
        "8,a,,1,2024,Y\n",                  // 12
        "9,\"a\"b,,1,2024,Y,A\n",           // 13
        "\n",                               // 14
        "1,a,19990102,1.0,2024,Y,A\n",      // 15
        "1,b,19990102,1,2024,Y,A\n\n\n",    // 16
    ));
    let expected = [
        (3, "STUDENT_ID", "required"),
        (4, "STUDENT_ID", "placeholder"),
        (5, "BORN", "type"),
        (7, "UNITS", "range"),
        (8, "UNITS", "type"),
        (9, "YEAR", "type"),
        (10, "FOSTER", "type"),
        (11, "BAND", "allowed"),
        (12, "", "columns"),
        (13, "", "quote"),
        (14, "", "columns"),
        (15, "", "duplicate"),
        (16, "", "conflict"),
    ];
    assert_eq!(outcome.rejects(), expected);
    assert_eq!(outcome.quarantined[2].record, b"2,\"a\nb\",19990231,1,2024,Y,A");
    assert_eq!((outcome.report().rows_in, outcome.report().admitted, outcome.report().rejected), (14, 1, 13));
    assert_eq!(outcome.report().rejects.iter().map(|one| one.rows).sum::<u64>(), 13);
}

#[test]
fn no_reason_and_no_debug_output_quotes_a_value() {
    let outcome = headed("SECRET1,SECRET2,SECRET3,SECRET4,SECRET5,SECRET6,SECRET7\n1,a,,1,2024,Y,SECRET8\n2,SECRET9\n");
    assert_eq!(outcome.quarantined.len(), 3);
    for row in &outcome.quarantined {
        assert!(!row.reason.contains("SECRET") && !format!("{row:?}").contains("SECRET"), "{}", row.reason);
    }
    assert_eq!(format!("{:?}", outcome.report()), "IntakeReport(..)");
    let bytes = format!("{HEADER}\u{ff}SECRET,a,,,,,\n");
    let mut latin = bytes.into_bytes();
    latin.retain(|&byte| byte != 0xc3);
    let error = scan_one(&contract(HEADED), latin);
    assert!(!format!("{:?}", error.error()).contains("SECRET"));
}

#[test]
fn header_columns_may_stand_in_any_order_behind_a_mark() {
    let text = "\u{feff}\"BAND\",FOSTER,YEAR,UNITS,BORN,NAME,STUDENT_ID\nA,Y,2024,1,,Ñandú,1\n";
    let outcome = scan_one(&contract(HEADED), text);
    assert_eq!(outcome.rows, [["1", "Ñandú", "", "1.0", "2024", "true", "A"]]);
}

#[test]
fn a_missing_column_refuses_the_delivery_and_names_the_nearest() {
    let outcome = scan_one(&contract(HEADED), "STUDENT_ID,NAME,BORN,UNIT,YEAR,FOSTER,BAND\n1,a,,1,2024,Y,A\n");
    let error = outcome.error();
    assert_eq!((error.code(), error.kind()), ("intake.missing_column", Kind::Data));
    assert!(error.to_string().contains("`UNITS`") && error.hint().expect("a hint").contains("`UNIT`"), "{error:?}");
    assert!(outcome.rows.is_empty());
}

#[test]
fn an_extra_column_refuses_the_delivery_or_is_dropped_unread() {
    let text = "STUDENT_ID,NAME,BORN,UNITS,EXTRA,YEAR,FOSTER,BAND\n1,a,,1,zzz,2024,Y,A\n";
    let error = scan_one(&contract(HEADED), text);
    assert_eq!(error.error().code(), "intake.extra_column");
    assert!(error.error().to_string().contains("`EXTRA`"));
    let dropping = contract(&HEADED.replace("rules:", "extra_columns: drop\nrules:"));
    assert_eq!(scan_one(&dropping, text).rows, [["1", "a", "", "1.0", "2024", "true", "A"]]);
}

#[test]
fn a_column_named_twice_and_a_missing_header_refuse_the_delivery() {
    let twice = scan_one(&contract(HEADED), "STUDENT_ID,NAME,NAME,BORN,UNITS,YEAR,FOSTER,BAND\n");
    assert_eq!(twice.error().code(), "intake.duplicate_column");
    let none = scan_one(&contract(HEADED), "1,MARTINEZ,19990101,1,2024,Y,A\n2,LOPEZ,,1,2024,Y,A\n");
    assert_eq!(none.error().code(), "intake.no_header");
    assert!(!format!("{:?}", none.error()).contains("MARTINEZ"), "a row is never quoted");
}

#[test]
fn an_empty_file_and_a_header_alone_are_refused() {
    for text in ["", "\n\n", "\u{feff}", HEADER] {
        let error = scan_one(&contract(HEADED), text);
        assert_eq!((error.error().code(), error.error().kind()), ("intake.empty_extract", Kind::Data), "{text:?}");
    }
    let packed = contract(&HEADED.replace("encoding: utf-8", "encoding: utf-8\ncompression: gzip"));
    assert_eq!(scan_one(&packed, gzip(b"")).error().code(), "intake.empty_extract");
    assert_eq!(scan_one(&packed, b"").error().code(), "intake.empty_extract");
}

#[test]
fn a_wrong_encoding_is_found() {
    let row = |name: &[u8]| [HEADER.as_bytes(), b"1,ok,,1,2024,Y,A\n2,", name, b",,1,2024,Y,A\n"].concat();
    let declared = |encoding: &str| contract(&HEADED.replace("utf-8", encoding));
    let utf8 = scan_one(&declared("utf-8"), row(b"Ni\xf1o"));
    assert_eq!(utf8.error().code(), "intake.encoding");
    assert!(utf8.error().to_string().contains("line 3 is not UTF-8"), "{}", utf8.error());
    let like_utf8 = scan_one(&declared("windows-1252"), row("Niño".as_bytes()));
    assert_eq!(like_utf8.error().code(), "intake.encoding");
    assert!(like_utf8.error().to_string().contains("reads as UTF-8, first in line 3"), "{}", like_utf8.error());
    let mark = scan_one(&declared("windows-1252"), [b"\xef\xbb\xbf", HEADER.as_bytes(), b"1,a,,1,2024,Y,A\n"].concat());
    assert!(mark.error().to_string().contains("byte order mark"), "{}", mark.error());
    let ascii = scan_one(&declared("us-ascii"), row(b"Ni\xf1o"));
    assert!(ascii.error().to_string().contains("line 3 has other than ASCII"), "{}", ascii.error());
    let utf16: Vec<u8> = format!("\u{feff}{HEADER}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for encoding in ["utf-8", "windows-1252", "us-ascii"] {
        assert_eq!(scan_one(&declared(encoding), &utf16).error().code(), "intake.encoding");
        assert_eq!(scan_one(&declared(encoding), &utf16[2..]).error().code(), "intake.encoding", "without a mark");
    }
}

#[test]
fn windows_1252_names_come_out_as_they_are_meant() {
    let bytes = b"1^Ni\xf1os\x96Mu\xf1oz^\r\n2^\x93Zo\xeb\x94^\r\n";
    let outcome = scan_one(&contract(CARET), bytes);
    assert_eq!(outcome.rows, [["1", "Niños–Muñoz"], ["2", "“Zoë”"]]);
    let mixed = scan_one(&contract(CARET), b"1^Ni\xf1o^\n2^Ni\xc3\xb1o^\n3^\xe9\x81^\n4^\xe9^\n");
    assert_eq!(mixed.rejects(), [(2, "", "encoding"), (3, "", "encoding")], "mojibake is not passed on");
    assert_eq!(mixed.quarantined[0].record, b"2^Ni\xc3\xb1o^");
}

#[test]
fn a_trailing_delimiter_is_asked_for() {
    let outcome = scan_one(&contract(CARET), "1^a^\n2^b\n3^^\n4^b^c^\n");
    assert_eq!(outcome.rows, [["1", "a"], ["3", ""]]);
    assert_eq!(outcome.rejects(), [(2, "", "columns"), (4, "", "columns")]);
    assert_eq!(scan_one(&contract(CARET), "1^a^b^\n").error().code(), "intake.column_count");
}

#[test]
fn fixed_width_counts_characters() {
    let outcome = scan_one(&contract(FIXED), b"0001Ni\xf1o  312 19\r\n0002Ana   999   \r\n0003Ana   31\r\n");
    assert_eq!(outcome.rows, [["0001", "Niño", "3.12", " 19"], ["0002", "Ana", "", ""]]);
    assert_eq!(outcome.rejects(), [(3, "", "record_length")]);
    assert_eq!(outcome.quarantined[0].reason, "the line has 12 characters instead of 16");
    let drift = scan_one(&contract(FIXED), "0001Ana   312 190\n");
    assert_eq!(drift.error().code(), "intake.record_length");
    let wide = contract(&FIXED.replace("windows-1252", "utf-8"));
    assert_eq!(scan_one(&wide, "0001Niño  312 19\n").rows, [["0001", "Niño", "3.12", " 19"]]);
}

#[test]
fn line_ends_may_be_any_and_the_last_may_be_missing() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("1^a^{end}2^b^{end}{end}3^c^");
        let outcome = scan_one(&contract(CARET), &text);
        assert_eq!(outcome.rows, [["1", "a"], ["2", "b"], ["3", "c"]], "{end:?}");
        assert_eq!(outcome.rejects(), [(3, "", "columns")], "an empty line in the middle is a row");
    }
}

#[test]
fn gzip_is_unpacked_and_several_members_are_one_file() {
    let packed = contract(&HEADED.replace("encoding: utf-8", "encoding: utf-8\ncompression: gzip"));
    let two = [gzip(HEADER.as_bytes()), gzip(b"1,a,,1,2024,Y,A\n2,b,,"), gzip(b"1,2024,Y,A\n")].concat();
    assert_eq!(scan_one(&packed, two).rows.len(), 2);
    assert_eq!(scan_one(&packed, HEADER).error().code(), "intake.compression");
    let plain = scan_one(&contract(HEADED), gzip(HEADER.as_bytes()));
    assert_eq!(plain.error().code(), "intake.compression");
}

#[test]
fn a_truncated_gzip_is_an_error_wherever_it_is_cut() {
    let packed = contract(&CARET.replace("encoding: windows-1252", "encoding: windows-1252\ncompression: gzip"));
    let first = gzip("1^a^\n2^b^\n".repeat(20).as_bytes());
    let whole = [first.clone(), gzip(b"3^c^\n")].concat();
    // Between two members the file is whole as far as anyone can tell.
    for cut in (3..whole.len()).filter(|cut| *cut != first.len()) {
        let ended = read_all(&packed, &whole[..cut]);
        let error = ended.expect_err("truncated");
        assert!(["intake.truncated", "intake.damaged"].contains(&error.code()), "cut at {cut} of {}", whole.len());
        assert!(error.to_string().contains("truncated") && error.kind() == Kind::Data, "{error:?}");
    }
    let mut damaged = whole.clone();
    let middle = first.len() / 2;
    damaged[middle] ^= 0x55;
    assert!(read_all(&packed, &damaged).is_err());
}

#[test]
fn a_record_without_end_is_refused_before_it_fills_the_memory() {
    let text = format!("{HEADER}1,\"{}", "x".repeat(3 << 20));
    let outcome = scan_one(&contract(HEADED), text);
    assert_eq!(outcome.error().code(), "intake.record_too_long");
    assert!(outcome.error().to_string().contains("line 2"), "{}", outcome.error());
}

#[test]
fn a_quote_that_is_never_closed_is_a_reject() {
    let outcome = headed("1,a,,1,2024,Y,A\n2,\"b,,1,2024,Y,A\n");
    assert_eq!(outcome.rejects(), [(3, "", "quote")]);
    assert_eq!(outcome.report().admitted, 1);
}

#[test]
fn above_the_threshold_the_source_is_refused_and_the_quarantine_is_there() {
    let strict = contract(&HEADED.replace("rejected: \"100%\"", "rejected: \"1%\""));
    let rows: String = (0..99).map(|n| format!("{n},a,,1,2024,Y,A\n")).collect();
    assert_eq!(scan_one(&strict, format!("{HEADER}{rows}x,a,,1,2024,Y,Z\n")).report().rejected, 1, "1% is within 1%");
    let outcome = scan_one(&strict, format!("{HEADER}{rows}x,a,,1,2024,Y,Z\ny,a,,1,2024,Y,Z\n"));
    let error = outcome.error();
    assert_eq!((error.code(), error.kind()), ("intake.too_many_rejects", Kind::Data));
    assert!(error.to_string().contains("2.0% of its rows") && error.to_string().contains("limit is 1%"), "{error}");
    assert!(error.hint().expect("a hint").contains("quarantine/q.age"));
    assert_eq!(outcome.quarantined.len(), 2);
}

#[test]
fn a_change_in_the_number_of_rows_is_refused_above_its_limit() {
    let contract = contract(HEADED);
    let check = |now, last| check_row_change(&contract, "students", now, last);
    assert!(check(125, Some(100)).is_ok() && check(75, Some(100)).is_ok() && check(9, None).is_ok());
    let error = check(200, Some(100)).expect_err("twice as large");
    assert_eq!((error.code(), error.kind()), ("intake.row_change", Kind::Data));
    assert!(error.to_string().contains("100% more rows"), "{error}");
    assert!(check(74, Some(100)).expect_err("fewer").to_string().contains("26% fewer"));
}

#[test]
fn a_second_delivery_of_the_same_bytes_is_read_once() {
    let one = format!("{HEADER}1,a,,1,2024,Y,A\n");
    let other = format!("{HEADER}1,b,,1,2024,Y,A\n2,b,,1,2024,Y,A\n");
    let files: [(&str, &[u8]); 3] =
        [("in/a_2.csv", one.as_bytes()), ("in/a_10.csv", one.as_bytes()), ("in/a_3.csv", other.as_bytes())];
    let outcome = scan_files(&contract(HEADED), &files);
    let report = outcome.report();
    let read: Vec<_> =
        report.deliveries.iter().map(|one| (one.path.as_str(), one.rows_in, one.duplicates.len())).collect();
    assert_eq!(read, [("in/a_2.csv", 1, 1), ("in/a_3.csv", 2, 0)]);
    assert_eq!(outcome.rejects(), [(2, "", "conflict")], "rules hold over all deliveries of a source");
    assert_eq!(outcome.quarantined[0].delivery, "in/a_3.csv");
}

#[test]
fn the_newest_is_last_by_name_and_what_equals_it_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_folder(folder.path(), clock).expect("a store");
    run(async {
        for (path, text) in
            [("p/x_9.csv", "same"), ("p/x_10.csv", "same"), ("p/x_8.csv", "else"), ("p/y_99.csv", "same")]
        {
            store.put(path, text).await.expect("put");
        }
        let source = |from: &str, pick| Source { contract: "c".into(), from: from.into(), pick };
        let (terms, today) = (contract(HEADED), jiff::civil::Date::constant(2026, 6, 1));
        let newest =
            discover(&store, &source("p/x_*.csv", Pick::Newest), "s", &terms, today).await.expect("one").deliveries;
        assert_eq!(newest.len(), 1);
        assert_eq!(
            (newest[0].path.as_str(), newest[0].duplicates.clone()),
            ("p/x_10.csv", vec!["p/x_9.csv".to_owned()])
        );
        assert_eq!((newest[0].size, newest[0].digest.len()), (4, 64));
        let all = discover(&store, &source("p/x_*.csv", Pick::All), "s", &terms, today).await.expect("all").deliveries;
        assert_eq!(all.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["p/x_8.csv", "p/x_9.csv"]);
        let error = discover(&store, &source("p/x_*.txt", Pick::All), "grads", &terms, today).await.expect_err("none");
        assert_eq!((error.code(), error.kind()), ("intake.no_extract", Kind::Data));
        assert!(error.to_string().contains("p/x_*.txt") && error.hint().expect("a hint").contains("p/x_"), "{error:?}");
        let nowhere = discover(&store, &source("q/*.txt", Pick::All), "grads", &terms, today).await.expect_err("none");
        assert!(nowhere.hint().expect("a hint").contains("nothing is in q"), "{nowhere:?}");
    });
}

#[test]
fn a_quarantine_opens_with_its_own_key_only_and_goes_when_nothing_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_folder(folder.path(), clock).expect("a store");
    let identity = age::x25519::Identity::generate();
    run(async {
        let mut quarantine = Quarantine::create(&store, "q.age", identity.to_public()).await.expect("a quarantine");
        let mut lines = Vec::new();
        let entry = super::quarantine::Entry {
            source: "s",
            delivery: "d",
            line: 7,
            column: Some("c"),
            rule: "type",
            reason: "r",
            record: b"MARTINEZ\xff",
            form: super::quarantine::Form::Text,
            kinds: "",
        };
        entry.write(&mut lines).expect("a line");
        quarantine.add(&mut lines).await.expect("add");
        assert!(store.list("").await.expect("list").is_empty(), "not there before it is whole");
        quarantine.finish().await.expect("finish");
        let bytes = store.read("q.age").await.expect("read");
        assert!(!bytes.windows(8).any(|window| window == b"MARTINEZ" || window == b"TUFSVElO"));
        let rows = open_quarantine(&bytes, &identity).expect("its own key");
        assert_eq!((rows[0].line, rows[0].record.as_slice()), (7, b"MARTINEZ\xff".as_slice()));
        assert!(open_quarantine(&bytes, &age::x25519::Identity::generate()).is_err());
        assert!(open_quarantine(&bytes[..bytes.len() - 1], &identity).is_err(), "truncated");
        let mut empty = Quarantine::create(&store, "q.age", identity.to_public()).await.expect("a quarantine");
        empty.finish().await.expect("finish");
        assert!(store.list("").await.expect("list").is_empty());
    });
}

#[test]
fn batches_hold_8192_rows_and_order_is_kept() {
    let rows: String = (0..20_000).map(|n| format!("{n},a,,1,2024,Y,A\n")).collect();
    let outcome = headed(&rows);
    assert_eq!(outcome.sink_batches, [8192, 8192, 3616]);
    assert!(outcome.rows.iter().enumerate().all(|(n, row)| row[0] == n.to_string()));
}

/// Line, raw bytes, fields and fault of each record, read in pieces of the given sizes.
type Seen = Vec<(u64, Vec<u8>, Vec<String>, Option<&'static str>)>;

fn records(
    contract: &Contract,
    bytes: &[u8],
    mut size: impl FnMut() -> usize,
) -> std::result::Result<Seen, &'static str> {
    let layout = super::layout::Layout::all(contract).map_err(|error| error.code())?.remove(0);
    let mut reader = Reader::new(&layout, "a").map_err(|error| error.code())?;
    let mut seen = Vec::new();
    let mut each = |record: &Record<'_>| {
        let fields = record.spans.iter().map(|span| record.text[span.start as usize..span.end as usize].to_owned());
        seen.push((
            record.line,
            record.kept().into_owned(),
            fields.collect(),
            record.fault.as_ref().map(|fault| fault.rule),
        ));
        Ok(())
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
        reader.push(&layout, piece, &mut each).map_err(|error| error.code())?;
        rest = after;
    }
    reader.finish(&layout, &mut each).map_err(|error| error.code())?;
    Ok(seen)
}

fn valid_rows() -> String {
    let names = ["Ana", "\"O\"\"Neil, J\"", "\"two\nlines\"", "Ñandú", ""];
    (0..40).map(|n| format!("{n},{},19990102,1.5,2024,Y,A\r\n", names[n % 5])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn damage_of_a_valid_file_never_panics_and_books_balance(
        edits in prop::collection::vec((0.0..1.0_f64, any::<u8>(), 0..4_u8), 1..12),
    ) {
        let mut bytes = format!("{HEADER}{}", valid_rows()).into_bytes();
        for (place, byte, how) in edits {
            let at = (place * bytes.len() as f64) as usize;
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"\",\n\r"[usize::from(byte % 4)],
            }
        }
        for encoding in ["utf-8", "windows-1252"] {
            let outcome = scan_one(&contract(&HEADED.replace("utf-8", encoding)), &bytes);
            match &outcome.result {
                Ok(report) => {
                    prop_assert_eq!(report.rows_in, report.admitted + report.rejected);
                    prop_assert_eq!(report.admitted as usize, outcome.rows.len());
                    prop_assert_eq!(report.rejected as usize, outcome.quarantined.len());
                }
                Err(error) => prop_assert_eq!(error.kind(), Kind::Data, "{:?}", error),
            }
        }
    }

    #[test]
    fn any_bytes_in_any_layout_end_without_a_panic(bytes in prop::collection::vec(prop::sample::select(b"\"\n\r,^ a1\xf1\xc3\xb1\x00\x1f\x8b".to_vec()), 0..200)) {
        for yaml in [HEADED, FIXED, CARET] {
            let outcome = records(&contract(yaml), &bytes, || 7);
            if let Ok(seen) = outcome {
                // Every byte but line ends and a mark is in exactly one record.
                let kept: usize = seen.iter().map(|(_, raw, _, _)| raw.iter().filter(|byte| !b"\r\n".contains(byte)).count()).sum();
                prop_assert_eq!(kept, bytes.iter().filter(|byte| !b"\r\n".contains(byte)).count());
            }
        }
    }

    #[test]
    fn records_do_not_depend_on_where_the_bytes_are_cut(
        bytes in prop::collection::vec(prop::sample::select(b"\"\"\n\r,,abc".to_vec()), 0..120),
        sizes in prop::collection::vec(1..9_usize, 1..9),
    ) {
        let text = format!("{HEADER}{}", valid_rows());
        let long = [text.as_bytes(), &bytes].concat().repeat(3);
        let mut at = 0;
        let pieces = || { at += 1; sizes[at % sizes.len()] };
        let contract = contract(HEADED);
        prop_assert_eq!(records(&contract, &long, pieces), records(&contract, &long, || usize::MAX));
        prop_assert_eq!(records(&contract, &bytes, || 1), records(&contract, &bytes, || usize::MAX));
    }
}
