//! A link's YAML, resolved: fields in order, what each is compared as, and which tokens block.

use crate::error::{Error, Result};
use crate::workspace::{CompareAs, FilterEncoding, LinkThresholds, Probabilistic};

/// Part of a value that two people can have in common. The place of its token in an encoded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole value.
    Whole = 0,
    /// The first letter, or the year.
    Initial = 1,
    /// What it sounds like, or the month.
    Sound = 2,
    /// The first three letters, or the day.
    Prefix = 3,
    /// The nickname group, or the date with day and month swapped.
    Nickname = 4,
}

/// Tokens of an encoded value: those of [`Part`], and three more nickname groups.
pub(crate) const PARTS: usize = 8;

impl Part {
    pub(crate) const YEAR: Self = Self::Initial;
    pub(crate) const MONTH: Self = Self::Sound;
    pub(crate) const DAY: Self = Self::Prefix;
    pub(crate) const SWAPPED: Self = Self::Nickname;

    fn named(kind: CompareAs, name: &str) -> Option<Self> {
        let names: &[(&str, Self)] = match kind {
            CompareAs::GivenName => &[
                ("initial", Self::Initial),
                ("sound", Self::Sound),
                ("prefix", Self::Prefix),
                ("nickname", Self::Nickname),
            ],
            CompareAs::FamilyName | CompareAs::Initial | CompareAs::Text => {
                &[("initial", Self::Initial), ("sound", Self::Sound), ("prefix", Self::Prefix)]
            }
            CompareAs::Date => &[("year", Self::YEAR), ("month", Self::MONTH), ("day", Self::DAY)],
            CompareAs::Exact | CompareAs::Identifier => &[],
        };
        names.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
    }
}

/// A compared field.
#[derive(Clone, Debug)]
pub(crate) struct ComparedField {
    pub(crate) name: String,
    pub(crate) kind: CompareAs,
    /// Which dictionary its values are in: fields that may be swapped share one.
    pub(crate) domain: usize,
}

/// A link by probability, resolved.
#[derive(Clone, Debug)]
pub struct LinkageSpec {
    pub(crate) link: String,
    pub(crate) fields: Vec<ComparedField>,
    pub(crate) domains: usize,
    pub(crate) swapped: Option<(usize, usize)>,
    pub(crate) blocking: Vec<Vec<(usize, Part)>>,
    /// The blocking rules as written.
    pub(crate) blocking_names: Vec<String>,
    pub(crate) block_size: usize,
    pub(crate) thresholds: LinkThresholds,
    pub(crate) encoding: FilterEncoding,
    pub(crate) seed: u64,
}

/// Why no pair of a link may be linked without a look: what is missing from `compare`; `None` where nothing is.
#[must_use]
pub fn cannot_tell_apart(spec: &Probabilistic) -> Option<&'static str> {
    let has = |kind: CompareAs| spec.compare.iter().any(|(_, one)| *one == kind);
    if has(CompareAs::Identifier) {
        return None;
    }
    match (has(CompareAs::GivenName), has(CompareAs::Date)) {
        (true, true) => None,
        (false, _) => Some("without a first name nothing tells twins apart"),
        (true, false) => Some("without a date of birth nothing tells members of a household with like names apart"),
    }
}

