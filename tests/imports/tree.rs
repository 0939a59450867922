//! The modules of a crate: what each defines, what it imports, and which paths its code names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, Meta, UseTree, Visibility};

/// A path in code, segment by segment.
pub type Names = Vec<String>;

/// A module, in a file of its own or inside another's.
#[derive(Default)]
pub struct Module {
    pub file: PathBuf,
    pub parent: usize,
    pub children: BTreeMap<String, usize>,
    /// Names of the functions, types, constants and macros that it defines.
    pub items: BTreeSet<String>,
    /// Names given to macros that may define them.
    pub by_macros: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// What `use ..::*` brings in.
    pub globs: Vec<Names>,
    /// Paths in its code, but for names alone that may be those of variables.
    pub paths: BTreeSet<Names>,
}

/// A name that `use` brings in.
pub struct Import {
    /// Its name here.
    pub name: String,
    pub path: Names,
    /// Whether others can take it from here.
    pub passed_on: bool,
}

/// All modules of a crate, the root first. Code for tests only is left out.
pub struct Tree(pub Vec<Module>);

impl Tree {
    /// Reads the crate whose root is the file `root`, and all files that it declares.
    pub fn read(root: &Path) -> Self {
        let mut tree = Self(Vec::new());
        tree.file(root, 0, root.parent().expect("a root is in a folder"));
        tree
    }

    /// Reads a file as a module, whose own modules' files are in `folder`.
    fn file(&mut self, file: &Path, parent: usize, folder: &Path) -> usize {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.module(file, parent, folder, &parsed.items)
    }

    fn module(&mut self, file: &Path, parent: usize, folder: &Path, items: &[Item]) -> usize {
        let id = self.0.len();
        self.0.push(Module { file: file.into(), parent, ..Module::default() });
        items.iter().filter(|item| !attributes(item).iter().any(is_for_tests)).for_each(|item| self.item(id, folder, item));
        id
    }

    fn item(&mut self, id: usize, folder: &Path, item: &Item) {
        let file = self.0[id].file.clone();
        if let Item::Mod(module) = item {
            let name = module.ident.to_string();
            let below = folder.join(&name);
            let child = match &module.content {
                Some((_, items)) => self.module(&file, id, &below, items),
                None => {
                    let (alone, inside) = (below.with_extension("rs"), below.join("mod.rs"));
                    self.file(if alone.exists() { &alone } else { &inside }, id, &below)
                }
            };
            self.0[id].children.insert(name, child);
            return;
        }
        let module = &mut self.0[id];
        module.items.extend(defined(item));
        if let Item::Macro(call) = item
            && call.ident.is_none()
        {
            let idents = call.mac.tokens.clone().into_iter().filter_map(|token| match token {
                TokenTree::Ident(ident) => Some(ident.to_string()),
                _ => None,
            });
            module.by_macros.extend(idents);
        }
        Reader { module, passes_on: false }.visit_item(item);
    }
}

/// The name that an item defines in its module.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an attribute leaves an item out of all builds but those of tests.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    list.path.is_ident("cfg") && ["test", "doctest"].iter().any(|test| asks_for(list.tokens.clone(), test))
}

fn asks_for(condition: TokenStream, test: &str) -> bool {
    let mut negated = false;
    condition.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            negated = ident == "not";
            ident == test
        }
        TokenTree::Group(group) => !negated && asks_for(group.stream(), test),
        _ => false,
    })
}

/// Collects what one item imports and names, wherever inside it that is.
struct Reader<'a> {
    module: &'a mut Module,
    /// Whether the imports it meets are passed on.
    passes_on: bool,
}

impl Reader<'_> {
    fn import(&mut self, tree: &UseTree, mut before: Names) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before.clone())),
            UseTree::Glob(_) => self.module.globs.push(before),
            UseTree::Name(name) => self.name(before, &name.ident.to_string(), None),
            UseTree::Rename(name) => self.name(before, &name.ident.to_string(), Some(name.rename.to_string())),
        }
    }

    fn name(&mut self, mut path: Names, name: &str, renamed: Option<String>) {
        if name != "self" {
            path.push(name.into());
        }
        let name = renamed.or_else(|| path.last().cloned()).unwrap_or_default();
        self.module.imports.push(Import { name, path, passed_on: self.passes_on });
    }

    /// Finds the paths in what a macro or an attribute is given, which has no syntax of its own.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.path(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                _ => {
                    self.path(std::mem::take(&mut path));
                    colons = 0;
                }
            }
            if let TokenTree::Group(group) = token
                && group.delimiter() != Delimiter::None
            {
                self.tokens(group.stream());
            }
        }
        self.path(path);
    }

    fn path(&mut self, path: Names) {
        if path.len() > 1 || path.iter().any(|name| name.starts_with(char::is_uppercase)) {
            self.module.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let for_tests = matches!(item, ImplItem::Fn(function) if function.attrs.iter().any(is_for_tests));
        if !for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.passes_on = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, Names::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.path(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some(name) = function.path.get_ident()
        {
            self.module.paths.insert(vec![name.to_string()]);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }
}
