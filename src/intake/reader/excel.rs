//! A sheet of an Excel workbook. A workbook can't be read from its start, so it is held in memory as a whole, up to a
//! limit; its rows are handed on one by one.

use std::io::Cursor;

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, Xls, Xlsx};

use super::cells::{Cells, push_float};
use super::guard::guarded;
use super::{Each, Kind, LONGEST_RECORD, Raw, Record, biff, compound};
use crate::error::{Error, Result};
use crate::intake::archive;
use crate::intake::layout::Layout;
use crate::workspace::Format;

/// The largest workbook that is read, in bytes.
pub(in crate::intake) const LARGEST_WORKBOOK: usize = 256 << 20;
/// The same for xls, of which several copies are held.
const LARGEST_XLS: usize = 128 << 20;
/// The most that a workbook may unpack to, in bytes.
const LARGEST_UNPACKED: u64 = 2 << 30;
/// The same for all that is no sheet: the texts that sheets share are held as a whole.
const LARGEST_SHARED: u64 = 192 << 20;
/// The rows and columns of a sheet.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: usize = 16_384;
/// Empty rows between others that are read: so many, and so many more for each other row. A cell that somebody left far below a
/// table makes every row up to it one of the table's.
const EMPTY_ROWS: u64 = 1000;
const EMPTY_ROWS_EACH: u64 = 10;

/// Reads one workbook that is pushed into it piece by piece.
pub(super) struct ExcelReader {
    path: String,
    sheet: Sheet,
    titles: u32,
    /// Rows of the header that are still to come.
    header: usize,
    /// Columns of the header, or of the contract where there is none: shorter rows are filled up to it.
    width: usize,
    bytes: Vec<u8>,
    /// The names of the workbook's sheets, once they are known.
    pub(super) sheets: Option<Vec<String>>,
}

#[derive(Clone)]
enum Sheet {
    Name(String),
    /// Counted from 0.
    Number(usize),
}

