//! Statistical disclosure control: which cells of the tables of a release are hidden, and the proof that it is enough.
//!
//! [`protect`] takes tables with all their margins and a [`Policy`], hides the cells that the primary rules name, then
//! as few others as it finds so that nobody can compute the first, and has the result audited. [`audit`] stands
//! alone: it takes what is published and says what a reader can compute from it. Nothing here knows of files, people
//! or queries.
//!
//! | file | concept |
//! |---|---|
//! | `table` | tables as they are tabulated |
//! | `policy` | rules, statuses, summary |
//! | `system` | the release as one linear system |
//! | `primary` | the primary rules, and what a hidden mark says by itself |
//! | `condense`, `cover`, `local`, `dual`, `simplex`, `exchange`, `optimum`, `search` | the complementary search |
//! | `large`, `product`, `printed` | the same for one large table, exchanges between its cells, and printed zeros |
//! | `innermost` | changes of innermost cells, for large tables and their certificates |
//! | `public` | what a reader sees |
//! | `history`, `restated` | earlier releases beside the one at hand |
//! | `certificate` | the proof for everybody, and its check |
//! | `primary_rules` | what else must be protected: magnitudes, averages, quantiles, bands |
//! | `rounding`, `cell_key`, `banding` | the other protections, each with its own guarantee |
//! | `bounds` | what totals and their parts say about intervals |
//! | `protection` | which protection tables are under, never two |
//! | `audit` | what a reader can compute; shares no code with the search |

mod audit;
mod banding;
mod bounds;
mod cell_key;
mod certificate;
mod condense;
mod cover;
mod dual;
mod error;
mod exchange;
mod history;
mod innermost;
mod large;
mod local;
mod optimum;
mod policy;
mod primary;
pub mod primary_rules;
mod printed;
mod product;
mod protect;
mod protection;
mod public;
mod random;
mod restated;
mod rounding;
#[cfg(test)]
mod samples;
mod search;
mod simplex;
mod system;
mod table;

#[cfg(test)]
mod tests;

pub use audit::{AuditReport, Finding, FindingKind, Narrowest, Published, View, audit, audit_told};
pub use banding::{Banded, Banding, BandingReport, PrintedBand, Rate, band};
pub use cell_key::{CellKey, CellKeyReport, Keys, NoiseTable, Perturbed, perturb};
pub use certificate::{
    Certificate, CertificateError, CertificateReport, EquationKind, EquationName, Rules, TextError, certify,
    public_text, verify,
};
pub use error::DisclosureError;
pub use history::{Beside, Linked, Resemblance, link, link_restated, resembles};
pub use policy::{
    Attacker, Level, Phase, Policy, Preference, Progress, Reason, Requirement, Status, Summary, Weight, Zeros,
};
pub use primary::Target;
pub use protect::{Protected, protect, protect_beside, protect_until, targets};
pub use protection::{Protection, check_unmixed};
pub use public::{Change, Evidence, PublicBand, PublicRate, PublicTable, Told, Within, public_view};
pub use rounding::{Aim, Relaxed, Rounded, Rounding, RoundingReport, promised, round, round_beside};
pub use table::{CellName, Dimension, Measure, MeasureKind, Node, Table};
