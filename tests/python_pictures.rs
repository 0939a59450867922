//! Pictures in Python: the module prepares them as `sartor run` does, by Pillow, by numpy, or by Python alone.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use sartor::data::image::{Interpolation, Picture, Preprocess};
use sartor::models::input::{ChannelOrder, InputForm, Layout};

mod common;
use common::python::{environment, has, run, wheel};
use common::{Folder, TINY};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PHOTO: &str = "tests/pictures/files/photos/coffee.jpg";

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn pictures_become_what_run_feeds() {
    let folder = Folder::new();
    let names = folder.file("names.txt", "cat\n\"dog\"\\ \u{1f980}\n".as_bytes());
    let level = ["--levels", "portable"];
    let usual = ["--name", "usual", "--labels", &names];
    let usual = wheel(&folder.path("usual"), &[&TINY[..], &level, &usual].concat());
    let other = ["--name", "other", "--resize", "40x50", "--interpolation", "bicubic"];
    let form = ["--input-type", "f32", "--input-layout", "nhwc", "--input-order", "bgr"];
    let other = wheel(&folder.path("other"), &[&TINY[..], &level, &other, &form].concat());
    let Some(python) = environment(&folder, &[&usual, &other], "pictures in Python") else { return };

    let steps = Preprocess::imagenet(32, 32);
    let pixels = Preprocess { cover: (40, 50), interpolation: Interpolation::Bicubic, pixels: true, ..steps };
    let form = InputForm { order: ChannelOrder::Bgr, layout: Layout::Nhwc, ..InputForm::default() };
    let photo = image::open(Path::new(ROOT).join(PHOTO)).unwrap().to_rgb8();
    let photo = image::imageops::thumbnail(&photo, 160, 120);
    let mut list = String::new();
    // Larger and smaller pictures than the crop, upright and wide ones, and one that is only cropped.
    for (width, height) in [(160, 120), (75, 120), (100, 9), (1, 1), (50, 40), (36, 36)] {
        let part = image::imageops::crop_imm(&photo, 0, 0, width, height).to_image().into_raw();
        let picture = || Picture::rgb(height as usize, width as usize, part.clone()).unwrap();
        let name = |what: &str| format!("{width}x{height}.{what}");
        folder.file(&name("rgb"), &part);
        folder.file(&name("usual"), &bytes(&steps.apply(picture()).unwrap()));
        folder.file(&name("other"), &bytes(&form.arranged(pixels.apply(picture()).unwrap())));
        list += &format!("{}\n{width}\n{height}\n", folder.path(&format!("{width}x{height}")));
    }
    let list = folder.file("list", list.as_bytes());
    // Files are decoded by Pillow there.
    for (index, file) in [PHOTO, "tests/pictures/files/photos/chelsea.png", common::PICTURE].iter().enumerate() {
        folder.file(&format!("file{index}.usual"), &bytes(&steps.load(&Path::new(ROOT).join(file)).unwrap()));
    }
    let calls = |with: &str| {
        let mut command = Command::new(&python);
        command.arg(Path::new(ROOT).join("tests/python/pictures.py")).args([&list, &folder.path("file")]);
        command.args([PHOTO, "tests/pictures/files/photos/chelsea.png", common::PICTURE]);
        let output = run(command.current_dir(ROOT));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("all well {with}\n"));
    };
    calls("by hand");
    if has(&python, &["numpy"], "pictures in Python with numpy") {
        calls("by numpy");
    }
    if has(&python, &["pillow"], "pictures in Python with Pillow") {
        calls("by Pillow");
        run(Command::new(&python).args(["-m", "pip", "uninstall", "-q", "-y", "numpy"]));
        calls("by Pillow");
    }
    if has(&python, &["numpy", "mypy"], "the types of pictures") {
        let typed = "from typing import Tuple\nimport usual\nnames: Tuple[str, ...] = usual.LABELS\n\
                     usual.Model()(usual.preprocess(b\"\")).argmax()\n\
                     import other\nother.LABELS  # type: ignore[attr-defined]\n";
        run(Command::new(&python).args(["-m", "mypy", "--strict"]).arg(folder.file("typed.py", typed.as_bytes())));
    }
}
