//! The presets, beside what torchvision's own transforms make of real pictures.

use std::path::Path;

use safetensors::SafeTensors;
use sartor::image::{Preprocess, Preset};

use crate::FILES;

/// Which pixels the fixtures hold: of every so many rows and columns, one.
const STEP: (usize, usize) = (13, 9);

#[test]
fn presets_are_torchvisions() {
    let bytes = std::fs::read(Path::new(FILES).join("presets.safetensors")).unwrap();
    let fixtures = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(fixtures.len(), 14);
    for (name, tensor) in fixtures.tensors() {
        let [picture, network, weights] = name.split(' ').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let preset = if weights == "v1" { Preset::TorchvisionV1 } else { Preset::TorchvisionV2 };
        let steps: Preprocess = preset.steps(network).unwrap();
        let values = steps.load(&Path::new(FILES).join("photos").join(picture)).unwrap();
        let (height, width) = steps.crop;
        assert_eq!(tensor.shape(), [3, height.div_ceil(STEP.0), width.div_ceil(STEP.1)]);
        let mut theirs = tensor.data().iter();
        let (mut worst, mut sum, mut pixels) = (0.0_f32, 0.0_f32, 0);
        for channel in 0..3 {
            for (row, column) in (0..height).step_by(STEP.0).flat_map(|row| (0..width).step_by(STEP.1).map(move |c| (row, c))) {
                let value = values[(channel * height + row) * width + column];
                let level = (value * steps.std[channel] + steps.mean[channel]) * 255.0;
                let error = (level - f32::from(*theirs.next().unwrap())).abs();
                (worst, sum, pixels) = (worst.max(error), sum + error, pixels + 1);
            }
        }
        println!("{name}: {worst:.3} from torchvision's at most, {:.3} on average", sum / pixels as f32);
        let most = if picture.ends_with(".png") { 1.0 } else { 5.0 };
        assert!(worst <= most + 1e-3, "{name}: {worst} of 255");
    }
}

#[test]
fn presets_that_do_not_exist_are_told() {
    let error = Preset::TorchvisionV2.steps("efficientnet_b0").unwrap_err().to_string();
    assert!(error.contains("IMAGENET1K_V2") && error.contains("mobilenet_v2_x1.0, efficientnet_b1"), "{error}");
    assert!(Preset::TorchvisionV1.steps("mobilenet_v2_x0.5").is_err());
}
