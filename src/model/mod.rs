//! Model: SQL over pseudonymized rows. One function builds the engine, one plans a pipeline's SQL and walks the plan
//! against the agreement, one runs it.
//!
//! Two fences keep a field that the agreement does not list out of reach. The plan of each model is made over tables
//! that have *every* column of the contracts but no rows, and walked: a plan that reads a forbidden column by any route
//! is refused, with the field named. And when the model runs, its tables hold only the allowed columns.

mod engine;
mod lineage;
mod run;
mod sql;

pub use engine::{EngineOptions, execution_error, session};
pub use lineage::{BaseField, Lineage};
pub use run::{register_staged, run_models};
pub use sql::{CheckedModel, Column, plan_models};
pub(crate) use sql::{PERSON, PSEUDONYM};
