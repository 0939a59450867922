//! Allocates memory for batches. If there is not enough, the command fails with a message.

use sartor::measure::bench;

use super::failure::Failure;

/// `len` zeros for each of `images` images.
pub fn zeros(images: usize, len: usize) -> Result<Vec<f32>, Failure> {
    let mut values = Vec::new();
    let all = images.saturating_mul(len);
    let reserved = values.try_reserve_exact(all);
    reserved.map_err(|error| {
        Failure::new(format!("no memory for {images} x {len} values: {error}")).help("run fewer images at once")
    })?;
    values.resize(all, 0.0);
    Ok(values)
}

/// `images` images of [`bench::test_input`], one after another.
pub fn test_images(images: usize, len: usize) -> Result<Vec<f32>, Failure> {
    let mut input = zeros(images, len)?;
    bench::fill(&mut input);
    Ok(input)
}
