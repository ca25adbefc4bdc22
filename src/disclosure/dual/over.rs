//! The same over equations that are not the search's.

use super::{Dual, Sparse, State};

impl Dual {
    /// Over rows of unknowns, by number, and their coefficients. An unknown that stands in a single row, with 1 or -1, makes
    /// up for the others of that row; one at most by row, and it must always have terms.
    pub(in crate::disclosure) fn over(unknowns: usize, rows: &[Vec<(usize, i64)>]) -> Self {
        let mut columns: Vec<Vec<(usize, f64)>> = vec![Vec::new(); unknowns];
        let (mut by_row, mut by_unknown) = (Sparse::default(), Sparse::default());
        for (row, terms) in rows.iter().enumerate() {
            by_row.push(terms.iter().map(|&(unknown, coefficient)| (unknown, coefficient as f64)));
            terms.iter().for_each(|&(unknown, coefficient)| columns[unknown].push((row, coefficient as f64)));
        }
        let single = |&&(unknown, coefficient): &&(usize, i64)| columns[unknown].len() == 1 && coefficient.abs() == 1;
        let slack = rows.iter().map(|terms| terms.iter().find(single).map(|&(unknown, c)| (unknown as u32, c as f64)));
        let slack = slack.collect();
        columns.into_iter().for_each(|terms| by_unknown.push(terms.into_iter()));
        Dual {
            equations: by_row,
            unknowns: by_unknown,
            slack,
            states: vec![State::default(); unknowns],
            at: vec![0; rows.len()],
            missing: vec![0.0; rows.len()],
            room_of: vec![0.0; rows.len()],
            is_touched: vec![false; rows.len()],
            is_doubtful: vec![false; rows.len()],
            weight: vec![0.0; rows.len()],
            entry: vec![0.0; unknowns],
            has_entry: vec![false; unknowns],
            ..Dual::default()
        }
    }
}
