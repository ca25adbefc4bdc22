#![no_main]

libfuzzer_sys::fuzz_target!(init: accord_fuzz::begin(), |bytes: &[u8]| accord_fuzz::doors::contracts(bytes));
