//! The doors by which bytes of others come in, a function each. What it asserts holds for any bytes. The fuzzers push made-up
//! bytes through them, and `cargo test` what was kept of those (`tests/it/corpora.rs`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use accord::disclosure::Certificate;
use accord::intake::{self, IntakeReport, Quarantine, References, Spread, TypedRows};
use accord::release::Ledger;
use accord::storage::Store;
use accord::workspace::{self, Compression, Contract, Encoding};
use accord::{Error, Kind, Result};

const DELIMITED: &str = include_str!("../contracts/delimited.yaml");
const CARET: &str = include_str!("../contracts/caret.yaml");
const TITLES: &str = include_str!("../contracts/titles.yaml");
const FIXED: &str = include_str!("../contracts/fixed.yaml");
const COBOL: &str = include_str!("../contracts/cobol.yaml");
const JSON: &str = include_str!("../contracts/json.yaml");
const EXCEL: &str = include_str!("../contracts/excel.yaml");
const PARQUET: &str = include_str!("../contracts/parquet.yaml");
const ARROW: &str = include_str!("../contracts/arrow.yaml");
const LAYOUTS: &str = include_str!("../contracts/layouts.yaml");

/// A folder with one delivery, and what reads it.
struct Desk {
    folder: PathBuf,
    store: Store,
    runtime: tokio::runtime::Runtime,
    identity: age::x25519::Identity,
}

const DELIVERY: &str = "delivery";
const REJECTS: &str = "rejects.age";

fn clock() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn desk() -> &'static Mutex<Desk> {
    static DESK: OnceLock<Mutex<Desk>> = OnceLock::new();
    DESK.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let store = Store::open_folder(&folder, clock).expect("a store");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let identity = age::x25519::Identity::generate();
        Mutex::new(Desk { folder, store, runtime: runtime.expect("a runtime"), identity })
    })
}

fn contract(text: &'static str) -> Contract {
    static KNOWN: Mutex<BTreeMap<&str, Contract>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let read =
        || workspace::contract("contract.yaml", text.to_owned()).unwrap_or_else(|_| panic!("a contract:\n{text}"));
    known.entry(text).or_insert_with(read).clone()
}

/// Reads a delivery as a run does. Its books balance, or it is refused with a hint; its rejects can be read back.
fn scan(contract: &Contract, bytes: &[u8]) -> Result<IntakeReport> {
    let desk = desk().lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(desk.folder.join(DELIVERY), bytes).expect("write the delivery");
    let wanted: Vec<&str> = contract.fields.iter().map(|field| field.name.as_str()).collect();
    let mut admitted = 0;
    let scanned = desk.runtime.block_on(async {
        let delivery = intake::delivery(&desk.store, DELIVERY).await?;
        let mut quarantine = Quarantine::create(&desk.store, REJECTS, desk.identity.to_public()).await?;
        let mut sink = |rows: TypedRows| {
            admitted += rows.rows() as u64;
            Ok(())
        };
        let (mut references, deliveries) = (References::of([contract]), [delivery]);
        let (store, progress) = (&desk.store, &|_: intake::Progress| {});
        // Small blocks, so that there are several of them.
        let (quarantine, sink, spread) = (&mut quarantine, &mut sink, Spread { threads: 1, block: 64 });
        intake::scan(store, "s", &deliveries, contract, &wanted, &mut references, quarantine, sink, progress, spread)
            .await
    });
    let sealed = desk.folder.join(REJECTS);
    match &scanned {
        Ok(report) => {
            let rejected = match std::fs::read(&sealed) {
                Ok(bytes) => intake::open_quarantine(&bytes, &desk.identity).expect("its own key").len() as u64,
                Err(_) => 0,
            };
            assert_eq!(report.rows_in, report.admitted + report.rejected, "the books balance");
            assert_eq!((report.admitted, report.rejected), (admitted, rejected), "and are what there is");
        }
        Err(error) => {
            refusal(error);
            assert!(!sealed.exists(), "no half a quarantine");
        }
    }
    let _ = std::fs::remove_file(&sealed);
    scanned
}

/// Drafts a contract of any file. What it says is a contract, once somebody has filled in what it marks.
fn draft(bytes: &[u8]) {
    let desk = desk().lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(desk.folder.join(DELIVERY), bytes).expect("write the delivery");
    let size = bytes.len() as u64;
    match desk.runtime.block_on(intake::infer(&desk.store, DELIVERY, size, "drafted", &|_| {})) {
        Err(error) => refusal(&error),
        Ok(text) => {
            let read = workspace::contract("drafted.yaml", text.clone());
            assert!(read.is_ok(), "a draft is a contract:\n{text}");
        }
    }
}

/// A refusal is about the data and says what to do.
fn refusal(error: &Error) {
    assert!(matches!(error.kind(), Kind::Data | Kind::Config), "{} is {:?}", error.code(), error.kind());
    assert!(error.hint().is_some(), "{} has no hint", error.code());
}

/// The first byte chooses, the others are the content.
fn chosen<'b, T: Copy>(bytes: &'b [u8], among: &[T]) -> Option<(T, &'b [u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((among[usize::from(*first) % among.len()], rest))
}

