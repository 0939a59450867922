//! Which file names what of which other file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tree::{Names, Tree};

/// From each file to the files of which it names something, and what. Files are named below the folder of the crate.
pub type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Imports that lead to imports: more of them than this lead in a ring.
const LONGEST: usize = 32;

/// What a path leads to.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    Module(usize),
    /// Something that a module defines.
    Item(usize),
    /// Another crate, or what every module knows.
    Outside,
}

/// The arrows between the files of the crates whose roots are `roots`, all in the folder `source`.
pub fn arrows(source: &Path, roots: &[&str]) -> Arrows {
    let mut arrows = Arrows::new();
    for root in roots {
        let tree = Tree::read(&source.join(root));
        for id in 0..tree.0.len() {
            tree.arrows_from(id, source, &mut arrows);
        }
    }
    arrows
}

impl Tree {
    fn arrows_from(&self, id: usize, source: &Path, arrows: &mut Arrows) {
        let module = &self.0[id];
        let name = |id: usize| {
            let below = self.0[id].file.strip_prefix(source).expect("files of a crate are in its folder");
            below.to_string_lossy().into_owned()
        };
        let from = name(id);
        let mut add = |to: usize, what: &str| {
            let to = name(to);
            if to != from {
                arrows.entry(from.clone()).or_default().entry(to).or_default().insert(what.into());
            }
        };
        let imports = module.imports.iter().map(|import| (&import.path, import.passed_on));
        for (path, passed_on) in imports.chain(module.paths.iter().map(|path| (path, false))) {
            match self.target(id, path, 0) {
                // To pass on what a module of its own defines is to declare it.
                Some(Target::Item(to)) if passed_on && self.is_below(to, id) => {}
                Some(Target::Item(to)) => add(to, self.item_of(path)),
                // What is named of a module is told by other paths.
                Some(Target::Module(_) | Target::Outside) => {}
                None => assert!(!is_inside(path), "{from}: {} leads nowhere", path.join("::")),
            }
        }
        for path in &module.globs {
            match self.target(id, path, 0) {
                Some(Target::Module(to)) => add(to, "*"),
                Some(Target::Item(to)) => add(to, self.item_of(path)),
                Some(Target::Outside) => {}
                None => assert!(!is_inside(path), "{from}: {}::* leads nowhere", path.join("::")),
            }
        }
    }

    fn is_below(&self, mut id: usize, above: usize) -> bool {
        while id != above && id != 0 {
            id = self.0[id].parent;
        }
        id == above
    }

    /// The last name of a path that begins with a large letter if there is one, as in `Kind::Lib`: the type, not its variant.
    fn item_of<'a>(&self, path: &'a Names) -> &'a str {
        let is_type = |name: &&String| name.starts_with(char::is_uppercase);
        path.iter().find(is_type).or(path.last()).map_or("", String::as_str)
    }

    /// What a path in module `id` leads to, if this finds it.
    fn target(&self, id: usize, path: &[String], depth: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(id),
            "super" => Target::Module(self.0[id].parent),
            name => self.lookup(id, name, rest.is_empty(), depth).unwrap_or(Target::Outside),
        };
        while let (Target::Module(module), Some((name, after))) = (at, rest.split_first()) {
            at = match name.as_str() {
                "super" => Target::Module(self.0[module].parent),
                name => self.lookup(module, name, after.is_empty(), depth)?,
            };
            rest = after;
        }
        Some(at)
    }

    /// What a name stands for in a module. A function may have the name of a module: `is_last` is whether no more names follow.
    fn lookup(&self, id: usize, name: &str, is_last: bool, depth: usize) -> Option<Target> {
        if depth > LONGEST {
            return None;
        }
        let module = &self.0[id];
        let child = module.children.get(name).map(|&child| Target::Module(child));
        let item = module.items.contains(name).then_some(Target::Item(id));
        let own = if is_last { item.or(child) } else { child.or(item) };
        let imported = || {
            let paths = module.imports.iter().filter(|import| import.name == name).map(|import| &import.path);
            paths.filter_map(|path| self.target(id, path, depth + 1)).next()
        };
        let by_glob = || {
            let of = |path: &Names| match self.target(id, path, depth + 1)? {
                Target::Module(other) => self.lookup(other, name, is_last, depth + 1),
                Target::Item(_) | Target::Outside => None,
            };
            module.globs.iter().find_map(of)
        };
        let by_macro = || module.by_macros.contains(name).then_some(Target::Item(id));
        own.or_else(imported).or_else(by_glob).or_else(by_macro)
    }
}

/// Whether a path says itself that it stays in its crate.
fn is_inside(path: &[String]) -> bool {
    ["crate", "super", "self"].contains(&path[0].as_str())
}
