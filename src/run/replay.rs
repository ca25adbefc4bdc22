//! What is left of rows that changes are about. Rows come sorted by their key; what is kept is said by their place among
//! all rows that the contract admitted, a bit for each.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array};

/// What a row of a change file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Action {
    Add = 0,
    Change = 1,
    Delete = 2,
}

/// A row: its key, its place, and its action or the day from which it is in effect (days since 1970).
pub(super) type Event = ([u8; 16], u64, i32);

/// How rows are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Rows sorted by key and place: the last one stands, unless it deletes.
    Transactions,
    /// Rows sorted by key, day and place: the last one of each day stands.
    EffectiveDated,
}

/// No day.
const OPEN: i32 = i32::MIN;

/// What is left.
#[derive(Debug)]
pub(super) struct Settled {
    kept: Vec<u64>,
    /// For each row that is kept and not the last of its key: the day of the next one.
    until: Option<Vec<i32>>,
    /// Rows that the contract admitted.
    pub(super) rows: u64,
    pub(super) counts: Counts,
}

/// Where the other rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Rows that later ones replaced or deleted.
    pub(super) superseded: u64,
    /// Rows that delete.
    pub(super) deletions: u64,
    /// Rows that no key could be made for.
    pub(super) without_key: u64,
    /// Of the rows that change: those whose key was not there.
    pub(super) unknown_changes: u64,
    /// Of the rows that delete: those whose key was not there.
    pub(super) unknown_deletions: u64,
}

/// Takes rows in their sorted order.
pub(super) struct Replay {
    rule: Rule,
    key: Option<[u8; 16]>,
    /// The row of the key that stands so far: its place and its day.
    live: Option<(u64, i32)>,
    settled: Settled,
}

impl Replay {
    /// For so many admitted rows, some of which no key could be made for.
    pub(super) fn new(rule: Rule, rows: u64, without_key: u64) -> Self {
        let places = usize::try_from(rows).unwrap_or(usize::MAX);
        let settled = Settled {
            kept: vec![0; places.div_ceil(64)],
            until: (rule == Rule::EffectiveDated).then(|| vec![OPEN; places]),
            rows,
            counts: Counts { without_key, ..Counts::default() },
        };
        Self { rule, key: None, live: None, settled }
    }

    pub(super) fn push(&mut self, (key, at, what): Event) {
        if self.key != Some(key) {
            self.keep(OPEN);
            self.key = Some(key);
        }
        let counts = &mut self.settled.counts;
        match self.rule {
            Rule::EffectiveDated => {
                match self.live {
                    Some((_, day)) if day == what => counts.superseded += 1,
                    _ => self.keep(what),
                }
                self.live = Some((at, what));
            }
            Rule::Transactions if what == Action::Delete as i32 => {
                counts.deletions += 1;
                match self.live.take() {
                    Some(_) => counts.superseded += 1,
                    None => counts.unknown_deletions += 1,
                }
            }
            Rule::Transactions => {
                match self.live {
                    Some(_) => counts.superseded += 1,
                    None if what == Action::Change as i32 => counts.unknown_changes += 1,
                    None => {}
                }
                self.live = Some((at, what));
            }
        }
    }

    pub(super) fn finish(mut self) -> Settled {
        self.keep(OPEN);
        self.settled
    }

    /// The row that stands so far stays, in effect until that day.
    fn keep(&mut self, day: i32) {
        let Some((at, _)) = self.live.take() else { return };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.settled.kept[at / 64] |= 1 << (at % 64);
        if let Some(until) = &mut self.settled.until {
            until[at] = day;
        }
    }
}

impl Settled {
    /// Which of so many rows from this place on are left.
    pub(super) fn kept(&self, from: u64, rows: usize) -> BooleanArray {
        let places = self.places(from, rows);
        places.map(|at| Some(self.kept[at / 64] >> (at % 64) & 1 == 1)).collect()
    }

    /// Until when those are in effect, where rows are effective-dated.
    pub(super) fn until(&self, from: u64, rows: usize) -> Option<ArrayRef> {
        let until = self.until.as_ref()?;
        let days = self.places(from, rows).map(|at| Some(until[at]).filter(|day| *day != OPEN));
        Some(Arc::new(days.collect::<Date32Array>()))
    }

