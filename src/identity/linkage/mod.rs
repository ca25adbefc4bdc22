//! Linkage by probability, on keyed encodings alone: whom no rule links, weighed by how much agrees.
//!
//! ```text
//! rows ─► encode ─► sides ─► blocking ─► vector ─► session ─► train ─► engine (score) ─► matching ─► outcome
//!         tokens,   one      a table     a pattern equi-join, model    odds of pairs     probabi-    links, work
//!         filters   number-  of keys     a pair    GROUP BY   by EM                      lities      list, report
//!                   ing      a rule                                                      together
//! ```
//!
//! Pairs are never held: DataFusion joins the numbers of blocks, a pair becomes its pattern, patterns are counted, and only
//! pairs that may be the same person are kept. Encodings are, 20 to 30 bytes a row and 130 a distinct value, reserved in
//! the memory of the run's queries; they never leave this process, are not spilled, and are wiped when the step ends.
//!
//! Guarantees, each with a test of its name: links are the same for any order of rows and any partitioning; the pairs and
//! their counts are those of trying all; a link that does not fit into memory is refused; nothing of a link is spilled;
//! one-to-one links nobody twice; stated precision is real precision; members of a household are not linked; nothing is
//! linked automatically where nothing tells siblings or twins apart; encodings of two agreements do not join; frequency
//! alignment and pattern mining find nothing in hardened record filters; encodings and keys do not show in `Debug`.
//!
//! Does not protect against: whoever holds the key, whoever reads this process's memory while it links, and frequency
//! alignment on the plain filters of single fields, which is why these exist in memory alone.

mod blocking;
mod calibrate;
mod compare;
mod encode;
mod engine;
mod filter;
mod matching;
mod model;
mod nicknames;
mod outcome;
mod session;
mod sides;
mod sound;
mod spec;
mod step;
#[cfg(test)]
mod tests;
mod train;
mod trial;
mod vector;

pub(super) use encode::{EncodedPeople, LinkEncoder};
pub use model::LinkModel;
pub use outcome::{Estimate, GroupQuality, ProbabilityReport, ReviewPair};
pub use session::{Phase, Resources, Watch};
pub use spec::{LinkageSpec, cannot_tell_apart};
pub use step::{Decision, Given, ProbableLinks, link_by_probability, read_decisions};
pub use trial::{LinkTrial, ProbablePairs};
