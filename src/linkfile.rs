//! Linkage by probability alone, for people in two CSV files: to try a link's comparisons and thresholds before a
//! pipeline has them. The key is made up for the run and gone with it; what comes out are the files' own record ids.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::identity::{LinkModel, LinkTrial, LinkageSpec, Phase, ProbabilityReport, Pseudonym, Resources, normalise};
use crate::intake::{Delimited, Span};
use crate::workspace::{Assignment, CompareAs, Normaliser, Probabilistic};

/// What to link in two files, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileLink {
    /// The column that names a record, in both files. Records of one name are one person's.
    pub id: String,
    /// How many people of one side may be the same person of the other.
    pub assignment: Assignment,
    /// What stands under `probabilistic` in a pipeline. Fields are columns that both files have.
    pub probabilistic: Probabilistic,
}

/// A pair that came out.
#[derive(Clone, PartialEq)]
pub struct FilePair {
    /// The record on the left.
    pub left: String,
    /// The record on the right.
    pub right: String,
    /// How probable it is that they are the same person.
    pub probability: f64,
    /// Whether it is a link, or a pair for clerical review.
    pub linked: bool,
}

/// What came out.
pub struct LinkedFiles {
    /// Links, then pairs for review.
    pub pairs: Vec<FilePair>,
    /// What was done.
    pub report: ProbabilityReport,
    /// The model that was trained.
    pub model: LinkModel,
}

/// Links two files, each given by its name and content, with keys below `root`.
///
/// # Errors
/// A data error where a file can't be read, a config error where a column is not there or the spec makes no sense.
pub async fn link(
    spec: &FileLink,
    left: (&str, &[u8]),
    right: (&str, &[u8]),
    root: &[u8; 32],
    resources: &Resources,
) -> Result<LinkedFiles> {
    let resolved = LinkageSpec::resolve("files", &spec.probabilistic)?;
    resources.begin(Phase::Encode);
    let encode = |file: (&str, &[u8])| side(spec, &resolved, file, root);
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| encode(left));
        let right = encode(right);
        (left.join().unwrap_or_else(|_| Err(Error::internal("link.thread", "a file was not read"))), right)
    });
    let ((left, left_ids), (right, right_ids)) = (left?, right?);
    let (links, done) = left.link(right, &resolved, spec.assignment, resources).await?;
    let pair = |left: &Pseudonym, right: &Pseudonym, probability, linked| {
        let (left, right) = (left_ids.get(left)?.clone(), right_ids.get(right)?.clone());
        Some(FilePair { left, right, probability, linked })
    };
    let links = links.iter().filter_map(|(left, right, probability)| pair(left, right, *probability, true));
    let review = done.review.iter().filter_map(|one| pair(&one.left, &one.right, one.probability, false));
    Ok(LinkedFiles { pairs: links.chain(review).collect(), report: done.report, model: done.model })
}

/// A file's people, encoded, and the names of its records.
fn side(
    spec: &FileLink,
    resolved: &LinkageSpec,
    (path, bytes): (&str, &[u8]),
    root: &[u8; 32],
) -> Result<(LinkTrial, HashMap<Pseudonym, String>)> {
    let mut records = Records::open(path, bytes)?;
    let header: Vec<String> = records.next()?.unwrap_or_default().iter().map(|name| name.trim().to_owned()).collect();
    let place = |name: &str| {
        header.iter().position(|column| column == name).ok_or_else(|| {
            Error::config("link.column", format!("{path} has no column `{name}`"))
                .with_hint(format!("its columns are {}", header.join(", ")))
        })
    };
    let id = place(&spec.id)?;
    let columns: Vec<(usize, Normaliser)> = spec
        .probabilistic
        .compare
        .iter()
        .map(|(name, kind)| Ok((place(name)?, normaliser(*kind))))
        .collect::<Result<_>>()?;
    let mut trial = LinkTrial::new(resolved, root);
    let mut names = HashMap::new();
    while let Some(fields) = records.next()? {
        let field = |at: usize| fields.get(at).map_or("", |field| field.as_ref());
        let values: Vec<Option<String>> =
            columns.iter().map(|(at, normaliser)| normalise(*normaliser, field(*at))).collect();
        let person = trial.push(field(id), values.iter().map(Option::as_deref));
        names.entry(person).or_insert_with(|| field(id).to_owned());
    }
    Ok((trial, names))
}

