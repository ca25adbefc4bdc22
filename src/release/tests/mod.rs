//! Tests named after what the release step guarantees.

mod decisions;
mod destruction;
mod files;
mod ledgers;
mod published;
mod world;
