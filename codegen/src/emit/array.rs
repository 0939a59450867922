//! Declares arrays of registers.

use crate::ir::kernel::{Address, Element, Kernel, Reg, RegName, Stmt, Value};

use super::roll::Node;
use super::words::{Printer, Words, is_plain};

/// How many registers the array has that begins with a register, if one does.
pub fn len(kernel: &Kernel, first: Reg) -> Option<usize> {
    let Element { dims: [rows, columns], at } = kernel.regs[first.0].element?;
    Some(rows * columns).filter(|&len| len > 1 && at == [0, 0])
}

/// Whether a kernel's text loads an array with one call.
pub fn are_loaded(kernel: &Kernel) -> bool {
    !is_plain(kernel) && loads_any(kernel, &kernel.body)
}

fn loads_any(kernel: &Kernel, body: &[Stmt]) -> bool {
    body.iter().enumerate().any(|(at, stmt)| match stmt {
        Stmt::For { body, .. } => loads_any(kernel, body),
        Stmt::Let(reg, _) => len(kernel, *reg).is_some_and(|len| loads(&body[at..at + len]).is_some()),
        _ => false,
    })
}

/// The first address and the step of declarations that load what is equally far apart.
fn loads(declared: &[Stmt]) -> Option<(&Address, usize)> {
    let load = |stmt| if let &Stmt::Let(_, Value::Load(ref at)) = stmt { Some(at) } else { None };
    let all: Vec<&Address> = declared.iter().map(load).collect::<Option<_>>()?;
    let (first, second) = (*all.first()?, *all.get(1)?);
    let step = second.offset.checked_sub(first.offset)?;
    let equal = all.iter().enumerate().all(|(index, &at)| *at == first.clone().offset(index * step));
    equal.then_some((first, step))
}

/// The declaration of the array that begins with a register, from the declarations of its registers.
pub fn declare(printer: &Printer, first: Reg, declared: &[Stmt]) -> Node {
    let RegName { name, element } = &printer.kernel.regs[first.0];
    let head = format!("let {}{name} =", printer.mark_array(first, declared.len()));
    let values: Vec<&Value> =
        declared.iter().filter_map(|stmt| if let Stmt::Let(_, value) = stmt { Some(value) } else { None }).collect();
    let mut words = Words::new(printer);
    words.line.declares = Some(first);
    if let Some((from, step)) = loads(declared) {
        words.text(&format!("{head} loads::<{}>(", declared.len())).address(from).text(&format!(", {step});"));
        words.line.cost *= declared.len();
        return Node::Line(words.line);
    }
    if !values.iter().all(|value| matches!(value, Value::Copy(_) | Value::Splat(_))) {
        let items = values.iter().map(|value| Words::new(printer).value(value).line.clone()).collect();
        return Node::List { head, items, declares: first };
    }
    let columns = element.map_or(1, |element| element.dims[1]);
    let row = |row: &[&Value]| {
        let said: Vec<String> = row.iter().map(|value| words.said(value)).collect();
        whole(printer.kernel, row).map_or_else(|| repeated(&said), String::from)
    };
    let rows: Vec<String> = values.chunks(columns).map(row).collect();
    words.text(&format!("{head} {};", repeated(&rows)));
    Node::Line(words.line)
}

/// The name of the array that these values are all of, in its order.
fn whole<'a>(kernel: &'a Kernel, values: &[&Value]) -> Option<&'a str> {
    let Value::Copy(first) = **values.first()? else { return None };
    let all = values.iter().enumerate().all(|(index, &value)| *value == Value::Copy(Reg(first.0 + index)));
    let one_row = kernel.regs[first.0].element.is_some_and(|element| element.dims[0] == 1);
    (all && one_row && len(kernel, first) == Some(values.len())).then_some(&kernel.regs[first.0].name)
}

/// An array of these items.
fn repeated(items: &[String]) -> String {
    match items {
        [one] => one.clone(),
        [first, others @ ..] if others.iter().all(|other| other == first) => format!("[{first}; {}]", items.len()),
        _ => format!("[{}]", items.join(", ")),
    }
}