impl LinkageSpec {
    /// Resolves what is written for link `link`.
    ///
    /// # Errors
    /// `identity.linkage` where a blocking part, a threshold or the encoding makes no sense, and
    /// `identity.cannot_tell_apart` where pairs would be linked automatically though nothing tells siblings or twins
    /// apart.
    pub fn resolve(link: &str, spec: &Probabilistic) -> Result<Self> {
        let wrong = |message: String| Error::config("identity.linkage", format!("link {link}: {message}"));
        if spec.compare.is_empty() || spec.compare.iter().count() > 16 {
            return Err(wrong("`compare` names 1 to 16 fields".into()));
        }
        if spec.blocking.is_empty() || spec.blocking.len() > 32 {
            return Err(wrong("`blocking` has 1 to 32 rules".into()));
        }
        let place = |name: &str| spec.compare.keys().position(|known| known == name);
        let is_name = |at: usize| {
            let kind = spec.compare.iter().nth(at).map(|(_, kind)| *kind);
            matches!(kind, Some(CompareAs::GivenName | CompareAs::FamilyName))
        };
        let swapped = match &spec.swapped {
            None => None,
            Some([a, b]) => match (place(a), place(b)) {
                (Some(a), Some(b)) if a != b && is_name(a) && is_name(b) => Some((a, b)),
                _ => return Err(wrong("`swapped` names two of the compared first and last names".into())),
            },
        };
        let mut fields: Vec<ComparedField> = Vec::new();
        let mut domains = 0;
        for (at, (name, kind)) in spec.compare.iter().enumerate() {
            let shared = swapped.filter(|(a, b)| at == *a.max(b)).map(|(a, b)| fields[a.min(b)].domain);
            let domain = shared.unwrap_or_else(|| {
                domains += 1;
                domains - 1
            });
            fields.push(ComparedField { name: name.to_owned(), kind: *kind, domain });
        }
        let mut blocking = Vec::new();
        for rule in &spec.blocking {
            let parts = rule.iter().map(|part| {
                let (field, part_name) = part.split_once('.').map_or((part.as_str(), None), |(f, p)| (f, Some(p)));
                let at = place(field).ok_or_else(|| wrong(format!("`{field}` blocks and is not compared")))?;
                let kind = fields[at].kind;
                let part = part_name.map_or(Some(Part::Whole), |name| Part::named(kind, name));
                part.map(|part| (at, part)).ok_or_else(|| {
                    wrong(format!("`{field}` has no part `{}`", part_name.unwrap_or_default()))
                        .with_hint("names have .initial .prefix .sound, first names .nickname, dates .year .month .day")
                })
            });
            let parts: Vec<_> = parts.collect::<Result<_>>()?;
            if parts.is_empty() {
                return Err(wrong("a blocking rule names at least one field".into()));
            }
            blocking.push(parts);
        }
        let LinkThresholds { link: automatic, review } = spec.thresholds;
        let probability = |p: f64| p > 0.0 && p <= 1.0;
        if !probability(review) || automatic.is_some_and(|p| !probability(p) || p < review) {
            return Err(wrong("thresholds are probabilities, `review` at most `link`".into()));
        }
        if let (Some(why), Some(_)) = (cannot_tell_apart(spec), automatic) {
            let message = format!("link {link} can't link anybody without somebody's look: {why}");
            let hint = "compare a first name and a date of birth, or an identifier; or write `thresholds: { link: null, \
                review: 0.5 }`, so that every pair becomes clerical work";
            return Err(Error::config("identity.cannot_tell_apart", message).with_hint(hint));
        }
        let encoding = spec.encoding;
        let fits = encoding.bits.is_power_of_two()
            && (64..=16384).contains(&encoding.bits)
            && (1..=12).contains(&encoding.hashes)
            && encoding.folds <= 2
            && (0.0..=0.5).contains(&encoding.flips);
        if !fits {
            return Err(wrong(
                "`encoding` has 64 to 16384 bits (a power of two), 1 to 12 hashes, 0 to 2 folds, flips 0 to 0.5".into(),
            ));
        }
        Ok(Self {
            link: link.to_owned(),
            fields,
            domains,
            swapped,
            blocking,
            blocking_names: spec.blocking.iter().map(|rule| rule.join(" + ")).collect(),
            block_size: spec.block_size.max(1) as usize,
            thresholds: spec.thresholds,
            encoding,
            seed: spec.seed,
        })
    }

    /// The link's name in the pipeline.
    pub fn link_name(&self) -> &str {
        &self.link
    }

    /// The compared fields, in order: what a row is encoded from.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}
