//! The attacker who knows one hidden cell better than others: that it is not empty, since they are in it, or the amount in
//! it, since it is theirs alone.
//!
//! Every whole table that has been found counts for them where it agrees with what they know. A change of a table touches
//! few cells, so for nearly all of them what is true of everybody is true: only cells that some table or some change of the
//! figure empties (or, of amounts, moves) need a look of their own.

use std::collections::BTreeMap;

use super::chain::Chain;
use super::figures::Quantity;
use super::open::Open;
use super::room::{Room, Tally};
use super::system::System;
use super::witness::pushed;
use crate::disclosure::public::Evidence;
use crate::disclosure::table::MeasureKind;

/// Whole tables that are told apart; changes of others show nothing here.
const TABLES: usize = 8;

/// A figure of the release: table, quantity and cell.
pub(in crate::disclosure) type At = (usize, Quantity, usize);

/// A figure of which nobody who knows that a cell is not empty has been shown to see a second value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::disclosure) struct Computed {
    pub(in crate::disclosure) figure: u32,
    pub(in crate::disclosure) at: At,
    /// The cell that is known better.
    pub(in crate::disclosure) known: At,
    pub(in crate::disclosure) knowledge: Knowledge,
}

/// What somebody knows of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::disclosure) enum Knowledge {
    /// It is at least 1.
    NotEmpty,
    /// Its amount.
    Value,
}

impl Knowledge {
    /// Whether a value agrees with what is known of a cell that is `base`.
    fn allows(self, value: i64, base: i64) -> bool {
        match self {
            Knowledge::NotEmpty => value > 0,
            Knowledge::Value => value == base,
        }
    }
}

/// What somebody who knows one hidden cell of the release better can compute of these figures, each given with its
/// variable. Which cells are not empty, and which amounts are of one person or organisation, is taken from the evidence,
/// with the room's base for its tables.
pub(in crate::disclosure) fn computed(
    system: &System<'_>,
    open: &Open,
    room: &Room<'_>,
    figures: &[(u32, u32)],
    evidence: Evidence<'_>,
) -> Vec<Computed> {
    let at = |figure: u32| Some(system.figures.locate(system.figures.place(figure)?));
    let place = |variable: u32| at(system.unknowns[open.first[variable as usize] as usize]);
    let is_own = |&(table, (_, of), _): &At| table < system.figures.own && of.is_none();
    let knowledge = |variable: u32| {
        let (table, (measure, _), cell) = place(variable).filter(is_own)?;
        let magnitude = system.figures.tables[table].measures[measure].kind == MeasureKind::Magnitude;
        let alone = || {
            let own = evidence.tables.get(table)?.contributions.get(measure)?.get(cell)?;
            (own.contributors() == 1 || own.organisations() == 1).then_some(Knowledge::Value)
        };
        let counted = open.lower[variable as usize] == 0 && room.base()[variable as usize] > 0;
        // One organisation alone in a count knows it; nobody is in an empty amount.
        if magnitude { alone() } else { alone().or(counted.then_some(Knowledge::NotEmpty)) }
    };
    let known: Vec<Option<Knowledge>> = (0..open.len() as u32).map(knowledge).collect();
    let views = Views::new(room, known);
    let mut restricted = open.clone();
    let mut chain = Chain::new(open);
    let mut computed = Vec::new();
    for &(figure, variable) in figures {
        for (known, knowledge) in views.blind(variable) {
            if knowledge == Knowledge::Value && known == variable {
                // Their own.
                continue;
            }
            let base = room.base()[known as usize];
            let (least, most) = match knowledge {
                Knowledge::NotEmpty => (1, open.upper[known as usize]),
                Knowledge::Value => (base, base),
            };
            (restricted.lower[known as usize], restricted.upper[known as usize]) = (least, most);
            let allows = |values: &&Vec<i64>| knowledge.allows(values[known as usize], base);
            let shown = has_second_value(&restricted, room, &mut chain, variable, &allows);
            restricted.lower[known as usize] = open.lower[known as usize];
            restricted.upper[known as usize] = open.upper[known as usize];
            if let (false, Some(at), Some(known)) = (shown, at(figure), place(known)) {
                computed.push(Computed { figure, at, known, knowledge });
            }
        }
    }
    computed
}

/// What has been seen, by who sees it.
struct Views<'r> {
    room: &'r Room<'r>,
    /// Changes that touch a variable.
    touching: Vec<Vec<u32>>,
    /// What somebody knows, by variable.
    known: Vec<Option<Knowledge>>,
    /// Bit by bit, whether a table agrees with it.
    tables: Vec<u8>,
    /// The known variables, by these bits.
    groups: BTreeMap<u8, Vec<u32>>,
}

