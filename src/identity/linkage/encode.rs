//! Rows to keyed encodings. Each distinct value of a field becomes tokens (128-bit HMACs cut to 64 bits, for equality
//! within this process only) and a filter; a row becomes the places of its values. Nothing here can be written out,
//! shows itself in `Debug`, or outlives the step: all of it is wiped when dropped.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

use super::super::keyed_hash::KeyedHash;
use super::super::locked::Locked;
use super::super::pseudonym::Pseudonym;
use super::super::wiped::Wiped;
use super::filter::FilterMaker;
use super::nicknames::Nicknames;
use super::sound::sound;
use super::spec::{LinkageSpec, PARTS, Part};
use crate::workspace::{CompareAs, FilterEncoding};

/// Stands for a missing value.
pub(super) const MISSING: u32 = u32::MAX;

/// An encoded value.
#[derive(Clone, Copy, Zeroize)]
pub(super) struct Value {
    /// By [`Part`]; 0 where there is none.
    pub(super) tokens: [u64; PARTS],
    /// Bits set in the filter.
    pub(super) ones: u32,
    /// Letters, at most 255.
    pub(super) letters: u8,
}

/// The distinct values of the fields of one domain.
#[derive(Default)]
pub(super) struct Values {
    pub(super) values: Wiped<Value>,
    /// Words of a filter; 0 where the domain's values have none.
    pub(super) words: usize,
    pub(super) filters: Wiped<u64>,
}

impl Values {
    pub(super) fn filter(&self, value: u32) -> &[u64] {
        let start = value as usize * self.words;
        &self.filters[start..start + self.words]
    }
}

impl Values {
    pub(super) fn with_words(words: usize) -> Self {
        Self { words, ..Self::default() }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.values.len() * size_of::<Value>() + self.filters.len() * size_of::<u64>()
    }
}

/// One side of a link, encoded.
pub(crate) struct EncodedPeople {
    pub(super) domains: Vec<Values>,
    /// The people, a row each; a person whose rows differ has several. Sorted.
    pub(super) people: Vec<Pseudonym>,
    /// Places of values, one per field and row.
    pub(super) rows: Vec<u32>,
    pub(super) fields: usize,
}

impl EncodedPeople {
    /// Bytes held.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        self.domains.iter().map(Values::bytes).sum::<usize>() + self.people.len() * 16 + self.rows.len() * 4
    }
}

impl fmt::Debug for EncodedPeople {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedPeople(..)")
    }
}

/// Values of a domain by their text, while rows come in.
struct Domain {
    key: Arc<Locked<KeyedHash>>,
    /// What its values are compared as; first names where first and last names share it, so that a value's tokens do
    /// not depend on where it stood first.
    kind: CompareAs,
    known: HashMap<Box<str>, u32>,
    values: Values,
    maker: FilterMaker,
}

impl Domain {
    /// Takes the values of another one; gives the place of each here.
    fn join(&mut self, other: &mut Self) -> Vec<u32> {
        let mut places = vec![MISSING; other.values.values.len()];
        for (text, place) in other.known.drain() {
            let own = self.known.get(&text).copied().unwrap_or_else(|| {
                let own = self.values.values.len() as u32;
                self.values.values.push(other.values.values[place as usize]);
                self.values.filters.extend_from_slice(other.values.filter(place));
                self.known.insert(text.clone(), own);
                own
            });
            places[place as usize] = own;
            text.into_boxed_bytes().zeroize();
        }
        places
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        for (text, _) in self.known.drain() {
            text.into_boxed_bytes().zeroize();
        }
    }
}

/// Encodes the rows of one side of a link.
pub(crate) struct LinkEncoder {
    fields: Vec<(CompareAs, usize)>,
    domains: Vec<Domain>,
    /// The filter of all fields together, where the link asks for it.
    record: bool,
    nicknames: Nicknames,
    people: Vec<Pseudonym>,
    rows: Vec<u32>,
    scratch: String,
}