fn normaliser(kind: CompareAs) -> Normaliser {
    match kind {
        CompareAs::Date => Normaliser::Date,
        CompareAs::Identifier => Normaliser::Exact,
        CompareAs::GivenName | CompareAs::FamilyName | CompareAs::Initial | CompareAs::Exact | CompareAs::Text => {
            Normaliser::Name
        }
    }
}

/// The records of a CSV file.
struct Records<'a> {
    path: &'a str,
    text: &'a str,
    at: usize,
    line: u64,
    layout: Delimited,
    spans: Vec<Span>,
}

impl<'a> Records<'a> {
    fn open(path: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Error::data("link.utf8", format!("{path} is not UTF-8 text")).with_hint("save it as CSV in UTF-8")
        })?;
        let header = text.lines().next().unwrap_or_default();
        let often = |delimiter: &char| header.matches(*delimiter).count();
        let delimiter = [',', ';', '\t', '|'].into_iter().rev().max_by_key(often).unwrap_or(',');
        let layout = Delimited::new(delimiter, Some('"'), false)?;
        Ok(Self { path, text, at: 0, line: 1, layout, spans: Vec::new() })
    }

    /// The fields of the next record that is not blank; none at the end.
    fn next(&mut self) -> Result<Option<Vec<Cow<'a, str>>>> {
        loop {
            let rest = &self.text[self.at..];
            // Spans have 32 bits.
            let window = &rest.as_bytes()[..rest.len().min(1 << 30)];
            let Some(extent) = self.layout.next(window, window.len() == rest.len(), &mut self.spans) else {
                return Ok(None);
            };
            if extent.fault.is_some() {
                return Err(Error::data("link.record", format!("{} line {} can't be read", self.path, self.line))
                    .with_hint("a quote is not closed, or text goes on behind it"));
            }
            self.at += extent.whole;
            self.line += extent.lines;
            let field = |span: &Span| {
                let field = &rest[span.start as usize..span.end as usize];
                if field.contains("\"\"") { Cow::Owned(field.replace("\"\"", "\"")) } else { Cow::Borrowed(field) }
            };
            let fields: Vec<_> = self.spans.iter().map(field).collect();
            if fields.iter().any(|field| !field.is_empty()) {
                return Ok(Some(fields));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    const SPEC: &str = "
id: id
assignment: one_to_one
probabilistic:
  compare: { first: given_name, last: family_name, born: date }
  blocking: [[last], [born]]
";

    fn resources() -> Resources {
        let bytes = 1 << 28;
        Resources::new(1, Arc::new(GreedyMemoryPool::new(bytes)), bytes as u64)
    }

    #[tokio::test]
    async fn records_of_two_files_are_linked_by_their_own_ids() {
        let spec: FileLink = serde_saphyr::from_str(SPEC).unwrap();
        let (mut left, mut right) = ("id,first,last,born\n".to_owned(), "id;born;last;first\n".to_owned());
        for at in 0..400 {
            let first: String =
                [at % 20, at / 20].iter().map(|n| char::from(b'A' + *n as u8)).cycle().take(6).collect();
            let (last, born) =
                (format!("{first}{}", "SON"), format!("19{:02}-0{}-1{}", at % 89 + 10, at % 9 + 1, at % 7));
            left += &format!("l{at},{first},\"{last}\",{born}\n");
            right += &format!("r{at};{born};{last};{first}\n");
        }
        let resources = resources();
        let done = link(&spec, ("l.csv", left.as_bytes()), ("r.csv", right.as_bytes()), &[1; 32], &resources);
        let done = done.await.unwrap();
        let linked: Vec<_> = done.pairs.iter().filter(|pair| pair.linked).collect();
        assert!(linked.len() > 380, "{}", linked.len());
        assert!(linked.iter().all(|pair| pair.left[1..] == pair.right[1..]));
    }

    #[tokio::test]
    async fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let spec: FileLink = serde_saphyr::from_str(SPEC).unwrap();
        let file: (&str, &[u8]) = ("l.csv", b"id,first,last\n1,A,B\n");
        let refused = link(&spec, file, file, &[1; 32], &resources()).await.err().unwrap();
        assert_eq!(refused.code(), "link.column");
        assert_eq!(refused.hint(), Some("its columns are id, first, last"));
    }
}
