//! Lets the tests find libtorch at run time without `LD_LIBRARY_PATH`.

fn main() {
    // torch-sys has links = "tch" and publishes the directory it links against.
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