impl LinkEncoder {
    /// `key` gives the keyed hash of a domain; no two domains may share one.
    pub(in crate::identity) fn new(spec: &LinkageSpec, key: impl Fn(&str) -> KeyedHash) -> Self {
        let key = |domain: &str| Arc::new(Locked::new(key(domain)));
        let filtered = |kind: CompareAs| !matches!(kind, CompareAs::Exact | CompareAs::Initial | CompareAs::Identifier);
        let record = spec.encoding.record;
        let mut domains: Vec<Domain> = (0..spec.domains)
            .map(|domain| {
                let of = || spec.fields.iter().filter(move |field| field.domain == domain);
                let names: Vec<&str> = of().map(|field| field.name.as_str()).collect();
                let maker = FilterMaker::new(encoding_of(spec, of().any(|field| field.kind == CompareAs::Date)));
                let words = if !record && of().any(|field| filtered(field.kind)) { maker.words() } else { 0 };
                let given = of().any(|field| field.kind == CompareAs::GivenName);
                let kind = of().map(|field| field.kind).next().unwrap_or(CompareAs::Exact);
                Domain {
                    kind: if given { CompareAs::GivenName } else { kind },
                    key: key(&format!("{}:{}", spec.link, names.join(","))),
                    known: HashMap::new(),
                    values: Values::with_words(words),
                    maker,
                }
            })
            .collect();
        if record {
            let maker = FilterMaker::new(spec.encoding);
            let values = Values::with_words(maker.words());
            let (key, kind) = (key(&format!("{}#record", spec.link)), CompareAs::Exact);
            domains.push(Domain { key, kind, known: HashMap::new(), values, maker });
        }
        Self {
            fields: spec.fields.iter().map(|field| (field.kind, field.domain)).collect(),
            domains,
            record,
            nicknames: Nicknames::new(),
            people: Vec::new(),
            rows: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Another one for rows of the same side on another thread. The keys stay in their one place.
    pub(in crate::identity) fn another(&self) -> Self {
        let domain = |domain: &Domain| Domain {
            key: Arc::clone(&domain.key),
            kind: domain.kind,
            known: HashMap::new(),
            values: Values::with_words(domain.values.words),
            maker: domain.maker.another(),
        };
        Self {
            fields: self.fields.clone(),
            domains: self.domains.iter().map(domain).collect(),
            record: self.record,
            nicknames: Nicknames::new(),
            people: Vec::new(),
            rows: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Takes what [`Self::another`] has collected. Which of them had which rows makes no difference.
    pub(in crate::identity) fn join(&mut self, mut other: Self) {
        let places: Vec<Vec<u32>> =
            self.domains.iter_mut().zip(&mut other.domains).map(|(own, other)| own.join(other)).collect();
        let last = self.domains.len() - 1;
        let width = self.fields.len() + usize::from(self.record);
        for row in other.rows.chunks_exact(width) {
            for (at, &value) in row.iter().enumerate() {
                let domain = self.fields.get(at).map_or(last, |field| field.1);
                self.rows.push(if value == MISSING { MISSING } else { places[domain][value as usize] });
            }
        }
        self.people.append(&mut other.people);
    }

    /// Takes in a row: its person and normalised values, one per compared field.
    pub(crate) fn push<'a>(&mut self, person: Pseudonym, values: impl IntoIterator<Item = Option<&'a str>>) {
        let start = self.rows.len();
        let mut whole = String::new();
        let fields = std::mem::take(&mut self.fields);
        for (&(kind, domain), value) in fields.iter().zip(values) {
            let value = value.filter(|value| !value.is_empty());
            let place = value.map_or(MISSING, |value| self.place(domain, value));
            self.rows.push(place);
            if self.record && kind != CompareAs::Exact {
                whole.push('\u{1f}');
                whole.push_str(value.unwrap_or_default());
            }
        }
        self.fields = fields;
        if self.record {
            let place = self.record_place(&whole);
            self.rows.push(place);
            whole.zeroize();
        }
        // A partner's rows about a person mostly stand together and say the same.
        let width = self.rows.len() - start;
        if self.people.last() == Some(&person) && self.rows[start - width..start] == self.rows[start..] {
            self.rows.truncate(start);
        } else {
            self.people.push(person);
        }
    }

    fn place(&mut self, domain: usize, text: &str) -> u32 {
        let domain = &mut self.domains[domain];
        let kind = domain.kind;
        if let Some(&place) = domain.known.get(text) {
            return place;
        }
        let place = domain.values.values.len() as u32;
        let tokens = tokens(&domain.key, kind, text, &self.nicknames, &mut self.scratch);
        let mut value = Value { tokens, ones: 0, letters: text.chars().count().min(255) as u8 };
        if domain.values.words > 0 {
            match kind {
                CompareAs::Date => domain.maker.add_digits(&domain.key, text),
                _ => domain.maker.add_text(&domain.key, text),
            }
            value.ones = domain.maker.finish(&domain.key, text, &mut domain.values.filters);
        }
        domain.values.values.push(value);
        domain.known.insert(text.into(), place);
        place
    }

    /// The value of all fields together: a record-level filter.
    fn record_place(&mut self, whole: &str) -> u32 {
        let Some(domain) = self.domains.last_mut() else { return MISSING };
        if let Some(&place) = domain.known.get(whole) {
            return place;
        }
        let place = domain.values.values.len() as u32;
        for part in whole.split('\u{1f}').filter(|part| !part.is_empty()) {
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                domain.maker.add_digits(&domain.key, part);
            } else {
                domain.maker.add_text(&domain.key, part);
            }
        }
        let ones = domain.maker.finish(&domain.key, whole, &mut domain.values.filters);
        let mut tokens = [0; PARTS];
        tokens[Part::Whole as usize] = token(&domain.key, "whole", whole);
        domain.values.values.push(Value { tokens, ones, letters: 255 });
        domain.known.insert(whole.into(), place);
        place
    }

    /// All that came in, in an order that does not depend on the order in which it came: each row once.
    #[must_use]
    pub(crate) fn finish(mut self) -> EncodedPeople {
        let fields = self.fields.len() + usize::from(self.record);
        let last = self.domains.len() - 1;
        let of_field = |at: usize| self.fields.get(at).map_or(last, |field| field.1);
        let places: Vec<Vec<u32>> = self.domains.iter_mut().map(|domain| in_order(&mut domain.values)).collect();
        for row in self.rows.chunks_exact_mut(fields) {
            for (at, value) in row.iter_mut().enumerate().filter(|(_, value)| **value != MISSING) {
                *value = places[of_field(at)][*value as usize];
            }
        }
        let row = |at: u32| &self.rows[at as usize * fields..(at as usize + 1) * fields];
        let mut order: Vec<u32> = (0..self.people.len() as u32).collect();
        let by = |&a: &u32, &b: &u32| (self.people[a as usize], row(a)).cmp(&(self.people[b as usize], row(b)));
        order.sort_unstable_by(by);
        order.dedup_by(|a, b| by(a, b).is_eq());
        let people = order.iter().map(|&at| self.people[at as usize]).collect();
        let rows = order.iter().flat_map(|&at| row(at).iter().copied()).collect();
        let domains = self.domains.iter_mut().map(|domain| std::mem::take(&mut domain.values)).collect();
        EncodedPeople { domains, people, rows, fields }
    }
}

impl fmt::Debug for LinkEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkEncoder(..)")
    }
}

