//! Kernel names. A text that parses prints as the same text, and a printed name parses to the same name.

use sartor_codegen::ir::name::KernelName;
use sartor_kernels::runtime::Level;

use crate::Choices;

const FAMILIES: [&str; 6] = ["pointwise", "depthwise3x3s2", "direct5x5s1", "mean", "scale", "avgpool7x7s1"];
const FIELDS: [&str; 8] = ["m", "k", "n", "rows", "ow", "c", "sp", "lane"];
const WORDS: [&str; 7] = ["relu", "relu6", "silu", "sigmoid", "blend", "add", "sums"];

/// Reads the bytes as a text, and as the parts of a name. Returns whether the text was one.
pub fn judge(data: &[u8]) -> bool {
    let parsed = if let Ok(text) = std::str::from_utf8(data)
        && let Ok(name) = text.parse::<KernelName>()
    {
        assert_eq!(name.to_string(), text);
        assert_eq!(name.to_string().parse(), Ok(name));
        true
    } else {
        false
    };
    let mut choices = Choices(data);
    let mut name = KernelName::new(FAMILIES[choices.below(6)], Level::ALL[choices.below(4)]);
    name.tile = (0..choices.below(4)).map(|_| size(&mut choices)).collect();
    for _ in 0..choices.below(5) {
        name = name.field(FIELDS[choices.below(8)], size(&mut choices));
    }
    for _ in 0..choices.below(4) {
        name = name.words(&[WORDS[choices.below(7)]]);
    }
    let text = name.to_string();
    assert_eq!(text.parse(), Ok(name), "{text}");
    parsed
}

fn size(choices: &mut Choices<'_>) -> usize {
    choices.byte() << (choices.below(7) * 8)
}
