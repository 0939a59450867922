//! Tells the library which target it is built for: what it compiles and loads must be built for the same.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=SARTOR_TARGET={}", std::env::var("TARGET").expect("cargo sets TARGET for build scripts"));
}
