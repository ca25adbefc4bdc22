//! Accord runs data-sharing agreements: partner extracts in, an approved and audited release out.
//!
//! The way of a record, in order; each module takes what the one before it gives, and nothing leads back:
//!
//! 1. [`workspace`]: what operators, stewards and authors write, read strictly and checked;
//! 2. [`storage`]: where extracts, state and releases are;
//! 3. [`intake`]: an extract and its contract become typed rows; every other row goes to quarantine;
//! 4. [`identity`]: typed rows become pseudonymized, linked rows; names end here;
//! 5. [`model`]: SQL over pseudonymized rows, within what the agreement allows;
//! 6. [`mod@tabulate`]: rows become cells with all margins;
//! 7. [`disclosure`]: cells become protected and audited cells;
//! 8. [`release`]: protected cells become a candidate, then an approved, then a published release.
//!
//! [`run`] puts the steps in order (`rules` says for it what a pipeline asks of disclosure control), [`plan`] says beforehand what they would do, [`report`] carries what they say while
//! they work, [`staging`] holds rows between them. [`cli`] alone prints, exits, and reads environment and clock.
//! [`tablefile`] is disclosure control alone, for tables in files; [`linkfile`] is linkage alone, for people in files;
//! [`synth`] makes up a county to try it all on.

pub mod cli;
pub mod disclosure;
pub mod error;
pub mod identity;
pub mod intake;
pub mod linkfile;
pub mod model;
mod parallel;
pub mod plan;
pub mod release;
pub mod report;
mod rules;
pub mod run;
mod sealed;
mod spill;
pub mod staging;
pub mod storage;
pub mod synth;
pub mod tablefile;
pub mod tabulate;
pub mod workspace;
mod yaml;

pub use error::{Error, Kind, Result};
pub use spill::Spill;
