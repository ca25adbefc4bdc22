//! The order of file names.

use std::cmp::Ordering;

/// The order of paths by file name, numbers in names by their value: `part_9` comes before `part_10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let name = |path: &str| path.rfind('/').map_or(0, |slash| slash + 1);
    natural_names(&a.as_bytes()[name(a)..], &b.as_bytes()[name(b)..]).then_with(|| a.cmp(b))
}

/// The order of texts, numbers in them by their value.
pub(super) fn natural_text(a: &str, b: &str) -> Ordering {
    natural_names(a.as_bytes(), b.as_bytes()).then_with(|| a.cmp(b))
}

fn natural_names(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (Some(&first), Some(&second)) = (a.first(), b.first()) else { return a.len().cmp(&b.len()) };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (one, rest_a) = number(a);
            let (two, rest_b) = number(b);
            let order = one.len().cmp(&two.len()).then_with(|| one.cmp(two));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        } else if first != second {
            return first.cmp(&second);
        } else {
            (a, b) = (&a[1..], &b[1..]);
        }
    }
}

/// The digits at the start without leading zeros, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let start = text[..end].iter().position(|&byte| byte != b'0').unwrap_or(end);
    (&text[start..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        let mut names = vec!["z/f_10.csv", "a/f_9.csv", "a/f_009.csv", "a/f_2024_1.csv", "a/f.csv"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a/f.csv", "a/f_009.csv", "a/f_9.csv", "z/f_10.csv", "a/f_2024_1.csv"]);
    }
}
