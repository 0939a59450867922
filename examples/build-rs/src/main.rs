//! Runs two networks that the build script compiled.

sartor_build::include_network!("digits");
sartor_build::include_network!("model");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut digits_model = digits::Model::new(2)?;
    let mut scores = [0.0; digits::OUTPUT_LEN];
    digits_model.run(&[0.0; digits::INPUT_LEN], &mut scores)?;
    println!("digits {:?} {scores:?}", digits::OUTPUTS[0].1);

    // Models move to other threads, and several run side by side.
    let (shape, values) = std::thread::spawn(|| {
        let mut values = [0.0; model::OUTPUT_LEN];
        let input: Vec<f32> = (0..model::INPUT_LEN).map(|i| i as f32 / 100.0).collect();
        model::Model::new(1)?.run(&input, &mut values)?;
        Ok::<_, model::ModelError>((model::OUTPUTS[0].1, values))
    })
    .join()
    .expect("it does not panic")?;
    println!("model {shape:?} {:?}", &values[..3]);
    Ok(())
}
