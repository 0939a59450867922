fn main() -> Result<(), sartor_build::BuildError> {
    let digits = sartor_build::Builder::new().name("digits").weights("../digits/rexnet_digits.safetensors");
    digits.compile_zoo("rexnet_digits")
}
