//! What the sheets of an xls workbook would take in memory. The reader that is not ours lays each of them out as a whole
//! table, from its first cell to its last, so that two cells far apart take as much as all between them.

/// The most cells that the tables of a workbook may have: as many as 65,536 rows of 128 columns.
const MOST_CELLS: u64 = 1 << 23;
/// The most characters that its cells may have.
const MOST_TEXT: u64 = 128 << 20;
/// The most pieces that a record may go on in.
const MOST_PIECES: usize = 1 << 14;

const BOF: u16 = 0x0809;
const EOF: u16 = 0x000a;
const SHEET: u16 = 0x0085;
const STRINGS: u16 = 0x00fc;
const DIMENSIONS: u16 = 0x0200;
const CONTINUE: u16 = 0x003c;
const FORMULA: u16 = 0x0006;
const FORMULA_TEXT: u16 = 0x0207;
const SHARED_TEXT: u16 = 0x00fd;
const SEVERAL: u16 = 0x00bd;
const CELLS: [u16; 5] = [0x0203, 0x0204, 0x00d6, 0x0205, 0x027e];

/// What a workbook is that can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Damaged,
    TooLarge,
}

/// Looks through a workbook's records, and takes out what only says how large it will be.
pub(super) fn check(stream: &mut [u8]) -> Result<(), Unreadable> {
    let mut sheets = Vec::new();
    let mut texts = Vec::new();
    let mut walk = Walk { at: 0 };
    while let Some(record) = walk.next(stream)? {
        match record.kind {
            SHEET => sheets.push(u32_at(record.data, 0).ok_or(Unreadable::Damaged)? as usize),
            STRINGS => texts = lengths(&record),
            EOF => break,
            _ => {}
        }
    }
    // Each sheet has a place of its own: what is changed in one is in no other.
    sheets.sort_unstable();
    let (mut end, mut cells, mut text) = (walk.at, 0_u64, 0_u64);
    for start in sheets {
        if start < end {
            return Err(Unreadable::Damaged);
        }
        let (taken, characters);
        (end, taken, characters) = sheet(stream, start, &texts)?;
        (cells, text) = (cells + taken, text + characters);
        if cells > MOST_CELLS || text > MOST_TEXT {
            return Err(Unreadable::TooLarge);
        }
    }
    Ok(())
}

/// Where a sheet ends, and the cells of its table and their characters.
fn sheet(stream: &mut [u8], start: usize, texts: &[u64]) -> Result<(usize, u64, u64), Unreadable> {
    let mut walk = Walk { at: start };
    let (mut depth, mut begun, mut text) = (0_u32, false, 0_u64);
    let mut table = Table::default();
    let mut formula = (0, 0);
    loop {
        let at = walk.at;
        let Some(record) = walk.next(stream)? else { break };
        let place = || Some((u16_at(record.data, 0)?, u16_at(record.data, 2)?));
        match record.kind {
            // A chart within the sheet has records of its own.
            BOF => {
                depth += u32::from(begun);
                begun = true;
            }
            EOF if depth > 0 => depth -= 1,
            EOF => break,
            _ if depth > 0 => {}
            SEVERAL => {
                let (row, column) = place().ok_or(Unreadable::Damaged)?;
                let cells = (record.data.len().saturating_sub(6) / 6) as u64;
                table.cell((row, column));
                table.cell((row, column.saturating_add(u16::try_from(cells).unwrap_or(u16::MAX))));
            }
            SHARED_TEXT => {
                table.cell(place().ok_or(Unreadable::Damaged)?);
                let number = u32_at(record.data, 6).ok_or(Unreadable::Damaged)? as usize;
                text += texts.get(number).copied().unwrap_or_default();
            }
            FORMULA => {
                formula = place().ok_or(Unreadable::Damaged)?;
                table.cell(formula);
            }
            FORMULA_TEXT => table.cell(formula),
            kind if CELLS.contains(&kind) => table.cell(place().ok_or(Unreadable::Damaged)?),
            // Room would be made for as many cells as it says.
            DIMENSIONS => stream[at..at + 2].fill(0),
            _ => {}
        }
        if text > MOST_TEXT {
            return Err(Unreadable::TooLarge);
        }
    }
    Ok((walk.at, table.cells(), text))
}

