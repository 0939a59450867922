//! Pictures. Reading one never panics and takes bounded memory. A picture of the crop's size keeps every pixel. A picture that is read as
//! whole is also one for another decoder.

use std::path::Path;

use sartor::data::image::Preprocess;

/// Height and width of the network's input.
const SIZE: usize = 8;

/// Reads the bytes as a picture file. Returns whether they were one.
pub fn judge(data: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    std::fs::write(&path, data).unwrap();
    let upright = Preprocess { max_memory: 1 << 26, ..Preprocess::symmetric(SIZE, SIZE) };
    let whole = Preprocess { exif: false, ..upright };
    let values = load(&whole, &path);
    let part = load(&Preprocess { truncated: true, ..whole }, &path);
    assert!(values.is_none() || part == values, "what is whole is no part");
    load(&upright, &path);
    load(&Preprocess { cover: (SIZE + 2, SIZE + 2), ..whole }, &path);
    let Some(values) = values else { return false };
    let Ok(picture) = image::load_from_memory(data) else { return true };
    let picture = picture.to_rgb8();
    if picture.dimensions() == (SIZE as u32, SIZE as u32) {
        for (i, &value) in values.iter().enumerate() {
            let (channel, row, column) = (i / (SIZE * SIZE), i / SIZE % SIZE, i % SIZE);
            let level = picture.get_pixel(column as u32, row as u32).0[channel];
            let ours = (value * 0.5 + 0.5) * 255.0;
            assert!((ours - f32::from(level)).abs() <= 1.001, "channel {channel} at {row}, {column}: {ours} and {level}");
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
