//! How a model is called: with inputs by name where a function of Python can have arguments of these names.

use sartor_models::escape::python_string;

use super::super::foreign::is_argument;
use super::super::inputs::Input;

/// What the example passes to a model.
pub fn example(inputs: &[Input]) -> String {
    match inputs {
        [_] => "images".into(),
        _ if inputs.iter().all(|input| is_argument(&input.name)) => {
            listed(inputs.iter().map(|Input { name, .. }| format!("{name}={name}")))
        }
        _ => format!("{{{}}}", listed(inputs.iter().map(|input| format!("{}: ...", python_string(&input.name))))),
    }
}

/// The type of a call that gives such an answer.
pub fn types(inputs: &[Input], answer: &str) -> String {
    let arguments = listed(inputs.iter().map(|Input { name, .. }| format!("{name}: Any")));
    let of = |arguments: &str| format!("    def __call__(self, {arguments}) -> {answer}: ...");
    match inputs {
        _ if !inputs.iter().all(|input| is_argument(&input.name)) => of("*inputs: Any, **named: Any"),
        [_] => of(&arguments),
        _ => format!("    @overload\n{}\n    @overload\n{}", of(&arguments), of("inputs: Dict[str, Any], /")),
    }
}

/// Items of a list.
pub fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
