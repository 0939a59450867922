//! Pictures: reading never panics and takes bounded memory; a picture of the crop's size comes out pixel by pixel.

use std::path::Path;

use sartor::image::Preprocess;

/// Height and width of the network's input.
const SIZE: usize = 8;

/// Takes the bytes as a file. Returns whether it was read.
pub fn judge(data: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    std::fs::write(&path, data).unwrap();
    let whole = Preprocess::symmetric(SIZE, SIZE);
    let cropped = Preprocess { cover: (SIZE + 2, SIZE + 2), crop: (SIZE, SIZE), ..whole };
    let Some(values) = load(&whole, &path) else {
        // What is too long a strip for this is too long for a larger one.
        assert!(load(&cropped, &path).is_none());
        return false;
    };
    load(&cropped, &path);
    let picture = image::load_from_memory(data).unwrap().to_rgb8();
    if picture.dimensions() == (SIZE as u32, SIZE as u32) {
        for (i, &value) in values.iter().enumerate() {
            let (channel, row, column) = (i / (SIZE * SIZE), i / SIZE % SIZE, i % SIZE);
            let level = picture.get_pixel(column as u32, row as u32).0[channel];
            assert_eq!(value, (f32::from(level) / 255.0 - 0.5) / 0.5, "channel {channel} at {row}, {column}");
        }
    }
    true
}

fn load(preprocess: &Preprocess, path: &Path) -> Option<Vec<f32>> {
    let values = preprocess.load(path).ok()?;
    assert_eq!(values.len(), 3 * SIZE * SIZE);
    assert!(values.iter().all(|value| (-1.0..=1.0).contains(value)));
    Some(values)
}
