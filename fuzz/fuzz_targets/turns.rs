#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| companion_fuzz_targets::turns(data));
