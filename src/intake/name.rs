//! Patterns of paths: what a file's name says about the delivery.

use std::fmt::Write as _;

use jiff::civil::Date;
use regex::{Captures, Regex};

use crate::error::Error;

/// What may stand in braces.
const WORDS: &str = "{date:YYYYMMDD}, {period}, {version} and {part}";

/// A pattern of paths: text, `*` for any part of a segment, and captures.
#[derive(Clone, Debug)]
pub(crate) struct NamePattern {
    folder: String,
    regex: Regex,
    /// Its captures.
    has: Has,
}

/// Which captures a pattern has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Has {
    pub(crate) date: bool,
    pub(crate) period: bool,
    pub(crate) version: bool,
    pub(crate) part: bool,
}

/// What the name of a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) date: Option<Date>,
    pub(crate) period: Option<String>,
    pub(crate) version: Option<u64>,
    pub(crate) part: Option<String>,
}

/// A name that fits its pattern, but for a day that no calendar has or a number of more digits than a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow on from it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut regex = String::from(r"\A");
        let mut has = Has::default();
        let mut rest = pattern;
        // A capture that follows another one without text between them could end anywhere.
        let mut open = false;
        while let Some(at) = rest.find(['*', '{', '}']) {
            let (text, from) = rest.split_at(at);
            regex.push_str(&regex::escape(text));
            open &= text.is_empty();
            rest = match from.as_bytes()[0] {
                b'*' => {
                    regex.push_str("[^/]*?");
                    &from[1..]
                }
                b'{' => {
                    let Some(end) = from.find('}') else { return Err("a brace is not closed".to_owned()) };
                    let word = &from[1..end];
                    let exact = has.capture(word, &mut regex)?;
                    if open && !exact {
                        return Err(format!("`{{{word}}}` needs text between it and what stands before it"));
                    }
                    open = !exact;
                    &from[end + 1..]
                }
                _ => return Err("a brace is not opened".to_owned()),
            };
        }
        regex.push_str(&regex::escape(rest));
        regex.push_str(r"\z");
        let fixed = pattern.find(['*', '{']).map_or(pattern, |at| &pattern[..at]);
        let folder = fixed.rfind('/').map_or("", |slash| &fixed[..slash]).to_owned();
        let regex = Regex::new(&regex).map_err(|_| "it is too long".to_owned())?;
        Ok(Self { folder, regex, has })
    }

    /// Reads the pattern of a source, which the check of the workspace has read before.
    ///
    /// # Errors
    /// `intake.pattern`.
    pub(crate) fn of(from: &str) -> crate::error::Result<Self> {
        Self::parse(from)
            .map_err(|mistake| Error::config("intake.pattern", format!("look for extracts: {from}: {mistake}")))
    }

    /// Whether a path matches, whatever its captures say.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }

    /// The folder that it is looked for in: all before the first segment that is not plain text.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// Its captures.
    pub(crate) fn has(&self) -> Has {
        self.has
    }

    /// What a path says; `None` where it does not match.
    pub(crate) fn read(&self, path: &str) -> Option<Result<Name, Unreadable>> {
        self.regex.captures(path).map(|found| name(&found))
    }
}

impl Has {
    /// Writes the expression of what stands in braces, and says whether its length is fixed.
    fn capture(&mut self, word: &str, regex: &mut String) -> Result<bool, String> {
        let (known, format) = word.split_once(':').map_or((word, None), |(word, format)| (word, Some(format)));
        let seen = match (known, format) {
            ("date", Some(format)) => {
                date(format, regex).ok_or_else(|| {
                    format!("`{format}` is no form of a day: it has YYYY, MM and DD, and `-`, `_` or `.` between them")
                })?;
                &mut self.date
            }
            ("date", None) => {
                return Err("`{date}` says not how the day is written, such as {date:YYYYMMDD}".to_owned());
            }
            ("period", None) => {
                regex.push_str("(?<period>[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*)");
                &mut self.period
            }
            ("version", None) => {
                regex.push_str("(?<version>[0-9]+)");
                &mut self.version
            }
            ("part", None) => {
                regex.push_str("(?<part>[0-9A-Za-z]+)");
                &mut self.part
            }
            _ => return Err(format!("`{{{word}}}` is not known; there is {WORDS}")),
        };
        if std::mem::replace(seen, true) {
            return Err(format!("`{{{word}}}` stands there twice"));
        }
        Ok(known == "date")
    }
}

/// Year, month and day, each once, in any order.
fn date(format: &str, regex: &mut String) -> Option<()> {
    let mut rest = format;
    let mut seen = [false; 3];
    while !rest.is_empty() {
        let parts = [("YYYY", "year", 4), ("MM", "month", 2), ("DD", "day", 2)];
        let part = parts.iter().enumerate().find(|(_, (word, ..))| rest.starts_with(word));
        if let Some((at, (word, name, digits))) = part {
            if std::mem::replace(&mut seen[at], true) {
                return None;
            }
            write!(regex, "(?<{name}>[0-9]{{{digits}}})").ok()?;
            rest = &rest[word.len()..];
        } else {
            let between = rest.chars().next().filter(|one| "-_.".contains(*one))?;
            regex.push_str(&regex::escape(&rest[..between.len_utf8()]));
            rest = &rest[between.len_utf8()..];
        }
    }
    seen.iter().all(|one| *one).then_some(())
}

