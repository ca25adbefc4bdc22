//! The command as its users have it: each test runs `accord` in a workspace of its own and looks at what it says, what
//! it leaves on disk and how it exits. Tests are named after what they guarantee.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests read files, the environment and the clock")]

mod browser;
mod harness;
mod memory;
mod s3_server;
mod sites;

mod approvals;
mod bad_input;
mod bombs;
mod contracts;
mod corpora;
mod deliveries;
mod encodings;
mod forbidden;
mod key_memory;
mod key_services;
mod keys;
mod killed;
mod linkage;
mod methods;
mod pages;
mod published;
mod quarantine;
mod repeated;
mod s3;
mod sources;
mod storage_s3;
mod synth;
mod table_files;
mod vault;
