//! Compares the presets with torchvision's own transforms on real pictures, pixel by pixel.

use std::path::Path;

use sartor::data::image::{Preprocess, Preset};

use crate::{FILES, apart, files, pixels, sheet};

#[test]
fn presets_are_torchvisions() {
    let theirs = files("presets");
    assert_eq!(theirs.len(), 14);
    for name in theirs.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()) {
        let [picture, network, weights] = name.split('-').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let preset = if weights == "v1" { Preset::TorchvisionV1 } else { Preset::TorchvisionV2 };
        let steps = Preprocess { mean: [0.0; 3], std: [1.0; 3], ..preset.steps(network).unwrap() };
        let ours = pixels(&steps, &Path::new(FILES).join("photos").join(picture)).unwrap();
        let theirs = sheet(&format!("presets/{name}.png"));
        assert_eq!((theirs.height() as usize, theirs.width() as usize), steps.crop);
        let worst = apart(&ours, theirs.as_raw());
        println!("{name}: {worst} of 255 from torchvision's at most");
        assert!(worst <= if picture.ends_with(".png") { 1 } else { 5 }, "{name}: {worst} of 255");
    }
}

#[test]
fn presets_that_do_not_exist_are_told() {
    let error = Preset::TorchvisionV2.steps("efficientnet_b0").unwrap_err().to_string();
    assert!(error.contains("IMAGENET1K_V2") && error.contains("mobilenet_v2_x1.0, efficientnet_b1"), "{error}");
    assert!(Preset::TorchvisionV1.steps("mobilenet_v2_x0.5").is_err());
}
