//! Small files that stand for very large ones. Each is read with less memory than it asks for: a process that takes more
//! is ended by the system, and does not get to its refusal.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::record_batch::RecordBatch;

/// What the process may take, code and stacks among it, in KiB.
const ROOM: usize = 640 << 10;

/// Tries a contract on a file; how it exits, and what it says.
fn tried(contract: &str, bytes: &[u8]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, yaml) = (folder.path().join("bomb"), folder.path().join("contract.yaml"));
    std::fs::write(&file, bytes).unwrap();
    std::fs::write(&yaml, contract).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {ROOM} && exec \"$@\""), "sh", env!("CARGO_BIN_EXE_accord")]);
    command.args(["contract", "check"]).arg(&file).arg("--contract").arg(&yaml);
    // Room that threads of their own set aside is not room that is taken.
    command.env("MALLOC_ARENA_MAX", "1").env("TOKIO_WORKER_THREADS", "2");
    let output = command.output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn refused(contract: &str, bytes: &[u8], code: &str) {
    let (exit, said) = tried(contract, bytes);
    assert!(exit == 4 && said.contains(&format!("[{code}]")) && said.contains("hint:"), "exit {exit}:\n{said}");
}

fn contract(format: &str, more: &str) -> String {
    let fields = "fields:\n  - { name: id, column: ID, type: string, required: true }\n";
    let head = format!("id: c\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {format}\n{more}\n");
    format!("{head}{fields}thresholds: {{ rejected: 100%, row_change: 25% }}\n")
}

fn delimited(compression: &str) -> String {
    let more = format!("encoding: utf-8\ncompression: {compression}");
    contract(r#"{ type: delimited, delimiter: ",", header: true }"#, &more)
}

fn zstd(pieces: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    pieces.for_each(|piece| encoder.write_all(&piece).unwrap());
    encoder.finish().unwrap()
}

/// Deflated bytes, how many they were, and their checksum.
type Packed = (Vec<u8>, u32, u32);

fn deflated(pieces: impl Iterator<Item = Vec<u8>>) -> Packed {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let (mut crc, mut length) = (flate2::Crc::new(), 0);
    for piece in pieces {
        crc.update(&piece);
        length += piece.len() as u32;
        encoder.write_all(&piece).unwrap();
    }
    (encoder.finish().unwrap(), length, crc.sum())
}

/// An archive of deflated files.
fn archive(files: Vec<(&str, Packed)>) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let count = files.len() as u16;
    for (name, (packed, length, crc)) in files {
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        for number in [crc, packed.len() as u32, length] {
            common.extend(number.to_le_bytes());
        }
        common.extend([(name.len() as u16).to_le_bytes(), [0, 0]].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &(bytes.len() as u32).to_le_bytes()].concat());
        directory.extend(name.as_bytes());
        bytes.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), &packed].concat());
    }
    let start = bytes.len() as u32;
    let end = [&count.to_le_bytes()[..], &count.to_le_bytes(), &(directory.len() as u32).to_le_bytes()].concat();
    bytes.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &end, &start.to_le_bytes(), &[0, 0]].concat());
    bytes
}

fn repeated(piece: &'static [u8], times: usize) -> impl Iterator<Item = Vec<u8>> {
    let block = piece.repeat((1 << 20) / piece.len());
    std::iter::repeat_n(block, times)
}

#[test]
fn rows_that_are_none_do_not_pile_up_before_they_are_written() {
    let lines =
        || std::iter::once(b"ID\n1\n".to_vec()).chain(repeated(b"\n", 6)).chain(std::iter::once(b"2\n".to_vec()));
    refused(&delimited("zstd"), &zstd(lines()), "intake.too_many_rejects");
}

#[test]
fn a_line_without_an_end_is_refused_however_it_is_packed() {
    let line = || std::iter::once(b"ID\n".to_vec()).chain(repeated(b"x", 700));
    refused(&delimited("zstd"), &zstd(line()), "intake.record_too_long");
    refused(&delimited("zip"), &archive(vec![("a.csv", deflated(line()))]), "intake.record_too_long");
}

fn part(text: &str) -> Packed {
    deflated(std::iter::once(text.as_bytes().to_vec()))
}

#[test]
fn packed_parquet_that_unpacks_to_more_than_is_read_is_refused() {
    let parquet = contract("{ type: parquet }", "compression: zstd");
    let start = std::iter::once(b"PAR1".to_vec());
    refused(&parquet, &zstd(start.chain((0..400).map(|_| vec![0; 1 << 20]))), "intake.batch_too_large");
}

fn workbook(strings: Packed, sheet: Packed) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let book = format!(
        "<workbook xmlns:r=\"{office}\"><sheets><sheet name=\"s\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let relation = format!(
        "<Relationships><Relationship Id=\"r1\" Type=\"{office}/worksheet\" Target=\"worksheets/s.xml\"/></Relationships>"
    );
    archive(vec![
        ("[Content_Types].xml", part("<Types/>")),
        ("xl/workbook.xml", part(&book)),
        ("xl/_rels/workbook.xml.rels", part(&relation)),
        ("xl/sharedStrings.xml", strings),
        ("xl/worksheets/s.xml", sheet),
    ])
}

#[test]
fn a_workbook_that_unpacks_to_more_than_is_read_is_refused() {
    let excel = contract("{ type: excel, header: true }", "");
    let start = || std::iter::once(b"<sst>".to_vec());
    let strings = deflated(start().chain(repeated(b"<si/>", 260)).chain(std::iter::once(b"</sst>".to_vec())));
    refused(&excel, &workbook(strings, part("<worksheet/>")), "intake.workbook_too_large");
    let cell = b"<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>".to_vec();
    let sheet = deflated(std::iter::once(cell).chain(repeated(b"x", 700)));
    refused(&excel, &workbook(part("<sst/>"), sheet), "intake.record_too_long");
}

fn column(values: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("ID", values)]).unwrap()
}

#[test]
fn one_long_value_in_every_row_is_not_written_out_for_each() {
    let value: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1 << 20)]));
    let coded = column(Arc::new(DictionaryArray::new(Int32Array::from(vec![0; 1000]), value)));
    let mut file = Vec::new();
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(&mut file, &coded.schema()).unwrap();
    writer.write(&coded).and_then(|()| writer.finish()).unwrap();
    drop(writer);
    let (exit, said) = tried(&contract("{ type: arrow_ipc }", ""), &file);
    assert_eq!(exit, 0, "{said}");
    // What is longer a writer does not put into the dictionary of a column.
    let plain = column(Arc::new(StringArray::from(vec!["x".repeat(200 << 10); 100])));
    let mut file = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, plain.schema(), None).unwrap();
    (0..40).for_each(|_| writer.write(&plain).unwrap());
    writer.close().unwrap();
    assert!(file.len() < 1 << 20, "{} bytes stand for 800 MB", file.len());
    let (exit, said) = tried(&contract("{ type: parquet }", ""), &file);
    assert_eq!(exit, 0, "{said}");
}
