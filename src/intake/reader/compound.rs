//! The container of an xls workbook: sectors, and a table that chains them. A hostile table leads in circles, so the one
//! stream that is wanted is taken out of it here, and put into a container of its own for the reader that is not ours.

/// What ends a chain; from 0xfffffffc on numbers are no sectors.
const END: u32 = 0xffff_fffe;
const TABLE: u32 = 0xffff_fffd;
const FREE: u32 = 0xffff_ffff;
const SIGNATURE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// Streams shorter than this lie in sectors of 64 bytes within another stream.
const SMALL: usize = 4096;
const MINI: usize = 64;
const ENTRY: usize = 128;
/// The sectors of a container that is written.
const SECTOR: usize = 4096;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

/// Sectors one behind the other.
struct Sectors<'b> {
    bytes: &'b [u8],
    size: usize,
}

impl<'b> Sectors<'b> {
    fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.size)
    }

    fn get(&self, number: u32) -> Option<&'b [u8]> {
        let start = (number as usize).checked_mul(self.size)?;
        self.bytes.get(start..self.bytes.len().min(start.saturating_add(self.size))).filter(|sector| !sector.is_empty())
    }

    /// The bytes of a chain up to `length`; none where it leaves the file or leads in a circle.
    fn chain(&self, first: u32, table: &[u32], length: usize) -> Option<Vec<u8>> {
        let (mut bytes, mut next) = (Vec::new(), first);
        for _ in 0..=self.count() {
            if next == END || bytes.len() >= length {
                bytes.truncate(length);
                return Some(bytes);
            }
            bytes.extend_from_slice(self.get(next)?);
            next = *table.get(next as usize)?;
        }
        None
    }
}

/// The stream that holds a workbook's sheets; none where there is none, or the container is damaged.
pub(super) fn workbook(bytes: &[u8]) -> Option<Vec<u8>> {
    let size = match u16_at(bytes, 30)? {
        9 => 512,
        12 => 4096,
        _ => return None,
    };
    let sectors = Sectors { bytes: bytes.get(size..)?, size };
    // The sectors of the table: the first of them in the header, the others in a chain of their own.
    let mut places: Vec<u32> = numbers(bytes.get(76..512)?).collect();
    let mut more = u32_at(bytes, 68)?;
    let mut read = 0;
    while more < TABLE - 1 {
        read += 1;
        let sector = sectors.get(more).filter(|_| read <= sectors.count())?;
        places.extend(numbers(sector));
        more = places.pop()?;
    }
    places.retain(|place| *place < TABLE - 1);
    if places.len() > sectors.count() {
        return None;
    }
    let mut table = Vec::new();
    for place in places {
        table.extend(numbers(sectors.get(place)?));
    }
    let entries = sectors.chain(u32_at(bytes, 48)?, &table, usize::MAX)?;
    let named = |wanted: &str| {
        entries.chunks_exact(ENTRY).find(|entry| {
            let name = entry[..64].chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
            name.take_while(|unit| *unit != 0).eq(wanted.encode_utf16())
        })
    };
    let entry = named("Workbook").or_else(|| named("Book"))?;
    let length = u32_at(entry, 120)? as usize;
    let first = u32_at(entry, 116)?;
    if length >= SMALL {
        return sectors.chain(first, &table, length).filter(|stream| stream.len() == length);
    }
    let root = entries.get(..ENTRY)?;
    let minis = sectors.chain(u32_at(root, 116)?, &table, u32_at(root, 120)? as usize)?;
    let mini_table = sectors.chain(u32_at(bytes, 60)?, &table, usize::MAX)?;
    let mini_table: Vec<u32> = numbers(&mini_table).collect();
    let minis = Sectors { bytes: &minis, size: MINI };
    minis.chain(first, &mini_table, length).filter(|stream| stream.len() == length)
}

/// A container with that stream alone.
pub(in crate::intake) fn container(mut stream: Vec<u8>) -> Vec<u8> {
    // Behind the last record zeros mean nothing.
    stream.resize(stream.len().max(SMALL).next_multiple_of(SECTOR), 0);
    let sectors = stream.len() / SECTOR;
    // One sector for the directory, and a table with an entry for each sector, those of the table among them.
    let tables = (sectors + 1).div_ceil(SECTOR / 4 - 1);
    let mut header = vec![0; SECTOR];
    header[..8].copy_from_slice(&SIGNATURE);
    for (at, number) in [(24, 0x3e_u16), (26, 4), (28, 0xfffe), (30, 12), (32, 6)] {
        header[at..at + 2].copy_from_slice(&number.to_le_bytes());
    }
    let directory = 0;
    let header_numbers = [(40, 1), (44, tables as u32), (48, directory), (56, SMALL as u32), (60, END), (68, END)];
    for (at, number) in header_numbers {
        header[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    for at in 0..109 {
        let place = if at < tables { 1 + at as u32 } else { FREE };
        header[76 + 4 * at..80 + 4 * at].copy_from_slice(&place.to_le_bytes());
    }
    let mut file = header;
    let first = 1 + tables as u32;
    file.extend(entry("Root Entry", 5, 0, 0));
    file.extend(entry("Workbook", 2, first, stream.len() as u32));
    file.resize(2 * SECTOR, 0);
    let last = first + sectors as u32 - 1;
    let chain = (first..=last).map(|sector| if sector == last { END } else { sector + 1 });
    let table = std::iter::once(END).chain(std::iter::repeat_n(TABLE, tables)).chain(chain);
    file.extend(table.flat_map(u32::to_le_bytes));
    file.resize((2 + tables) * SECTOR, 0xff);
    file.append(&mut stream);
    file
}

/// An entry of the directory.
fn entry(name: &str, kind: u8, first: u32, length: u32) -> Vec<u8> {
    let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_length = entry.len() as u16 + 2;
    entry.resize(64, 0);
    entry.extend(name_length.to_le_bytes());
    entry.extend([kind, 1]);
    entry.resize(ENTRY, 0);
    // The root has the other one below it.
    let below = if kind == 5 { 1 } else { FREE };
    for (at, number) in [(68, FREE), (72, FREE), (76, below), (116, first), (120, length)] {
        entry[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    entry
}
