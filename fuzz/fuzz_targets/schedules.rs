#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| acclient::fuzzing::schedules(bytes));
