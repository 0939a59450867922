//! What prepares pictures for the network, and the names of its classes.

use sartor_models::escape::python_string;
use sartor_models::input::{ChannelOrder, Layout};

use super::super::fill::fill;
use super::super::package::Package;
use super::super::pictures::Pictures;

/// The steps, where pictures become the network's only input.
fn steps(package: &Package) -> Option<&Pictures> {
    package.pictures.as_ref().filter(|_| package.inputs.len() <= 1)
}

/// Whether the module has names of the classes, and prepares pictures.
pub fn has(package: &Package) -> (bool, bool) {
    (package.pictures.as_ref().is_some_and(|pictures| !pictures.labels.is_empty()), steps(package).is_some())
}

/// The lines of the module that import it.
pub fn imports(package: &Package) -> &'static str {
    match has(package) {
        (true, true) => "\nfrom ._labels import LABELS\nfrom ._pictures import preprocess\n",
        (true, false) => "\nfrom ._labels import LABELS\n",
        (false, true) => "\nfrom ._pictures import preprocess\n",
        (false, false) => "",
    }
}

/// Its types.
pub fn types(package: &Package) -> String {
    let (labels, preprocess) = has(package);
    let mut text = String::new();
    text += if labels { "LABELS: Final[Tuple[str, ...]]\n" } else { "" };
    text += if preprocess { "\ndef preprocess(picture: Any) -> npt.NDArray[np.float32]: ...\n" } else { "" };
    text
}

/// Its files: names, and texts.
pub fn files(package: &Package) -> Vec<(&'static str, String)> {
    let labels = package.pictures.as_ref().map(|pictures| &pictures.labels).filter(|labels| !labels.is_empty());
    let labels = labels.map(|labels| ("_labels.py", labels_file(labels)));
    let steps = steps(package).map(|pictures| ("_pictures.py", pictures_file(pictures, package)));
    labels.into_iter().chain(steps).collect()
}

fn labels_file(labels: &[String]) -> String {
    let lines: String = labels.iter().map(|label| format!("    {},\n", python_string(label))).collect();
    format!("\"\"\"The names of the classes.\"\"\"\n\nLABELS = (\n{lines})\n")
}

fn pictures_file(pictures: &Pictures, package: &Package) -> String {
    let Pictures { resize, crop, interpolation, mean, std, .. } = pictures;
    let floats = |values: [f32; 3]| format!("({})", values.map(|value| format!("{value:?}")).join(", "));
    let input = &package.input;
    let inside = input.normalisation.is_some();
    let shape = match input.layout {
        Layout::Nchw => format!("(3, {}, {})", crop.0, crop.1),
        Layout::Nhwc => format!("({}, {}, 3)", crop.0, crop.1),
    };
    let done = if inside { "values of 0 to 255" } else { "normalised values" };
    let values = [
        ("resize", format!("({}, {})", resize.0, resize.1)),
        ("crop", format!("({}, {})", crop.0, crop.1)),
        ("interpolation", (*interpolation).to_string()),
        ("mean", floats(*mean)),
        ("std", floats(*std)),
        ("inside", if inside { "True" } else { "False" }.into()),
        ("channels", if input.order == ChannelOrder::Bgr { "(2, 1, 0)" } else { "(0, 1, 2)" }.into()),
        ("channels_last", if input.layout == Layout::Nhwc { "True" } else { "False" }.into()),
        ("shape", shape),
        ("done", done.into()),
    ];
    fill(include_str!("../template/pictures.py"), &values.each_ref().map(|(key, value)| (*key, value.as_str())))
}
