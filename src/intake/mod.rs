//! Extracts in, typed rows out: deliveries found and known by their content, bytes read as the contract declares them,
//! each row checked, and every row that does not fit put into an encrypted quarantine with its line and reason.
//!
//! Nothing is guessed: a wrong declaration refuses the delivery, a value that doesn't fit rejects its row. Rows in =
//! rows admitted + rows rejected + rows resolved, always. No message quotes a value of a row.

mod advice;
mod archive;
mod batch;
mod block;
mod capture;
mod check;
mod check_digit;
mod compare;
mod correction;
mod delivery;
mod extract;
mod field;
mod freshness;
mod infer;
mod keys;
mod landing;
mod layout;
mod name;
mod natural;
mod pick;
mod quarantine;
mod reader;
mod recognise;
mod references;
mod replay;
mod report;
mod resolution;
mod rules;
mod scan;
mod sniff;
mod typed_rows;
mod value;

#[cfg(test)]
mod tests;

pub use reader::panic_is_of_a_file;
pub(crate) use reader::{Delimited, Span};

pub use advice::advice;
pub use batch::arrow_type;
pub use capture::{Captured, capture};
pub(crate) use compare::{is_constant_of, is_less};
pub use correction::{By, Corrected, Refused, export, from_export, from_extract, is_export};
pub use delivery::{Delivery, Found, Replaced, delivery, discover, freshness};
pub(crate) use field::pattern_mistake;
pub use freshness::{DayFrom, Freshness, FreshnessState, Gap};
pub use infer::infer;
pub use landing::{Extracts, FetchProgress, Fetched, OpenPartner, Place, Standing};
pub(crate) use name::NamePattern;
pub use quarantine::{Form, Origin, Quarantine, QuarantinedRow, open as open_quarantine};
pub use references::References;
pub use replay::{Verdict, replay};
pub use report::{ConsistencyFinding, DeliveryBook, FieldBook, IntakeReport, PartBook, RejectCount, WordCount};
pub use resolution::{Correction, Decision, Resolution, Resolutions, RowKey, open_resolutions, seal_resolutions};
pub use scan::{Progress, Spread, check_row_change, scan};
pub use typed_rows::TypedRows;
