//! Tests named after what the release step guarantees.

mod decisions;
mod files;
mod ledgers;
mod published;
mod world;
