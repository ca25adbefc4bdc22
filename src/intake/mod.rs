//! Extracts in, typed rows out: deliveries found and known by their content, bytes read as the contract declares them,
//! each row checked, and every row that does not fit put into an encrypted quarantine with its line and reason.
//!
//! Nothing is guessed: a wrong declaration refuses the delivery, a value that doesn't fit rejects its row. Rows in =
//! rows admitted + rows rejected, always. No message quotes a value of a row.

mod archive;
mod batch;
mod block;
mod check;
mod compare;
mod delivery;
mod extract;
mod field;
mod glob;
mod infer;
mod keys;
mod layout;
mod quarantine;
mod reader;
mod recognise;
mod references;
mod report;
mod rules;
mod scan;
mod sniff;
mod typed_rows;
mod value;

#[cfg(test)]
mod tests;

pub use reader::panic_is_of_a_file;
pub(crate) use reader::{Delimited, Span};

pub use batch::arrow_type;
pub(crate) use compare::{is_constant_of, is_less};
pub use delivery::{Delivery, delivery, discover};
pub(crate) use field::pattern_mistake;
pub use infer::{SAMPLE, infer};
pub use quarantine::{Quarantine, QuarantinedRow, open as open_quarantine};
pub use references::References;
pub use report::{ConsistencyFinding, DeliveryBook, FieldBook, IntakeReport, PartBook, RejectCount, WordCount};
pub use scan::{Progress, Spread, check_row_change, scan};
pub use typed_rows::TypedRows;
