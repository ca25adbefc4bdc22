//! Writing into bytes: digits, padding and quoting, without going through the formatter.

use super::dates::Date;

/// The number with at least `width` digits, zero padded.
pub(super) fn digits(into: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut reversed = [b'0'; 20];
    let mut length = 0;
    while number > 0 {
        reversed[length] = b'0' + (number % 10) as u8;
        number /= 10;
        length += 1;
    }
    into.extend(reversed[..length.max(width)].iter().rev());
}

/// `YYYYMMDD`.
pub(super) fn compact_date(into: &mut Vec<u8>, date: Date) {
    digits(into, date.year() as u64, 4);
    digits(into, u64::from(date.month()), 2);
    digits(into, u64::from(date.day()), 2);
}

/// `YYYY-MM-DD`.
pub(super) fn iso_date(into: &mut Vec<u8>, date: Date) {
    digits(into, date.year() as u64, 4);
    into.push(b'-');
    digits(into, u64::from(date.month()), 2);
    into.push(b'-');
    digits(into, u64::from(date.day()), 2);
}

/// `MM/DD/YYYY`.
pub(super) fn american_date(into: &mut Vec<u8>, date: Date) {
    digits(into, u64::from(date.month()), 2);
    into.push(b'/');
    digits(into, u64::from(date.day()), 2);
    into.push(b'/');
    digits(into, date.year() as u64, 4);
}

/// A field of a comma file, quoted where it has to be.
pub(super) fn csv_field(into: &mut Vec<u8>, field: &str) {
    if !field.contains([',', '"', '\n']) {
        into.extend_from_slice(field.as_bytes());
        return;
    }
    into.push(b'"');
    into.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    into.push(b'"');
}

/// A field of a fixed-width file: cut or padded with blanks. `field` is ASCII.
pub(super) fn fixed_field(into: &mut Vec<u8>, field: &str, width: usize) {
    let cut = &field.as_bytes()[..field.len().min(width)];
    into.extend_from_slice(cut);
    into.resize(into.len() + width - cut.len(), b' ');
}

/// In Windows-1252. Every name of the pools has all its letters there.
pub(super) fn windows_1252(into: &mut Vec<u8>, text: &str) {
    into.extend_from_slice(&encoding_rs::WINDOWS_1252.encode(text).0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let mut bytes = Vec::new();
        digits(&mut bytes, 12_345, 7);
        digits(&mut bytes, 0, 2);
        american_date(&mut bytes, Date::of(2006, 3, 9));
        csv_field(&mut bytes, "Garcia, Jr");
        fixed_field(&mut bytes, "ABC", 2);
        fixed_field(&mut bytes, "A", 3);
        assert_eq!(String::from_utf8(bytes).as_deref(), Ok("00123450003/09/2006\"Garcia, Jr\"ABA  "));
    }
}
