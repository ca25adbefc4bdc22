//! Tables in files: disclosure control for anybody who has a table, without a workspace.
//!
//! A spec says what the columns of some CSV or Parquet files are, and what the rules are. [`audit`] looks at tables as
//! they are published, [`protect`] writes them again with hidden what must be.
//!
//! | file | concept |
//! |---|---|
//! | `spec`, `check`, `policy` | what authors write, its mistakes, what becomes of the rules |
//! | `pattern`, `csv`, `parquet`, `raw`, `words` | files, their columns and what words in them mean |
//! | `axis`, `assemble`, `layout`, `margins`, `load` | from columns to dense tables with hierarchies and totals |
//! | `marks` | what marks such as `<10` say of what they hide |
//! | `minimums`, `together` | larger minimum cells by table, dimension and category; categories hidden with others |
//! | `quantiles`, `averages` | medians and other quantiles; averages |
//! | `scoring` | the publication score |
//! | `views`, `engine` | from those to the tables of [`crate::disclosure`] |
//! | `deduce`, `audit`, `report`, `page` | what falls, and how that is said |
//! | `protect`, `parallel`, `write` | protection, and the files that come of it |
//! | `banded` | rates as bands by the size of the group, and the audit of such
//! | `perturbative` | the same by controlled rounding, and by noise from cell keys |
//! | `proof` | the certificate of protected files |
//! | `draft`, `guess`, `across`, `records` | a first spec, guessed from files; files that are no tables |

mod across;
mod assemble;
mod audit;
mod averages;
mod axis;
mod banded;
mod check;
mod csv;
mod deduce;
mod draft;
mod engine;
mod guess;
mod layout;
mod load;
mod margins;
mod marks;
mod minimums;
mod page;
mod parallel;
mod parquet;
mod pattern;
mod perturbative;
mod policy;
mod proof;
mod protect;
mod quantiles;
mod raw;
mod records;
mod report;
mod scoring;
mod spec;
mod together;
mod views;
mod words;
mod write;

#[cfg(test)]
mod average_tests;
#[cfg(test)]
mod band_tests;
#[cfg(test)]
mod draft_tests;
#[cfg(test)]
mod mark_tests;
#[cfg(test)]
mod method_tests;
#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod score_tests;
#[cfg(test)]
mod tests;

pub use audit::audit;
pub use deduce::AddUp;
pub use draft::draft;
pub use load::Job;
pub use page::page;
pub use proof::{certificate, public_lines, verify};
pub use protect::{ProtectReport, ProtectedFiles, protect};
pub use report::{AuditReport, Fall, FigureBook, FigureKind, Progress, Rule, RuleCount, TableBook, Way, WayCount};
pub use scoring::{CriterionPoints, TableScore};
pub use spec::{MethodSpec, Spec};
pub use write::Output;

/// The JSON Schema of a spec: file name and text.
#[must_use]
pub fn schema() -> (String, String) {
    ("tables.schema.json".to_owned(), crate::workspace::schema_text::<Spec>())
}
