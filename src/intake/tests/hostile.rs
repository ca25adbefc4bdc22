//! Files that say little and mean a lot: each is refused before it takes the memory, or the time, that it asks for.

use super::super::reader::xls_container;
use super::*;

const SHEET: &str = r#"
id: sheet
version: 1.0.0
partner: p
title: A sheet
format: { type: excel, header: false }
fields:
  - { name: id, type: string, required: true }
thresholds: { rejected: "100%", row_change: "25%" }
"#;

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
}

fn start(kind: u8) -> Vec<u8> {
    record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn number(row: u16, column: u16) -> Vec<u8> {
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
    record(0x0203, &[&place[..], &7.0_f64.to_le_bytes()].concat())
}

fn shared(row: u16, column: u16, text: u32) -> Vec<u8> {
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
    record(0x00fd, &[&place[..], &text.to_le_bytes()].concat())
}

/// A workbook with sheets of these records, and a shared text of `characters`.
fn xls(sheets: &[Vec<u8>], characters: u16) -> Vec<u8> {
    let text = [&[0; 8][..], &characters.to_le_bytes(), &[0], &vec![b'x'; usize::from(characters)]].concat();
    let strings = record(0x00fc, &text);
    let globals = start(5).len() + sheets.len() * 14 + strings.len() + 4;
    let mut stream = start(5);
    let mut at = globals;
    for (number, sheet) in sheets.iter().enumerate() {
        let name = [1, 0, b'a' + number as u8];
        stream.extend(record(0x0085, &[&(at as u32).to_le_bytes()[..], &[0, 0], &name, &[0]].concat()));
        at += start(16).len() + sheet.len() + 4;
    }
    stream.extend(strings);
    stream.extend(record(0x000a, &[]));
    for sheet in sheets {
        stream.extend([start(16), sheet.clone(), record(0x000a, &[])].concat());
    }
    xls_container(stream)
}

#[test]
fn a_small_xls_workbook_is_read() {
    let outcome = scan_one(&contract(SHEET), xls(&[[number(0, 0), shared(1, 0, 0)].concat()], 3));
    assert_eq!(outcome.rows, [["7"], ["xxx"]], "{:?}", outcome.result);
}

#[test]
fn sectors_that_lead_in_a_circle_are_damage() {
    let mut book = xls(&[number(0, 0)], 3);
    // The directory is followed by itself.
    book[2 * 4096..2 * 4096 + 4].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(scan_one(&contract(SHEET), book).error().code(), "intake.workbook");
}

#[test]
fn two_cells_far_apart_do_not_take_what_lies_between_them() {
    for (row, column) in [(65_535, 255), (255, 65_535), (65_535, 65_535)] {
        let outcome = scan_one(&contract(SHEET), xls(&[[number(0, 0), number(row, column)].concat()], 3));
        assert_eq!(outcome.error().code(), "intake.workbook_too_large");
        assert!(outcome.error().hint().expect("a hint").contains("delimited text or Parquet"));
    }
    let sheet = [number(0, 0), number(60_000, 99)].concat();
    let several = scan_one(&contract(SHEET), xls(&[sheet.clone(), sheet], 3));
    assert_eq!(several.error().code(), "intake.workbook_too_large", "all sheets are laid out");
}

/// Empty rows between others are rows, and rejects where something is required; not a million of them for two cells.
#[test]
fn a_cell_far_below_a_table_does_not_make_all_rows_between_rejects() {
    let outcome = scan_one(&contract(SHEET), xls(&[[number(0, 0), number(900, 0)].concat()], 3));
    assert_eq!((outcome.rows.len(), outcome.quarantined.len()), (2, 899));
    let outcome = scan_one(&contract(SHEET), xls(&[[number(0, 0), number(1, 0), number(30_000, 0)].concat()], 3));
    let error = outcome.error();
    assert_eq!(error.code(), "intake.empty_rows");
    assert!(error.to_string().contains("all from 3 to 30000 are empty, and row 30001 is not"), "{error}");
    assert!(error.hint().expect("a hint").contains("far below the table"));
}

#[test]
fn two_sheets_in_one_place_are_damage() {
    let mut book = xls(&[number(0, 0), number(1, 0)], 3);
    let sheets = 3 * 4096 + start(5).len();
    let first: [u8; 4] = book[sheets + 4..sheets + 8].try_into().expect("a place");
    book[sheets + 14 + 4..sheets + 14 + 8].copy_from_slice(&first);
    assert_eq!(scan_one(&contract(SHEET), book).error().code(), "intake.workbook");
}

#[test]
fn a_sheet_that_only_says_that_it_is_large_is_read() {
    let mut says = vec![0; 14];
    says[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    says[10..12].copy_from_slice(&0xff_u16.to_le_bytes());
    let outcome = scan_one(&contract(SHEET), xls(&[[record(0x0200, &says), number(0, 0)].concat()], 3));
    assert_eq!(outcome.rows, [["7"]], "{:?}", outcome.result);
}

#[test]
fn one_long_text_in_many_cells_is_too_large() {
    let cells: Vec<u8> = (0..4000).flat_map(|row| shared(row, 0, 0)).collect();
    assert_eq!(scan_one(&contract(SHEET), xls(&[cells], 60_000)).error().code(), "intake.workbook_too_large");
}

#[test]
fn a_batch_of_long_texts_is_full_before_it_has_all_its_rows() {
    let contract = contract(SHEET);
    let mut batch = super::super::batch::Batch::new(&contract, &["id"]).expect("a batch");
    let text = "x".repeat(1 << 20);
    let place = super::super::field::Cell::Text(super::super::field::Place::default());
    let mut rows = 1;
    while !batch.push(&[place], |_| &text).expect("a row") {
        rows += 1;
    }
    assert_eq!(rows, 32);
    assert_eq!(batch.take().expect("rows").expect("some").rows(), 32);
    assert!(!batch.push(&[place], |_| &text).expect("a row"), "the next one starts anew");
}

#[test]
fn a_page_that_asks_for_more_than_is_read_is_refused_before_it_gets_it() {
    use arrow::array::{ArrayRef, StringArray};
    let values: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["a", "b"]));
    let batch = arrow::record_batch::RecordBatch::try_from_iter([("id", values)]).expect("a batch");
    let mut bytes = super::formats::parquet_file(&batch);
    let parquet = contract(&SHEET.replace("{ type: excel, header: false }", "{ type: parquet }"));
    assert_eq!(scan_one(&parquet, &bytes).rows, [["a"], ["b"]]);
    // The first page stands behind the file's mark: a data page of 2^30 bytes, one byte once packed.
    let header = [0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x08, 0x15, 2, 0];
    bytes[4..4 + header.len()].copy_from_slice(&header);
    let outcome = scan_one(&parquet, &bytes);
    assert_eq!(outcome.error().code(), "intake.batch_too_large", "{:?}", outcome.error());
    assert!(outcome.error().to_string().contains("a page larger than 256 MiB"));
}
