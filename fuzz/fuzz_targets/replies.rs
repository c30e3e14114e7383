#![no_main]

use std::alloc::System;

use cap::Cap;

/// Ends the process over an allocation beyond the limit: the fuzzer takes that for a crash.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let room = acclient::fuzzing::memory_for_replies(bytes);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + room).expect("there is room");
    acclient::fuzzing::replies(bytes);
    ALLOCATOR.set_limit(usize::MAX).expect("there is no limit");
});
