//! Patterns of paths: `*` for any part of a name, `{year}` for a part that is a column.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A piece of one segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Any part of a name, captured where it has a name itself.
    Any(Option<String>),
}

/// A pattern, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    segments: Vec<Vec<Piece>>,
    text: String,
}

/// What stands for the named parts, in their order in the pattern.
pub(super) type Captures = Vec<(String, String)>;

impl Pattern {
    /// Takes a pattern apart. A `{` without its `}` is text.
    pub(super) fn new(text: &str) -> Self {
        Self { segments: text.split('/').map(pieces).collect(), text: text.to_owned() }
    }

    /// The names of its captures.
    pub(super) fn captures(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flatten().filter_map(|piece| match piece {
            Piece::Any(Some(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The files under `folder` that fit, in the order of their names.
    pub(super) fn files(&self, folder: &Path) -> Result<Vec<(PathBuf, Captures)>> {
        let mut found = vec![(PathBuf::new(), Captures::new())];
        for pieces in &self.segments {
            found = found.into_iter().flat_map(|(path, captures)| step(folder, &path, &captures, pieces)).collect();
        }
        found.retain(|(path, _)| folder.join(path).is_file());
        found.sort();
        if found.is_empty() {
            return Err(Error::data("tables.no_file", format!("no file fits `{}`", self.text))
                .with_hint("paths in a spec are relative to the folder of the spec"));
        }
        Ok(found)
    }

    /// Whether a path that was named on the command line fits, by its last names.
    pub(super) fn fits(&self, path: &Path) -> Option<Fit> {
        let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        self.fits_last(&names, self.segments.len().min(names.len()))
    }

    /// The same by the file's own name alone, whatever folder it lies in.
    pub(super) fn fits_by_name(&self, path: &Path) -> Option<Fit> {
        self.fits_last(&[path.file_name()?.to_string_lossy().into_owned()], 1)
    }

    fn fits_last(&self, names: &[String], wanted: usize) -> Option<Fit> {
        let (segments, names) = (&self.segments[self.segments.len() - wanted..], &names[names.len() - wanted..]);
        let mut captures = Captures::new();
        for (pieces, name) in segments.iter().zip(names) {
            captures.extend(matched(pieces, name)?);
        }
        let length = |piece: &Piece| if let Piece::Text(text) = piece { text.len() } else { 0 };
        let text = segments.iter().flatten().map(length).sum();
        Some(Fit { captures, names: wanted, text })
    }
}

/// How a path fits a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) captures: Captures,
    /// How many of its last names fit.
    names: usize,
    /// How much of them is the pattern's own text.
    text: usize,
}

impl Fit {
    /// How well it fits: with more folders, then with more text of the pattern's own.
    pub(super) fn merit(&self) -> (usize, usize) {
        (self.names, self.text)
    }
}

fn step(root: &Path, path: &Path, captures: &Captures, pieces: &[Piece]) -> Vec<(PathBuf, Captures)> {
    if let [Piece::Text(name)] = pieces {
        return vec![(path.join(name), captures.clone())];
    }
    let Ok(entries) = std::fs::read_dir(root.join(path)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| !name.starts_with('.'))
        .filter_map(|name| {
            let mut captures = captures.clone();
            captures.extend(matched(pieces, &name)?);
            Some((path.join(name), captures))
        })
        .collect()
}

fn pieces(segment: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = segment;
    while let Some(character) = rest.chars().next() {
        let capture = rest.strip_prefix('{').and_then(|after| after.split_once('}'));
        let any = match (character, capture) {
            ('*', _) => Some((None, &rest[1..])),
            (_, Some((name, after))) if !name.is_empty() => Some((Some(name.to_owned()), after)),
            _ => None,
        };
        match any {
            Some((name, after)) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Any(name));
                rest = after;
            }
            None => {
                text.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// What the pieces stand for in a name, each as short as can be.
fn matched(pieces: &[Piece], name: &str) -> Option<Captures> {
    match pieces.split_first() {
        None => name.is_empty().then(Captures::new),
        Some((Piece::Text(text), rest)) => matched(rest, name.strip_prefix(text.as_str())?),
        Some((Piece::Any(capture), rest)) => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.filter(|&end| capture.is_none() || end > 0).find_map(|end| {
                let mut captures: Captures =
                    capture.iter().map(|capture| (capture.clone(), name[..end].to_owned())).collect();
                captures.extend(matched(rest, &name[end..])?);
                Some(captures)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_braces_is_captured() {
        let pattern = Pattern::new("a/rates_{year}_race_*.csv");
        let captured = pattern.fits(Path::new("/x/a/rates_2010-11_race_grad.csv")).map(|fit| fit.captures);
        assert_eq!(captured, Some(vec![("year".to_owned(), "2010-11".to_owned())]));
        assert_eq!(pattern.fits(Path::new("a/rates_2010-11_gender_grad.csv")), None);
        assert_eq!(pattern.fits(Path::new("b/rates_2010-11_race_grad.csv")), None);
        assert!(pattern.fits_by_name(Path::new("b/rates_2010-11_race_grad.csv")).is_some());
        assert_eq!(pattern.captures().collect::<Vec<_>>(), ["year"]);
        assert!(pattern.fits(Path::new("rates_1_race_.csv")).is_some(), "by its last names alone");
        assert_eq!(Pattern::new("{a}{b}").fits(Path::new("x")), None, "a capture is never empty");
    }
}
