//! A made-up county and its partners' extracts: one population, and what a school district, a college district and a
//! university system write down about it, in their own formats and with the dirt that partners really ship.
//!
//! For demonstrations, tests and benches. Nobody in it is real: names are drawn from lists, and every identifier,
//! school and district code is made up. Beside the extracts stands the truth: who is who (`truth/links.csv`) and how
//! often each kind of dirt was put in (`truth/dirt.json`). The pipelines must never read it.

use std::num::NonZeroUsize;

mod career;
mod county;
mod dates;
mod dice;
mod dirt;
mod extracts;
mod generate;
mod ids;
mod name_lists;
mod names;
mod person;
#[cfg(test)]
mod tests;
mod text;

pub use dates::Date;
pub use generate::generate;

/// The largest population: beyond it the nine-digit student ids run out.
pub const MOST_PEOPLE: u64 = 900_000_000;

/// The day on which the newest extract is delivered, unless another is asked for.
pub const AS_OF: Date = Date::of(2025, 10, 5);

/// What to make.
#[derive(Clone, Debug)]
pub struct Options {
    /// People in all: four in five graduated from the districts, the others are college students from elsewhere.
    pub people: u64,
    /// The same seed makes the same population.
    pub seed: u64,
    /// The day of the newest delivery. No term begins after it; the cohorts are the three years before its year.
    pub as_of: Date,
    /// Threads to make it on. The bytes do not depend on them.
    pub threads: NonZeroUsize,
}

impl Options {
    /// A population as of [`AS_OF`], made on one thread.
    #[must_use]
    pub const fn new(people: u64, seed: u64) -> Self {
        Self { people, seed, as_of: AS_OF, threads: NonZeroUsize::MIN }
    }
}

/// What was made. Counts only: no value of anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// People in all.
    pub people: u64,
    /// People whom the districts graduated.
    pub graduates: u64,
    /// Each file, relative to the output, with its rows (headers not counted).
    pub files: Vec<(String, u64)>,
    /// Each kind of dirt with how often it was put in. Names that end in `_rows` count rows, the others count
    /// students (or pairs).
    pub dirt: Vec<(&'static str, u64)>,
}

impl Summary {
    /// The summary as JSON, two blanks an indent, a line feed at the end.
    #[must_use]
    pub fn to_json(&self, seed: u64) -> String {
        let object = |entries: Vec<String>| format!("{{\n    {}\n  }}", entries.join(",\n    "));
        let rows = object(self.files.iter().map(|(path, rows)| format!("\"{path}\": {rows}")).collect());
        let dirt = object(self.dirt.iter().map(|(kind, count)| format!("\"{kind}\": {count}")).collect());
        format!(
            "{{\n  \"people\": {},\n  \"seed\": {seed},\n  \"graduates\": {},\n  \"rows\": {rows},\n  \"dirt\": {dirt}\n}}\n",
            self.people, self.graduates
        )
    }
}