fn name(found: &Captures<'_>) -> Result<Name, Unreadable> {
    let text = |group: &str| found.name(group).map(|one| one.as_str());
    let number = |group: &str| text(group).and_then(|digits| digits.parse::<i16>().ok());
    let date = match (number("year"), number("month"), number("day")) {
        (Some(year), Some(month), Some(day)) => {
            let (month, day) = (i8::try_from(month).unwrap_or(0), i8::try_from(day).unwrap_or(0));
            Some(Date::new(year, month, day).map_err(|_| Unreadable("a day that no calendar has"))?)
        }
        _ => None,
    };
    let version = text("version").map(|digits| digits.parse().map_err(|_| Unreadable("a version that is too long")));
    Ok(Name {
        date,
        period: text("period").map(str::to_owned),
        version: version.transpose()?,
        part: text("part").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, path: &str) -> Option<Result<Name, Unreadable>> {
        NamePattern::parse(pattern).expect("a pattern").read(path)
    }

    fn matches(pattern: &str, path: &str) -> bool {
        read(pattern, path).is_some()
    }

    #[test]
    fn a_star_stays_within_its_segment() {
        assert!(matches("a/*.csv", "a/x.csv") && matches("a/*.csv", "a/.csv") && matches("*/x_*_*.csv", "a/x_1_2.csv"));
        assert!(!matches("a/*.csv", "a/b/x.csv") && !matches("a/*.csv", "a/x.csv.gz") && !matches("a/x", "a"));
        assert!(matches("a/x.csv", "a/x.csv") && matches("a/**b", "a/ab") && !matches("a/*b*c", "a/bca"));
        assert!(!matches("a/x.csv", "a/xxcsv"), "a point is a point");
    }

    #[test]
    fn the_folder_ends_before_the_first_star_or_capture() {
        let folder = |pattern| NamePattern::parse(pattern).expect("a pattern").folder().to_owned();
        assert_eq!(folder("a/b/c_*.csv"), "a/b");
        assert_eq!(folder("a/b*/c.csv"), "a");
        assert_eq!(folder("a/{date:YYYY-MM-DD}/c.csv"), "a");
        assert_eq!((folder("*.csv").as_str(), folder("a/b.csv").as_str()), ("", "a"));
    }

    #[test]
    fn names_say_day_period_version_and_part() {
        let all = read("x/g_{period}_{date:YYYYMMDD}_v{version}_{part}*.csv", "x/g_2025-26_20260508_v12_3of4.csv");
        let all = all.expect("a match").expect("a name");
        assert_eq!(all.date, Some(Date::constant(2026, 5, 8)));
        assert_eq!(
            (all.period.as_deref(), all.version, all.part.as_deref()),
            (Some("2025-26"), Some(12), Some("3of4"))
        );
        let us = read("*{date:MM-DD-YYYY}.txt", "grads05-08-2026.txt").expect("a match").expect("a name");
        assert_eq!(us.date, Some(Date::constant(2026, 5, 8)));
        assert_eq!(read("g_*{version}.csv", "g_v12.csv").expect("a match").expect("a name").version, Some(12));
        assert_eq!(read("g_{date:YYYYMMDD}.csv", "g_x.csv"), None);
    }

    #[test]
    fn a_day_that_no_calendar_has_is_not_taken_for_another_name() {
        assert_eq!(
            read("g_{date:YYYYMMDD}*.csv", "g_20260231.csv"),
            Some(Err(Unreadable("a day that no calendar has")))
        );
        assert!(read("g_{version}.csv", "g_99999999999999999999999.csv").expect("a match").is_err());
    }

    #[test]
    fn a_wrong_pattern_says_what_is_wrong_with_it() {
        let wrong = |pattern| NamePattern::parse(pattern).expect_err("a mistake");
        assert!(wrong("a/{dat:YYYYMMDD}.csv").contains("not known"));
        assert!(wrong("a/{date}.csv").contains("how the day is written"));
        assert!(wrong("a/{date:YYYYMM}.csv").contains("no form of a day"));
        assert!(wrong("a/{date:YYYYMMDDDD}.csv").contains("no form of a day"));
        assert!(wrong("a/{period}{version}.csv").contains("text between"));
        assert!(wrong("a/{period}_{period}.csv").contains("twice"));
        assert!(wrong("a/{period.csv").contains("not closed") && wrong("a/period}.csv").contains("not opened"));
        assert!(NamePattern::parse("{period}{date:YYYYMMDD}").is_ok(), "a day has a fixed length");
    }
}
