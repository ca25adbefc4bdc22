//! Accord runs data-sharing agreements.

pub mod error;
pub mod workspace;

pub use error::{Error, Kind, Result};