impl ExcelReader {
    pub(super) fn new(layout: &Layout<'_>, path: &str) -> Self {
        let sheet = match layout.format {
            Format::Excel { sheet: Some(name), .. } => Sheet::Name(name.clone()),
            Format::Excel { sheet_number: Some(number), .. } => Sheet::Number(number.saturating_sub(1)),
            _ => Sheet::Number(0),
        };
        let header = layout.format.header_rows();
        let width = if header == 0 { layout.by_order().1 } else { 0 };
        let titles = u32::try_from(layout.format.title_rows()).unwrap_or(u32::MAX);
        Self { path: path.to_owned(), sheet, titles, header, width, bytes: Vec::new(), sheets: None }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.bytes.len() + bytes.len() > LARGEST_WORKBOOK {
            let largest = LARGEST_WORKBOOK >> 20;
            return Err(self.too_large(&format!("it is larger than {largest} MiB, and a workbook is read as a whole")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        match bytes.as_slice() {
            [] => Ok(()),
            [b'P', b'K', ..] => {
                self.unpacks(&bytes)?;
                self.xlsx(&bytes, each)
            }
            [0xd0, 0xcf, 0x11, 0xe0, ..] => self.xls(bytes, each),
            _ => Err(self.refused(
                "intake.workbook",
                "it is no Excel workbook, and the contract says that it is",
                "correct `format` in the contract, or ask the partner for the right file",
            )),
        }
    }

    /// Whether the archive that an xlsx file is stays within what is read.
    fn unpacks(&self, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        let from = bytes.len().saturating_sub(archive::LONGEST_END as usize);
        let slice = |range: &std::ops::Range<u64>| {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            bytes.get(range)
        };
        let mut place = archive::locate(&bytes[from..], size, &self.path)?;
        if let archive::Place::Zip64(range) = &place {
            place = archive::locate_zip64(slice(range).unwrap_or_default(), size, &self.path)?;
        }
        let archive::Place::Directory(range, files) = place else {
            return Err(archive::damaged(&self.path, "its directory is damaged"));
        };
        let members = archive::members(slice(&range).unwrap_or_default(), files, &self.path)?;
        let (mut total, mut shared) = (0_u64, 0_u64);
        for member in &members {
            total = total.saturating_add(member.sealed.unpacked);
            if total > LARGEST_UNPACKED {
                return Err(self.too_large(&format!("it unpacks to more than {} MiB", LARGEST_UNPACKED >> 20)));
            }
            let streamed = ["xl/worksheets/", "xl/media/"].iter().any(|folder| member.name.starts_with(folder));
            shared += if streamed { 0 } else { member.sealed.unpacked };
            if shared > LARGEST_SHARED {
                let largest = LARGEST_SHARED >> 20;
                return Err(self.too_large(&format!("what its sheets share unpacks to more than {largest} MiB")));
            }
            let header = bytes.get(usize::try_from(member.offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            let content = slice(&member.content(header, &self.path)?).unwrap_or_default();
            // What its directory says is checked by unpacking it once: only then is it safe to hold.
            let mut unpack = super::Unpack::member(member.sealed, &self.path);
            let media = member.name.starts_with("xl/media/");
            let mut behind = 0;
            let mut short = |piece: &[u8]| {
                // Between two tags stands a text, and a text is held as a whole.
                let longest = match (memchr::memchr(b'>', piece), memchr::memrchr(b'>', piece)) {
                    (Some(first), Some(last)) => {
                        let longest = behind + first;
                        behind = piece.len() - last;
                        longest
                    }
                    _ => {
                        behind += piece.len();
                        behind
                    }
                };
                if longest > LONGEST_RECORD && !media { Err(self.too_long()) } else { Ok(()) }
            };
            unpack.push(content, &mut short)?;
            unpack.finish(&mut short)?;
        }
        Ok(())
    }

    /// Runs a step of the reader that is not ours; its own errors may quote a value and are left out.
    fn read<T, E>(&self, step: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
        guarded(step).and_then(std::result::Result::ok).ok_or_else(|| self.damaged())
    }

    fn xlsx(&mut self, bytes: &[u8], each: &mut Each<'_>) -> Result<()> {
        let mut book: Xlsx<_> = self.read(|| Xlsx::new(Cursor::new(bytes)))?;
        let name = self.sheet_name(&book.sheet_names())?;
        let mut cells = self.read(|| book.worksheet_cells_reader(&name))?;
        let mut rows = Rows::default();
        while let Some(cell) = self.read(|| cells.next_cell())? {
            let (row, column) = cell.get_position();
            let place = (row, column as usize);
            self.cell(&mut rows, place, each, |text| of_ref(cell.get_value(), text))?;
        }
        self.row(&mut rows, each)
    }

    fn xls(&mut self, bytes: Vec<u8>, each: &mut Each<'_>) -> Result<()> {
        if bytes.len() > LARGEST_XLS {
            let largest = LARGEST_XLS >> 20;
            return Err(self.too_large(&format!("it is larger than {largest} MiB, and an xls file is read as a whole")));
        }
        let mut stream = compound::workbook(&bytes).ok_or_else(|| self.damaged())?;
        drop(bytes);
        biff::check(&mut stream).map_err(|found| match found {
            biff::Unreadable::Damaged => self.damaged(),
            biff::Unreadable::TooLarge => {
                self.too_large("from their first cell to their last its sheets are too large")
            }
        })?;
        let bytes = compound::container(stream);
        let mut book: Xls<_> = self.read(|| Xls::new(Cursor::new(bytes)))?;
        let name = self.sheet_name(&book.sheet_names())?;
        let range = self.read(|| book.worksheet_range(&name))?;
        let (top, left) = range.start().unwrap_or_default();
        let mut rows = Rows::default();
        for (row, column, value) in range.cells() {
            let place = (top + row as u32, left as usize + column);
            self.cell(&mut rows, place, each, |text| of_data(value, text))?;
        }
        self.row(&mut rows, each)
    }

    /// Takes a cell; the row before it is handed on where it is the first of its own.
    fn cell(
        &mut self,
        rows: &mut Rows,
        (row, column): (u32, usize),
        each: &mut Each<'_>,
        write: impl FnOnce(&mut String) -> Option<Kind>,
    ) -> Result<()> {
        if row > rows.row && row < MOST_ROWS {
            self.row(rows, each)?;
            rows.row = row;
        }
        let next = rows.cells.spans.len();
        if row < rows.row || column < next || row >= MOST_ROWS || column >= MOST_COLUMNS {
            return Err(self.damaged());
        }
        let before = rows.cells.text.len();
        let kind = write(&mut rows.cells.text);
        if rows.cells.text.len() > LONGEST_RECORD {
            return Err(self.too_long());
        }
        if let Some(kind) = kind {
            // Cells between are empty.
            let end = before as u32;
            rows.cells.spans.resize(column, super::Span { start: end, end, kind: Kind::Plain });
            let end = rows.cells.text.len() as u32;
            rows.cells.spans.push(super::Span { start: before as u32, end, kind });
        }
        Ok(())
    }

    /// Hands on the row at hand. Empty rows count only where another row follows.
    fn row(&mut self, rows: &mut Rows, each: &mut Each<'_>) -> Result<()> {
        if rows.cells.spans.is_empty() {
            return Ok(());
        }
        let first = rows.next.max(self.titles);
        rows.filled += 1;
        rows.empty += u64::from(rows.row.saturating_sub(first));
        if rows.empty > EMPTY_ROWS + EMPTY_ROWS_EACH * rows.filled {
            return Err(self.sparse(rows.next, rows.row));
        }
        for empty in first..rows.row {
            self.hand_on(&mut Cells::default(), empty, each)?;
        }
        rows.next = rows.row + 1;
        if rows.row >= self.titles {
            self.hand_on(&mut rows.cells, rows.row, each)?;
        }
        rows.cells.clear();
        Ok(())
    }

    fn hand_on(&mut self, cells: &mut Cells, row: u32, each: &mut Each<'_>) -> Result<()> {
        if self.header > 0 {
            self.header -= 1;
            self.width = self.width.max(cells.spans.len());
        }
        cells.fill(self.width);
        let line = u64::from(row) + 1;
        each(&Record { line, raw: Raw::Cells, text: &cells.text, spans: &cells.spans, quote: '"', fault: None })
    }

    fn sheet_name(&mut self, names: &[String]) -> Result<String> {
        self.sheets = Some(names.to_vec());
        let found = match &self.sheet {
            Sheet::Name(name) => names.iter().find(|one| *one == name),
            Sheet::Number(number) => names.get(*number),
        };
        found.cloned().ok_or_else(|| {
            let wanted = match &self.sheet {
                Sheet::Name(name) => format!("no sheet `{name}`"),
                Sheet::Number(number) => format!("no sheet {}", number + 1),
            };
            let there =
                format!("its sheets are {}; correct `sheet` in the contract, or ask the partner", names.join(", "));
            self.refused("intake.sheet", &format!("it has {wanted}"), &there)
        })
    }

    fn refused(&self, code: &'static str, said: &str, hint: &str) -> Error {
        Error::data(code, format!("read extract {}: {said}", self.path)).with_hint(hint)
    }

    fn too_large(&self, said: &str) -> Error {
        let hint = "ask the partner for delimited text or Parquet, which are read piece by piece";
        self.refused("intake.workbook_too_large", said, hint)
    }

    fn too_long(&self) -> Error {
        let hint = "no row of a spreadsheet is that long; ask the partner to look at the file";
        self.refused("intake.record_too_long", "it has a row, or a text, longer than 1 MiB", hint)
    }

    /// `before` and `row` are counted from 0.
    fn sparse(&self, before: u32, row: u32) -> Error {
        let said = format!(
            "its sheet has hardly any rows: all from {} to {row} are empty, and row {} is not",
            before + 1,
            row + 1
        );
        let hint = "delete what stands far below the table, or ask the partner for the sheet without it";
        self.refused("intake.empty_rows", &said, hint)
    }

    fn damaged(&self) -> Error {
        self.refused(
            "intake.workbook",
            "the workbook is damaged or locked with a password",
            "ask the partner to deliver it again, without a password",
        )
    }
}

/// The row at hand.
#[derive(Default)]
struct Rows {
    row: u32,
    /// The first row that was not handed on.
    next: u32,
    /// Rows with a cell and rows without, those that were handed on.
    filled: u64,
    empty: u64,
    cells: Cells,
}

fn of_ref(value: &DataRef<'_>, into: &mut String) -> Option<Kind> {
    match value {
        DataRef::Int(number) => text(into, &number.to_string(), Kind::Number),
        DataRef::Float(number) => Some(push_float(*number, into)),
        DataRef::String(string) => text(into, string, Kind::Plain),
        DataRef::SharedString(string) => text(into, string, Kind::Plain),
        DataRef::Bool(truth) => text(into, if *truth { "true" } else { "false" }, Kind::Boolean),
        DataRef::DateTime(at) => Some(day(*at, into)),
        DataRef::DateTimeIso(at) => text(into, at.strip_suffix("T00:00:00").unwrap_or(at), Kind::Day),
        DataRef::DurationIso(_) | DataRef::Error(_) => Some(Kind::Fault),
        DataRef::Empty => None,
    }
}

fn of_data(value: &Data, into: &mut String) -> Option<Kind> {
    match value {
        Data::Int(number) => text(into, &number.to_string(), Kind::Number),
        Data::Float(number) => Some(push_float(*number, into)),
        Data::String(string) => text(into, string, Kind::Plain),
        Data::Bool(truth) => text(into, if *truth { "true" } else { "false" }, Kind::Boolean),
        Data::DateTime(at) => Some(day(*at, into)),
        Data::DateTimeIso(at) => text(into, at.strip_suffix("T00:00:00").unwrap_or(at), Kind::Day),
        Data::DurationIso(_) | Data::Error(_) => Some(Kind::Fault),
        Data::Empty => None,
    }
}

fn text(into: &mut String, text: &str, kind: Kind) -> Option<Kind> {
    // A string of nothing is an empty cell.
    if text.is_empty() {
        return None;
    }
    into.push_str(text);
    Some(kind)
}

/// The day of a cell that is formatted as one. Excel counts from 1900 and takes 1900 for a leap year, or from 1904; a
/// duration, a time of day alone and the day that never was are faults.
fn day(at: ExcelDateTime, into: &mut String) -> Kind {
    use std::fmt::Write;
    let serial = at.as_f64();
    // The seven numbers of a day and its time. Before the day that never was they are right as well.
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    let never = (year, month, day) == (1900, 2, 29);
    if !at.is_datetime() || !(1.0..2_958_466.0).contains(&serial) || never {
        return Kind::Fault;
    }
    // Writing to a string never fails.
    let _ = write!(into, "{year:04}-{month:02}-{day:02}");
    if serial.fract() != 0.0 {
        let _ = write!(into, "T{hour:02}:{minute:02}:{second:02}");
    }
    Kind::Day
}
