//! The guarantees, each with its test. Small tables are compared with a reader who tries every whole-number table.

mod brute;
mod build;
mod cases;
mod certificates;
mod contributors;
mod exhaustive;
mod faults;
mod history;
mod large;
mod linked;
mod magnitudes;
mod marks;
mod own_checks;
mod walk;