    fn places(&self, from: u64, rows: usize) -> std::ops::Range<usize> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        from..from + rows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> [u8; 16] {
        [n; 16]
    }

    /// Sorts as the engine does, and replays.
    fn settle(rule: Rule, rows: &[(u8, i32)]) -> Settled {
        let mut events: Vec<Event> = rows.iter().zip(0..).map(|(&(k, what), at)| (key(k), at, what)).collect();
        match rule {
            Rule::Transactions => events.sort_by_key(|&(key, at, _)| (key, at)),
            Rule::EffectiveDated => events.sort_by_key(|&(key, at, day)| (key, day, at)),
        }
        let mut replay = Replay::new(rule, rows.len() as u64, 0);
        events.into_iter().for_each(|event| replay.push(event));
        replay.finish()
    }

    fn left(settled: &Settled, rows: usize) -> Vec<usize> {
        let kept = settled.kept(0, rows);
        (0..rows).filter(|&at| kept.value(at)).collect()
    }

    #[test]
    fn a_deletion_ends_a_row_and_an_addition_begins_it_again() {
        let rows = [(1, 0), (1, 1), (2, 1), (1, 2), (3, 2), (1, 0)];
        let settled = settle(Rule::Transactions, &rows);
        assert_eq!(left(&settled, rows.len()), [2, 5]);
        let expected =
            Counts { superseded: 2, deletions: 2, unknown_changes: 1, unknown_deletions: 1, ..Counts::default() };
        assert_eq!(settled.counts, expected);
    }

    #[test]
    fn a_later_row_of_the_same_day_takes_the_place_of_the_earlier_one() {
        let rows = [(1, 20), (1, 10), (1, 20), (2, 5)];
        let settled = settle(Rule::EffectiveDated, &rows);
        assert_eq!(left(&settled, rows.len()), [1, 2, 3]);
        let until = settled.until(0, rows.len()).expect("days");
        let until: &Date32Array = arrow::array::AsArray::as_primitive(until.as_ref());
        assert_eq!(until.iter().collect::<Vec<_>>()[1..], [Some(20), None, None]);
        assert_eq!(settled.counts.superseded, 1);
    }

    proptest! {
        /// One row after the other into a map, as they come.
        #[test]
        fn transactions_end_where_one_after_the_other_ends(rows in prop::collection::vec((0_u8..6, 0_i32..3), 0..60)) {
            let mut map = BTreeMap::new();
            let (mut deletions, mut unknown) = (0, (0, 0));
            for (at, &(key, action)) in rows.iter().enumerate() {
                let known = if action == 2 { map.remove(&key) } else { map.insert(key, at) };
                deletions += u64::from(action == 2);
                unknown.0 += u64::from(action == 1 && known.is_none());
                unknown.1 += u64::from(action == 2 && known.is_none());
            }
            let settled = settle(Rule::Transactions, &rows);
            let mut expected: Vec<usize> = map.into_values().collect();
            expected.sort_unstable();
            prop_assert_eq!(left(&settled, rows.len()), expected.clone());
            let counts = settled.counts;
            prop_assert_eq!((counts.deletions, counts.unknown_changes, counts.unknown_deletions),
                (deletions, unknown.0, unknown.1));
            prop_assert_eq!(rows.len() as u64, expected.len() as u64 + counts.superseded + counts.deletions);
        }

        /// The row that is in effect on a day is the last one written among those of the latest day up to it.
        #[test]
        fn on_each_day_the_row_in_effect_is_the_last_one_written(
            rows in prop::collection::vec((0_u8..4, 0_i32..8), 0..40), day in 0_i32..8,
        ) {
            let settled = settle(Rule::EffectiveDated, &rows);
            let until = settled.until(0, rows.len()).expect("days");
            let until: &Date32Array = arrow::array::AsArray::as_primitive(until.as_ref());
            for key in 0_u8..4 {
                let of_key = rows.iter().enumerate().filter(|(_, row)| row.0 == key && row.1 <= day);
                let expected = of_key.max_by_key(|(at, row)| (row.1, *at)).map(|(at, _)| at);
                let kept = left(&settled, rows.len());
                let in_effect: Vec<usize> = kept.into_iter().filter(|&at| rows[at].0 == key && rows[at].1 <= day
                    && until.iter().nth(at).flatten().is_none_or(|end| day < end)).collect();
                prop_assert_eq!(in_effect, expected.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