/// From the first row and column to the last.
#[derive(Default)]
struct Table(Option<[u16; 4]>);

impl Table {
    fn cell(&mut self, (row, column): (u16, u16)) {
        let [top, bottom, left, right] = self.0.unwrap_or([row, row, column, column]);
        self.0 = Some([top.min(row), bottom.max(row), left.min(column), right.max(column)]);
    }

    fn cells(&self) -> u64 {
        self.0.map_or(0, |[top, bottom, left, right]| (u64::from(bottom - top) + 1) * (u64::from(right - left) + 1))
    }
}

/// Goes from record to record.
struct Walk {
    at: usize,
}

struct Piece<'s> {
    kind: u16,
    data: &'s [u8],
    more: Vec<&'s [u8]>,
}

impl Walk {
    fn next<'s>(&mut self, stream: &'s [u8]) -> Result<Option<Piece<'s>>, Unreadable> {
        let Some((kind, data)) = self.one(stream)? else { return Ok(None) };
        let mut more = Vec::new();
        while u16_at(stream, self.at) == Some(CONTINUE) {
            let Some((_, piece)) = self.one(stream)? else { break };
            more.push(piece);
            if more.len() > MOST_PIECES {
                return Err(Unreadable::TooLarge);
            }
        }
        Ok(Some(Piece { kind, data, more }))
    }

    fn one<'s>(&mut self, stream: &'s [u8]) -> Result<Option<(u16, &'s [u8])>, Unreadable> {
        if self.at >= stream.len() {
            return Ok(None);
        }
        let head = (u16_at(stream, self.at), u16_at(stream, self.at + 2));
        let (Some(kind), Some(length)) = head else { return Err(Unreadable::Damaged) };
        let start = self.at + 4;
        let data = stream.get(start..start + usize::from(length)).ok_or(Unreadable::Damaged)?;
        self.at = start + data.len();
        Ok(Some((kind, data)))
    }
}

/// How many characters each shared text has, as far as they can be taken apart.
fn lengths(record: &Piece<'_>) -> Vec<u64> {
    let mut left = Left { data: record.data.get(8..).unwrap_or_default(), more: record.more.iter() };
    let mut lengths = Vec::new();
    while let Some(length) = left.text() {
        lengths.push(length);
    }
    lengths
}

/// What is left of a record that goes on in others.
struct Left<'p, 's> {
    data: &'s [u8],
    more: std::slice::Iter<'p, &'s [u8]>,
}

impl Left<'_, '_> {
    fn text(&mut self) -> Option<u64> {
        if self.data.is_empty() {
            self.data = self.more.next()?;
            if self.data.is_empty() {
                return Some(0);
            }
        }
        let (length, flags) = (u16_at(self.data, 0)?, *self.data.get(2)?);
        self.data = &self.data[3..];
        let (mut behind, mut wide) = (0_usize, flags & 1 != 0);
        if flags & 8 != 0 {
            behind += 4 * usize::from(u16_at(self.data, 0)?);
            self.data = &self.data[2..];
        }
        if flags & 4 != 0 {
            behind = behind.saturating_add(u32_at(self.data, 0)? as usize);
            self.data = &self.data[4..];
        }
        let mut characters = usize::from(length);
        loop {
            let width = if wide { 2 } else { 1 };
            let here = characters.min(self.data.len() / width);
            self.data = &self.data[here * width..];
            characters -= here;
            if characters == 0 {
                break;
            }
            // Where the text goes on it says anew how wide its characters are.
            let (first, rest) = self.more.next()?.split_first()?;
            (wide, self.data) = (first & 1 != 0, rest);
        }
        while behind > 0 {
            if self.data.is_empty() {
                self.data = self.more.next()?;
            }
            let here = behind.min(self.data.len());
            self.data = &self.data[here..];
            behind -= here;
        }
        Some(u64::from(length))
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