/// Dates have eight digits and get by with half the bits.
fn encoding_of(spec: &LinkageSpec, date: bool) -> FilterEncoding {
    let bits = spec.encoding.bits;
    FilterEncoding { bits: if date { (bits / 2).max(bits.min(256)) } else { bits }, ..spec.encoding }
}

/// Sorts values by their tokens; gives the new place of each.
fn in_order(values: &mut Values) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.values.len() as u32).collect();
    order.sort_unstable_by_key(|&at| values.values[at as usize].tokens[0]);
    let mut places = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        places[old as usize] = new as u32;
    }
    let mut sorted = Values {
        values: Wiped::with_capacity(order.len()),
        words: values.words,
        filters: Wiped::with_capacity(values.filters.len()),
    };
    for &at in &order {
        sorted.values.push(values.values[at as usize]);
        sorted.filters.extend_from_slice(values.filter(at));
    }
    *values = sorted;
    places
}

fn token(key: &KeyedHash, part: &str, text: &str) -> u64 {
    let hash = key.of([part, text]);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(bytes).max(1)
}

fn tokens(key: &KeyedHash, kind: CompareAs, text: &str, nicknames: &Nicknames, scratch: &mut String) -> [u64; PARTS] {
    let mut tokens = [0; PARTS];
    tokens[Part::Whole as usize] = token(key, "whole", text);
    match kind {
        CompareAs::Exact | CompareAs::Identifier => {}
        CompareAs::Date => date_tokens(key, text, &mut tokens),
        CompareAs::GivenName | CompareAs::FamilyName | CompareAs::Initial | CompareAs::Text => {
            let first = text.chars().next().map_or(0, char::len_utf8);
            tokens[Part::Initial as usize] = token(key, "initial", &text[..first]);
            let three = text.char_indices().nth(3).map_or(text.len(), |(at, _)| at);
            tokens[Part::Prefix as usize] = token(key, "prefix", &text[..three]);
            if sound(text, scratch) {
                tokens[Part::Sound as usize] = token(key, "sound", scratch);
            }
            scratch.zeroize();
        }
    }
    if kind == CompareAs::GivenName {
        let groups = nicknames.groups(text);
        for (token_of, group) in tokens[Part::Nickname as usize..].iter_mut().zip(groups) {
            *token_of = group.map_or(0, |group| token(key, "nickname", group));
        }
        // Names without a group stand for themselves, so that they block by it too.
        if tokens[Part::Nickname as usize] == 0 {
            tokens[Part::Nickname as usize] = token(key, "nickname", text);
        }
    }
    tokens
}

/// Year, month and day of `YYYY-MM-DD`; a date in another shape is only equal or alike as a whole.
fn date_tokens(key: &KeyedHash, text: &str, tokens: &mut [u64; PARTS]) {
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return;
    };
    tokens[Part::YEAR as usize] = token(key, "year", year);
    tokens[Part::MONTH as usize] = token(key, "month", month);
    tokens[Part::DAY as usize] = token(key, "day", day);
    tokens[Part::SWAPPED as usize] = token(key, "whole", &format!("{year}-{day}-{month}"));
}
