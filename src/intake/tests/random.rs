//! Contracts, files and damage that nobody thought of: each row is admitted or rejected, or the delivery is refused as a
//! whole, and nothing that is said holds a value.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;

use super::formats::{arrow_file, bzip2, parquet_file, zip, zstd};
use super::*;

/// What no message may hold.
const MARK: &str = "ZQMARKQZ";
/// Characters of a field of a fixed-width line.
const WIDTH: usize = 12;
const ENDS: [&str; 3] = ["\n", "\r\n", "\r"];
const DELIMITERS: [char; 4] = [',', '\t', '^', '|'];
const ENCODINGS: [&str; 4] = ["utf-8", "windows-1252", "iso-8859-1", "utf-16"];
const COMPRESSIONS: [&str; 5] = ["none", "gzip", "zstd", "bzip2", "zip"];

#[derive(Clone, Debug)]
struct Shape {
    format: Shaped,
    encoding: usize,
    compression: usize,
    end: usize,
    titles: usize,
    unique: bool,
    fields: Vec<FieldShape>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shaped {
    Delimited { delimiter: usize, header: bool, quoted: bool, trailing: bool },
    Fixed,
    Json,
    Parquet,
    Arrow,
}

#[derive(Clone, Copy, Debug)]
struct FieldShape {
    kind: usize,
    required: bool,
    word: bool,
}

/// Which type a field has, and values that it takes.
const KINDS: [(&str, [&str; 3]); 6] = [
    ("string", ["Anna", "Ñandu", "O'Neil Jr"]),
    ("integer", ["7", "-3", "2024"]),
    ("number", ["1.5", "-2", "0.25"]),
    ("decimal, precision: 6, scale: 2", ["1.50", "-2", "99.9"]),
    ("boolean, boolean_words: { \"true\": [Y], \"false\": [N] }", ["Y", "N", "Y"]),
    ("date, date_formats: [YYYYMMDD]", ["19990102", "20240229", "20000101"]),
];

/// What stands in a cell, and whether its field takes it.
fn cell(field: FieldShape, choice: u8) -> (String, bool) {
    let (_, values) = KINDS[field.kind];
    match choice {
        0..=8 => (values[usize::from(choice % 3)].to_owned(), true),
        9 => (String::new(), !field.required),
        10 if field.word => ("N/A".to_owned(), !field.required),
        10 => ("N/A".to_owned(), field.kind == 0),
        _ => (format!("{MARK}{choice}"), field.kind == 0),
    }
}

impl Shape {
    fn is_text(&self) -> bool {
        !matches!(self.format, Shaped::Parquet | Shaped::Arrow)
    }

    fn contract(&self) -> Contract {
        let titles = if self.titles > 0 { format!(", title_rows: {}", self.titles) } else { String::new() };
        let format = match self.format {
            Shaped::Delimited { delimiter, header, quoted, trailing } => {
                let delimiter = DELIMITERS[delimiter].to_string().replace('\t', "\\t");
                let quote = if quoted { ", quote: '\"'" } else { "" };
                format!(
                    "{{ type: delimited, delimiter: \"{delimiter}\", header: {header}, trailing_delimiter: {trailing}{quote}{titles} }}"
                )
            }
            Shaped::Fixed => {
                format!("{{ type: fixed_width, record_length: {}{titles} }}", WIDTH * self.fields.len())
            }
            Shaped::Json => "{ type: json_lines }".to_owned(),
            Shaped::Parquet => "{ type: parquet }".to_owned(),
            Shaped::Arrow => "{ type: arrow_ipc }".to_owned(),
        };
        let mut yaml = format!("id: random\nversion: 1.0.0\npartner: p\ntitle: T\nformat: {format}\n");
        if self.is_text() {
            let (encoding, compression) = (ENCODINGS[self.encoding], COMPRESSIONS[self.compression]);
            let _ = writeln!(yaml, "encoding: {encoding}\ncompression: {compression}");
        }
        yaml.push_str("fields:\n");
        for (at, field) in self.fields.iter().enumerate() {
            let place = match self.format {
                Shaped::Delimited { header: false, .. } => String::new(),
                Shaped::Fixed => format!(", position: {{ start: {}, length: {WIDTH} }}", 1 + at * WIDTH),
                _ => format!(", column: COLUMN_{at}"),
            };
            let word = if field.word { ", missing: { \"N/A\": none }" } else { "" };
            let (kind, required) = (KINDS[field.kind].0, field.required);
            let _ =
                writeln!(yaml, "  - {{ name: f{at}{place}, type: {kind}, required: {required}, clean: [trim]{word} }}");
        }
        if self.unique {
            yaml.push_str("rules:\n  - { type: unique, fields: [f0, f1] }\n");
        }
        yaml.push_str("thresholds: { rejected: 100%, row_change: 25% }\n");
        match crate::workspace::contract("random.yaml", yaml.clone()) {
            Ok(contract) => contract,
            Err(findings) => panic!("{}\n{yaml}", findings.into_error(false)),
        }
    }