/// Formats that are written in lines of characters, in each encoding.
pub fn text(bytes: &[u8]) {
    let formats = [DELIMITED, CARET, TITLES, FIXED, COBOL, JSON];
    let encodings = [Encoding::Utf8, Encoding::Windows1252, Encoding::Latin1, Encoding::UsAscii, Encoding::Utf16];
    let Some((format, rest)) = chosen(bytes, &formats) else { return };
    let Some((encoding, rest)) = chosen(rest, &encodings) else { return };
    let mut contract = contract(format);
    contract.encoding = Some(encoding);
    let _ = scan(&contract, rest);
}

/// Compressed deliveries, and archives.
pub fn packed(bytes: &[u8]) {
    let kinds = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Zip, Compression::None];
    let Some((compression, rest)) = chosen(bytes, &kinds) else { return };
    let mut contract = contract(DELIMITED);
    contract.compression = compression;
    let _ = scan(&contract, rest);
    draft(rest);
}

/// Workbooks, and sheets and shared texts within one that is whole.
pub fn excel(bytes: &[u8]) {
    const STRINGS: &[u8] = b"<sst><si><t>0020011</t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>";
    const SHEET: &[u8] =
        b"<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData></worksheet>";
    let Some((part, rest)) = chosen(bytes, &[None, Some(true), Some(false)]) else { return };
    let _ = match part {
        None => scan(&contract(EXCEL), rest),
        Some(true) => scan(&contract(EXCEL), &workbook(STRINGS, rest)),
        Some(false) => scan(&contract(EXCEL), &workbook(rest, SHEET)),
    };
    draft(rest);
}

/// A workbook whose second sheet and shared texts these are.
fn workbook(strings: &[u8], sheet: &[u8]) -> Vec<u8> {
    const BOOK: &[u8] = b"<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
        <sheet name=\"s1\" sheetId=\"1\" r:id=\"rId1\"/><sheet name=\"s2\" sheetId=\"2\" r:id=\"rId2\"/></sheets></workbook>";
    const RELATIONS: &[u8] = b"<Relationships>\
        <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
        Target=\"worksheets/sheet1.xml\"/>\
        <Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
        Target=\"worksheets/sheet2.xml\"/></Relationships>";
    let parts: [(&str, &[u8]); 6] = [
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", BOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/sharedStrings.xml", strings),
        ("xl/worksheets/sheet1.xml", b"<worksheet/>"),
        ("xl/worksheets/sheet2.xml", sheet),
    ];
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let length = (content.len() as u32).to_le_bytes();
        // Version 2.0, not packed, no time.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend([crc.sum().to_le_bytes(), length, length].concat());
        common.extend([(name.len() as u16).to_le_bytes(), [0, 0]].concat());
        let offset = (file.len() as u32).to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &offset, name.as_bytes()].concat());
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
    }
    let count = (parts.len() as u16).to_le_bytes();
    let (length, start) = ((directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes());
    file.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &length, &start, &[0, 0]].concat());
    file
}

/// Formats of columns.
pub fn columnar(bytes: &[u8]) {
    let Some((format, rest)) = chosen(bytes, &[PARQUET, ARROW]) else { return };
    let _ = scan(&contract(format), rest);
    draft(rest);
}

/// The recognition of a layout, what is said of one that is not known, and the draft of a contract.
pub fn layouts(bytes: &[u8]) {
    let _ = scan(&contract(LAYOUTS), bytes);
    draft(bytes);
}

/// Contracts, also those of the open standard, and specs of tables. What is taken for a contract reads a delivery.
pub fn contracts(bytes: &[u8]) {
    let Some((spec, rest)) = chosen(bytes, &[false, true]) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if spec {
        drop(workspace::parse::<accord::tablefile::Spec>("tables.yaml", text.to_owned()));
        return;
    }
    match workspace::contract("contract.yaml", text.to_owned()) {
        Ok(mut contract) => {
            contract.thresholds.rejected = workspace::Share(1.0);
            let _ = scan(&contract, b"ID,NAME\n1,a\n2,b,c\n\n\"3\n");
        }
        Err(findings) => drop(findings.into_error(false)),
    }
}

/// Quarantine files: any bytes, and any lines within one.
pub fn quarantine(bytes: &[u8]) {
    let desk = desk().lock().unwrap_or_else(PoisonError::into_inner);
    let recipient = desk.identity.to_public();
    let sealed = age::encrypt(&recipient, bytes).expect("encrypt");
    for file in [bytes, &sealed] {
        if let Err(error) = intake::open_quarantine(file, &desk.identity) {
            assert!(error.hint().is_some(), "{} has no hint", error.code());
        }
    }
}

/// What a release keeps of itself: certificates, and entries of the ledger.
pub fn records(bytes: &[u8]) {
    let Some((certificate, rest)) = chosen(bytes, &[true, false]) else { return };
    if certificate {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        if let Ok(read) = Certificate::from_text(text) {
            let written = read.to_text();
            let again = Certificate::from_text(&written).expect("what was written");
            assert_eq!(again.to_text(), written, "a certificate is written as it was read");
        }
        return;
    }
    let desk = desk().lock().unwrap_or_else(PoisonError::into_inner);
    let folder = desk.folder.join("ledger");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("0000000001.json"), rest).expect("an entry");
    let ledger = Ledger::open(&desk.store);
    desk.runtime.block_on(async {
        let (entries, report) = (ledger.entries().await, ledger.verify(None).await);
        assert!(report.is_ok(), "whatever an entry is, it can be said");
        if let Err(error) = entries {
            assert!(error.hint().is_some(), "{} has no hint", error.code());
        }
        if let Ok(text) = std::str::from_utf8(rest) {
            drop(ledger.verify(Some(text)).await);
        }
    });
}