impl<'r> Views<'r> {
    fn new(room: &'r Room<'r>, known: Vec<Option<Knowledge>>) -> Self {
        let count = known.len();
        let mut touching = vec![Vec::new(); count];
        for (number, (table, change)) in room.moves.iter().enumerate() {
            if (*table as usize) < TABLES {
                change.iter().for_each(|&(variable, _)| touching[variable as usize].push(number as u32));
            }
        }
        let bits = |variable: usize| -> u8 {
            let Some(knowledge) = known[variable] else { return 0 };
            let allows = |values: &Vec<i64>| knowledge.allows(values[variable], room.base()[variable]);
            room.tables.iter().take(TABLES).enumerate().map(|(at, values)| u8::from(allows(values)) << at).sum()
        };
        let tables: Vec<u8> = (0..count).map(bits).collect();
        let mut groups: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        for variable in (0..count).filter(|&variable| known[variable].is_some()) {
            groups.entry(tables[variable]).or_default().push(variable as u32);
        }
        Views { room, touching, known, tables, groups }
    }

    /// Whether a table with a change agrees with what is known of a variable.
    fn agrees(&self, table: u32, variable: u32, by: i64) -> bool {
        let variable = variable as usize;
        let value = self.room.tables[table as usize][variable] + by;
        self.known[variable].is_none_or(|knowledge| knowledge.allows(value, self.room.base()[variable]))
    }

    /// The known variables to which nothing that has been seen shows a second value of a figure.
    fn blind(&self, figure: u32) -> Vec<(u32, Knowledge)> {
        // Those whom a change of the figure treats otherwise than the table that it changes.
        let mut own: Vec<u32> = Vec::new();
        for &number in &self.touching[figure as usize] {
            let (table, change) = &self.room.moves[number as usize];
            for &(variable, by) in change.iter().filter(|(variable, _)| self.known[*variable as usize].is_some()) {
                if self.agrees(*table, variable, 0) != self.agrees(*table, variable, by) {
                    own.push(variable);
                }
            }
        }
        own.sort_unstable();
        own.dedup();
        let mut blind: Vec<u32> = Vec::new();
        for (&bits, members) in &self.groups {
            if !self.is_open(figure, bits, None) {
                blind.extend(members.iter().filter(|member| own.binary_search(member).is_err()));
            }
        }
        blind.extend(own.iter().filter(|&&one| !self.is_open(figure, self.tables[one as usize], Some(one))));
        blind.sort_unstable();
        blind.into_iter().filter_map(|one| Some((one, self.known[one as usize]?))).collect()
    }

    /// Whether two values of a figure are seen in tables with these bits; of changes, only such as agree with what is known
    /// of one variable count.
    fn is_open(&self, figure: u32, bits: u8, one: Option<u32>) -> bool {
        let is_allowed = |table: usize| table < TABLES && bits >> table & 1 == 1;
        let in_table = |table: usize| self.room.tables[table][figure as usize];
        let tables = (0..self.room.tables.len()).filter(|&table| is_allowed(table)).map(in_table);
        let changed = self.touching[figure as usize].iter().filter_map(|&number| {
            let (table, change) = &self.room.moves[number as usize];
            let by = |variable: u32| {
                change.binary_search_by_key(&variable, |&(moved, _)| moved).map_or(0, |at| change[at].1)
            };
            let stays = match one {
                None => is_allowed(*table as usize),
                Some(one) => self.agrees(*table, one, by(one)),
            };
            stays.then(|| in_table(*table as usize) + by(figure))
        });
        let mut values = tables.chain(changed);
        let Some(first) = values.next() else { return false };
        values.any(|value| value != first)
    }
}

/// Whether a chain gives a figure another value in an allowed table, within `restricted`.
fn has_second_value(
    restricted: &Open,
    room: &Room<'_>,
    chain: &mut Chain,
    figure: u32,
    allows: &dyn Fn(&&Vec<i64>) -> bool,
) -> bool {
    let mut tally = Tally::new(restricted);
    let mut allowed = room.tables.iter().take(TABLES).filter(allows);
    allowed.any(|values| {
        [1, -1].into_iter().any(|by| {
            let goal = values[figure as usize] + by;
            let inside = (restricted.lower[figure as usize]..=restricted.upper[figure as usize]).contains(&goal);
            inside && {
                let (reached, change) = pushed(restricted, chain, values, figure, goal);
                reached && tally.fits(restricted, values, &change)
            }
        })
    })
}
