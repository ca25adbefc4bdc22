//! The guarantees of rounding, each against a reader who tries everything.

mod brute;
mod guarantees;
mod shape;
