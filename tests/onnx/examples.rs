//! The example that draws boxes around text finds it.

use sartor::kernels::report;

use crate::case::cases;
use crate::common::own_cache;

#[allow(dead_code)] // Its `main` is not called here.
#[path = "../../examples/text_boxes.rs"]
mod text_boxes;

/// The left, upper, right and lower ends of the five lines in the picture.
const LINES: [[u32; 4]; 5] =
    [[28, 28, 362, 64], [30, 118, 274, 144], [30, 166, 388, 192], [420, 252, 524, 272], [30, 265, 202, 284]];

#[test]
fn boxes_lie_around_all_text() {
    own_cache();
    let detector = cases("networks").into_iter().find(|case| case.name().contains("text_detector")).expect("it is installed");
    let mut picture = image::open("examples/sign.png").unwrap().to_rgb8();
    let boxes = text_boxes::find(&detector.folder.join(&detector.model), &picture).unwrap();
    assert_eq!(boxes.len(), LINES.len(), "{boxes:?}");
    for (found, line) in boxes.iter().zip(LINES) {
        let ends = [found.left, found.top, found.right, found.bottom];
        assert!(ends.iter().zip(line).all(|(end, wanted)| end.abs_diff(wanted) <= 6), "{found:?} is not around {line:?}");
        text_boxes::draw(&mut picture, found);
        assert_eq!(picture.get_pixel(found.left, found.top).0, [220, 30, 60]);
    }
    report::checked("portable", boxes.len(), "boxes around text");
}
