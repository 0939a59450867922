#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sartor_fuzz::zoo_spec::judge(data);
});