    /// The file before it is packed, and how many of its bytes come before the first row.
    fn written(&self, rows: &[Vec<String>]) -> (Vec<u8>, usize) {
        if !self.is_text() {
            return (self.columns(rows), 0);
        }
        let end = ENDS[self.end];
        let mut text = String::new();
        if self.format != Shaped::Json {
            (0..self.titles).for_each(|_| text += &format!("A title{end}"));
        }
        if matches!(self.format, Shaped::Delimited { header: true, .. }) {
            let names: Vec<String> = (0..self.fields.len()).map(|at| format!("COLUMN_{at}")).collect();
            text += &self.line(&names);
        }
        let before = text.len();
        rows.iter().for_each(|row| text += &self.line(row));
        let encode = |text: &str| match ENCODINGS[self.encoding] {
            "utf-8" => text.as_bytes().to_vec(),
            "utf-16" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
        };
        let mark: &[u8] = if ENCODINGS[self.encoding] == "utf-16" { b"\xff\xfe" } else { b"" };
        let start = [mark, &encode(&text[..before])].concat();
        ([&start[..], &encode(&text[before..])].concat(), start.len())
    }

    fn line(&self, cells: &[String]) -> String {
        let end = ENDS[self.end];
        match self.format {
            Shaped::Delimited { delimiter, quoted, trailing, .. } => {
                let delimiter = DELIMITERS[delimiter].to_string();
                let cells = cells.iter().map(|cell| if quoted { format!("\"{cell}\"") } else { cell.clone() });
                let last = if trailing { delimiter.as_str() } else { "" };
                format!("{}{last}{end}", cells.collect::<Vec<_>>().join(&delimiter))
            }
            Shaped::Fixed => format!("{}{end}", cells.iter().map(|cell| format!("{cell:WIDTH$}")).collect::<String>()),
            _ => {
                let pairs = cells.iter().enumerate().map(|(at, cell)| {
                    let value = if cell.is_empty() { serde_json::Value::Null } else { cell.as_str().into() };
                    format!("\"COLUMN_{at}\":{value}")
                });
                format!("{{{}}}{end}", pairs.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn columns(&self, rows: &[Vec<String>]) -> Vec<u8> {
        let column = |at: usize| {
            let cells = rows.iter().map(|row| Some(row[at].as_str()).filter(|cell| !cell.is_empty()));
            (format!("COLUMN_{at}"), Arc::new(cells.collect::<StringArray>()) as ArrayRef, true)
        };
        let batch = RecordBatch::try_from_iter_with_nullable((0..self.fields.len()).map(column)).expect("a batch");
        match self.format {
            Shaped::Arrow => arrow_file(&batch, false),
            _ => parquet_file(&batch),
        }
    }

    fn packed(&self, bytes: &[u8]) -> Vec<u8> {
        match COMPRESSIONS[self.compression] {
            _ if !self.is_text() => bytes.to_vec(),
            "gzip" => gzip(bytes),
            "zstd" => zstd(bytes),
            "bzip2" => bzip2(bytes),
            "zip" => zip(&[("part.txt", bytes, true)]),
            _ => bytes.to_vec(),
        }
    }
}

/// What is done to a file: where, in thousandths, with what, and how.
type Damage = Vec<(usize, u8, u8)>;

fn damage(bytes: &mut Vec<u8>, from: usize, damage: &Damage) {
    for &(place, byte, how) in damage {
        let room = bytes.len().saturating_sub(from);
        if room == 0 {
            return;
        }
        let at = from + room * place / 1000;
        match how {
            0 => bytes[at] ^= byte | 1,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            4 => bytes[at] = b",\t^|\"\n\r\0"[usize::from(byte % 8)],
            // A line twice.
            5 => {
                let line: Vec<u8> = bytes[at..].iter().copied().take_while(|byte| !b"\r\n".contains(byte)).collect();
                bytes.splice(at..at, line);
            }
            // A delimiter less.
            _ => {
                if let Some(found) = bytes[at..].iter().position(|byte| b",\t^|".contains(byte)) {
                    bytes.remove(at + found);
                }
            }
        }
    }
}

/// The books balance and are what there is, or the delivery is refused as a whole; where `silent`, nothing says a value.
fn holds(outcome: &Outcome, silent: bool) {
    let mut said = String::new();
    match &outcome.result {
        Ok(report) => {
            assert_eq!(report.rows_in, report.admitted + report.rejected);
            assert_eq!(
                (report.admitted, report.rejected),
                (outcome.rows.len() as u64, outcome.quarantined.len() as u64)
            );
            assert_eq!(report.rejects.iter().map(|one| one.rows).sum::<u64>(), report.rejected);
            said += &serde_json::to_string(report).expect("a report");
            let _ = write!(said, "{report:?}");
        }
        Err(error) => {
            assert_eq!(error.kind(), Kind::Data, "{error:?}");
            assert!(error.hint().is_some(), "{error:?}");
            assert!(outcome.quarantined.is_empty(), "refused as a whole");
            let _ = write!(said, "{error} {error:?} {}", error.hint().unwrap_or_default());
            let _ = write!(said, "{}", error.report().unwrap_or_default());
        }
    }
    for row in &outcome.quarantined {
        let _ = write!(said, "{row:?} {} {} {:?}", row.rule, row.reason, row.column);
    }
    assert!(!silent || !said.contains(MARK), "a value is said");
}

fn shapes() -> impl Strategy<Value = Shape> {
    let format = prop_oneof![
        4 => (0..4_usize, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(delimiter, header, quoted, trailing)| {
            Shaped::Delimited { delimiter, header, quoted, trailing }
        }),
        2 => Just(Shaped::Fixed),
        2 => Just(Shaped::Json),
        1 => Just(Shaped::Parquet),
        1 => Just(Shaped::Arrow),
    ];
    let field = (0..KINDS.len(), any::<bool>(), any::<bool>()).prop_map(|(kind, required, word)| FieldShape {
        kind,
        required,
        word,
    });
    let fields = prop::collection::vec(field, 2..6);
    (format, 0..4_usize, 0..5_usize, 0..3_usize, 0..3_usize, any::<bool>(), fields).prop_map(
        |(format, encoding, compression, end, titles, unique, fields)| {
            // Objects are written in UTF-8 alone, and neither they nor columns have titles.
            let encoding = if format == Shaped::Json { 0 } else { encoding };
            let titles = if matches!(format, Shaped::Delimited { .. } | Shaped::Fixed) { titles } else { 0 };
            Shape { format, encoding, compression, end, titles, unique, fields }
        },
    )
}

/// Which choice each cell of each row is.
fn choices() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0..13_u8, 6), 1..20)
}

fn rows_of(shape: &Shape, choices: &[Vec<u8>]) -> Vec<Vec<(String, bool)>> {
    let row = |row: &Vec<u8>| shape.fields.iter().zip(row).map(|(field, choice)| cell(*field, *choice)).collect();
    choices.iter().map(row).collect()
}

fn texts(rows: &[Vec<(String, bool)>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|(text, _)| text.clone()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn each_row_of_a_random_file_is_admitted_or_rejected_as_its_values_say(shape in shapes(), choices in choices()) {
        let rows = rows_of(&shape, &choices);
        let (bytes, _) = shape.written(&texts(&rows));
        let outcome = scan_one(&shape.contract(), shape.packed(&bytes));
        holds(&outcome, true);
        prop_assert!(outcome.result.is_ok(), "{:?}", outcome.error());
        prop_assert_eq!(outcome.report().rows_in, rows.len() as u64);
        let wrong = rows.iter().filter(|row| row.iter().any(|(_, fits)| !fits)).count() as u64;
        if shape.unique {
            prop_assert!(outcome.report().rejected >= wrong);
        } else {
            prop_assert_eq!(outcome.report().rejected, wrong);
        }
    }

    #[test]
    fn a_damaged_file_balances_or_is_refused_and_no_value_is_said(
        shape in shapes(),
        choices in choices(),
        edits in prop::collection::vec((0..1000_usize, any::<u8>(), 0..7_u8), 1..6),
        behind in any::<bool>(),
    ) {
        let rows = rows_of(&shape, &choices);
        let (mut bytes, before) = shape.written(&texts(&rows));
        // A header into which a row was damaged would be shown: damage of that is looked at without the mark.
        let first = shape.is_text() && shape.format != Shaped::Json;
        let from = if first { before } else { 0 };
        let bytes = if behind {
            let mut packed = shape.packed(&bytes);
            damage(&mut packed, 0, &edits);
            packed
        } else {
            damage(&mut bytes, from, &edits);
            shape.packed(&bytes)
        };
        let packed = shape.is_text() && COMPRESSIONS[shape.compression] != "none";
        holds(&scan_one(&shape.contract(), bytes), first && (packed || !behind));
    }
}
