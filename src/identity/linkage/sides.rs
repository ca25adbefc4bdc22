//! Both sides of a link under one numbering of values: equal numbers are equal values.

use super::super::pseudonym::Pseudonym;
use super::super::wiped::Wiped;
use super::blocking::Hashes;
use super::encode::{EncodedPeople, MISSING, Values};
use super::spec::{LinkageSpec, PARTS, Part};

/// One side: rows of value numbers.
pub(super) struct Rows {
    pub(super) people: Vec<Pseudonym>,
    /// Numbers of values, `width` a row.
    pub(super) values: Vec<u32>,
    pub(super) width: usize,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    pub(super) fn row(&self, at: u32) -> &[u32] {
        let start = at as usize * self.width;
        &self.values[start..start + self.width]
    }

    fn bytes(&self) -> usize {
        self.people.len() * size_of::<Pseudonym>() + self.values.len() * size_of::<u32>()
    }
}

/// Both sides.
pub(super) struct Sides {
    pub(super) domains: Vec<Values>,
    /// Which domain each column of a row is of.
    pub(super) columns: Vec<usize>,
    pub(super) left: Rows,
    pub(super) right: Rows,
    /// How frequent each value is among the rows of both sides that have one: by column, then value.
    pub(super) frequencies: Vec<Vec<f32>>,
}

impl Sides {
    /// Both sides and what blocks their rows: on the left, on the right.
    pub(super) fn new(spec: &LinkageSpec, left: EncodedPeople, right: EncodedPeople) -> (Self, [Hashes; 2]) {
        let mut columns: Vec<usize> = spec.fields.iter().map(|field| field.domain).collect();
        if spec.encoding.record {
            columns.push(spec.domains);
        }
        let (mut domains, mut left_places, mut right_places) = (Vec::new(), Vec::new(), Vec::new());
        for (one, other) in left.domains.iter().zip(&right.domains) {
            let (values, left, right) = merged(one, other);
            domains.push(values);
            left_places.push(left);
            right_places.push(right);
        }
        let (left, left_hashes) = rows(spec, left, &columns, &left_places, &domains);
        let (right, right_hashes) = rows(spec, right, &columns, &right_places, &domains);
        let frequencies = (0..columns.len()).map(|at| frequencies(at, &domains[columns[at]], &left, &right)).collect();
        (Self { domains, columns, left, right, frequencies }, [left_hashes, right_hashes])
    }

    /// Bytes held, those of a [`super::compare::Comparer`] over them included.
    pub(super) fn bytes(&self) -> usize {
        let of_columns: usize = self.frequencies.iter().map(Vec::len).sum();
        let domains: usize = self.domains.iter().map(Values::bytes).sum();
        domains + self.left.bytes() + self.right.bytes() + of_columns * (2 * size_of::<f32>() + 1)
    }

    /// Which parts of two values of a column are there and equal, a bit each.
    pub(super) fn equal_parts(&self, column: usize, left: u32, right: u32) -> u32 {
        if left == MISSING || right == MISSING {
            return 0;
        }
        let values = &self.domains[self.columns[column]].values;
        let tokens = values[left as usize].tokens.iter().zip(&values[right as usize].tokens);
        tokens.enumerate().filter(|(_, (a, b))| **a != 0 && a == b).fold(0, |mask, (part, _)| mask | 1 << part)
    }
}

/// Two sorted lists of values as one; the new places of either's.
fn merged(left: &Values, right: &Values) -> (Values, Vec<u32>, Vec<u32>) {
    let mut values = Values::with_words(left.words);
    let (mut left_places, mut right_places) = (Vec::new(), Vec::new());
    let (mut l, mut r) = (0, 0);
    let token = |of: &Values, at: usize| of.values.get(at).map_or(u64::MAX, |value| value.tokens[0]);
    while l < left.values.len() || r < right.values.len() {
        let (a, b) = (token(left, l), token(right, r));
        let place = values.values.len() as u32;
        let (from, at) = if a <= b { (left, l) } else { (right, r) };
        values.values.push(from.values[at]);
        if from.words > 0 {
            values.filters.extend_from_slice(from.filter(at as u32));
        }
        if a <= b {
            left_places.push(place);
            l += 1;
        }
        if b <= a {
            right_places.push(place);
            r += 1;
        }
    }
    (values, left_places, right_places)
}

fn rows(
    spec: &LinkageSpec,
    mut people: EncodedPeople,
    columns: &[usize],
    places: &[Vec<u32>],
    domains: &[Values],
) -> (Rows, Hashes) {
    let width = people.fields;
    let mut values = std::mem::take(&mut people.rows);
    for row in values.chunks_exact_mut(width) {
        for (value, &domain) in row.iter_mut().zip(columns).filter(|(value, _)| **value != MISSING) {
            *value = places[domain][*value as usize];
        }
    }
    let rules = spec.blocking.len();
    let mut hashes = Wiped::with_capacity(rules * people.people.len());
    for row in values.chunks_exact(width) {
        for rule in &spec.blocking {
            let token_of = |&(field, part): &(usize, Part)| match row[field] {
                MISSING => 0,
                value => domains[columns[field]].values[value as usize].tokens[part as usize],
            };
            let tokens = rule.iter().map(token_of);
            hashes.push(tokens.reduce(mixed).unwrap_or(0));
        }
    }
    (Rows { people: std::mem::take(&mut people.people), values, width }, Hashes { hashes, rules })
}

/// Two tokens as one; 0 where either is missing. The tokens are keyed hashes already: it need only not lose their bits.
fn mixed(a: u64, b: u64) -> u64 {
    if a == 0 || b == 0 {
        return 0;
    }
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(u128::from(b | 1));
    let folded = (product as u64) ^ ((product >> 64) as u64);
    (folded ^ b.rotate_left(29)).max(1)
}

fn frequencies(column: usize, values: &Values, left: &Rows, right: &Rows) -> Vec<f32> {
    let mut counts = vec![0_u32; values.values.len()];
    let mut all = 0_u64;
    for rows in [left, right] {
        for row in rows.values.chunks_exact(rows.width).filter(|row| row[column] != MISSING) {
            counts[row[column] as usize] += 1;
            all += 1;
        }
    }
    counts.into_iter().map(|count| count as f32 / all.max(1) as f32).collect()
}

/// Tokens that are there and equal.
pub(super) fn share(a: &[u64; PARTS], b: &[u64; PARTS], part: Part) -> bool {
    a[part as usize] != 0 && a[part as usize] == b[part as usize]
}
