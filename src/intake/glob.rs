//! Patterns of paths, and the order of file names.

use std::cmp::Ordering;

/// The folder that a pattern is looked for in: all before the first segment with a `*`.
pub(super) fn folder(pattern: &str) -> &str {
    let fixed = pattern.find('*').map_or(pattern, |star| &pattern[..star]);
    fixed.rfind('/').map_or("", |slash| &fixed[..slash])
}

/// Whether a path matches; `*` stands for any part of one segment.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), names.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) if segment_matches(pattern.as_bytes(), name.as_bytes()) => {}
            _ => return false,
        }
    }
}

fn segment_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how far it reached.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, reached)) = star {
            star = Some((at, reached + 1));
            p = at + 1;
            n = reached + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// The order of paths by file name, numbers in names by their value: `part_9` comes before `part_10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let name = |path: &str| path.rfind('/').map_or(0, |slash| slash + 1);
    natural_names(&a.as_bytes()[name(a)..], &b.as_bytes()[name(b)..]).then_with(|| a.cmp(b))
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
    fn a_star_stays_within_its_segment() {
        assert!(matches("a/*.csv", "a/x.csv") && matches("a/*.csv", "a/.csv") && matches("*/x_*_*.csv", "a/x_1_2.csv"));
        assert!(!matches("a/*.csv", "a/b/x.csv") && !matches("a/*.csv", "a/x.csv.gz") && !matches("a/x", "a"));
        assert!(matches("a/x.csv", "a/x.csv") && matches("a/**b", "a/ab") && !matches("a/*b*c", "a/bca"));
    }

    #[test]
    fn the_folder_ends_before_the_first_star() {
        assert_eq!(folder("a/b/c_*.csv"), "a/b");
        assert_eq!(folder("a/b*/c.csv"), "a");
        assert_eq!((folder("*.csv"), folder("a/b.csv")), ("", "a"));
    }

    #[test]
    fn numbers_in_names_count_by_value() {
        let mut names = vec!["z/f_10.csv", "a/f_9.csv", "a/f_009.csv", "a/f_2024_1.csv", "a/f.csv"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a/f.csv", "a/f_009.csv", "a/f_9.csv", "z/f_10.csv", "a/f_2024_1.csv"]);
    }
}
