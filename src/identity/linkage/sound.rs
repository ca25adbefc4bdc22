//! What a name sounds like: a code of consonants in the manner of Soundex, longer and with the first letter coded too,
//! so that `KATHERINE` and `CATHRYN` meet.

/// Digits of a code.
const LENGTH: usize = 5;

/// The code of a normalised name; `None` where it has no letter that sounds.
pub(super) fn sound(name: &str, out: &mut String) -> bool {
    out.clear();
    let mut last = '0';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let code = match letter {
            'P' if next == Some('H') => '1',
            'B' | 'F' | 'P' | 'V' => '1',
            'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
            'D' | 'T' => '3',
            'L' => '4',
            'M' | 'N' => '5',
            'R' => '6',
            'H' | 'W' => continue,
            'A'..='Z' => {
                if out.is_empty() {
                    out.push('A');
                }
                last = '0';
                continue;
            }
            other => other,
        };
        if code != last {
            out.push(code);
        }
        last = code;
        if out.len() >= LENGTH {
            break;
        }
    }
    !out.is_empty()
}
