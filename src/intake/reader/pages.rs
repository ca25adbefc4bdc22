//! The pages of a Parquet column chunk, as far as their headers say how much room they ask for: the reader that is not ours
//! makes it before it looks at what is in them.

/// Structs and lists within one another, beyond which a header is none.
const DEEPEST: usize = 16;

/// The bytes that the largest page of a chunk says that it unpacks to, as far as its headers can be read: behind a damaged
/// one nobody reads on.
pub(super) fn largest(chunk: &[u8]) -> i64 {
    let (mut largest, mut rest) = (0, chunk);
    while !rest.is_empty() {
        let mut header = Compact { bytes: rest };
        let Some([unpacked, packed]) = header.page() else { break };
        largest = largest.max(unpacked);
        let Some(next) = usize::try_from(packed).ok().and_then(|packed| header.bytes.get(packed..)) else { break };
        rest = next;
    }
    largest
}

/// Goes through a struct in the compact protocol of Thrift.
struct Compact<'b> {
    bytes: &'b [u8],
}

impl Compact<'_> {
    /// A page's sizes, unpacked and packed: its fields 2 and 3.
    fn page(&mut self) -> Option<[i64; 2]> {
        let (mut sizes, mut field) = ([None; 2], 0);
        while let Some((number, kind)) = self.field(field)? {
            field = number;
            match (number, kind) {
                (2 | 3, 5) => sizes[number as usize - 2] = Some(self.zigzag()?),
                _ => self.skip(kind, 0)?,
            }
        }
        Some([sizes[0]?, sizes[1]?])
    }

    /// The number and the type of the next field; none at the end of its struct.
    fn field(&mut self, before: i64) -> Option<Option<(i64, u8)>> {
        let head = self.byte()?;
        match (head >> 4, head & 15) {
            (_, 0) => Some(None),
            (0, kind) => Some(Some((self.zigzag()?, kind))),
            (more, kind) => Some(Some((before + i64::from(more), kind))),
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // A truth value stands in its field's head.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.over(8),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.over(length)
            }
            9 | 10 if depth < DEEPEST => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // In a list a truth value takes a byte.
                let kind = if matches!(head & 15, 1 | 2) { 3 } else { head & 15 };
                (0..count).try_for_each(|_| if self.bytes.is_empty() { None } else { self.skip(kind, depth + 1) })
            }
            12 if depth < DEEPEST => {
                let mut field = 0;
                while let Some((number, kind)) = self.field(field)? {
                    field = number;
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn zigzag(&mut self) -> Option<i64> {
        let coded = self.varint()?;
        Some((coded >> 1).cast_signed() ^ -(coded & 1).cast_signed())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn over(&mut self, length: usize) -> Option<()> {
        self.bytes = self.bytes.get(length..)?;
        Some(())
    }
}
