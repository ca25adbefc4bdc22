//! Tabulate: rows to cells, with all margins. What is not in a cell stops the run, or is counted under a label that the
//! pipeline declares; no row is dropped.

mod cells;
mod keys;
mod layout;
mod people;
mod spec;

pub use cells::{Tabulation, tabulate};
pub use keys::cell_keys;
pub use layout::{Axis, Place};
pub use spec::{MeasureColumn, MeasureSource, Rate, TableSpec, resolve};
