//! The distinct kernels of a program: layers of the same specification share one.

use std::collections::HashMap;

use sartor_kernels::runtime::Level;
use typed_index_collections::TiVec;

use super::spec::Spec;
use crate::ids::KernelId;
use crate::ir::kernel::Kernel;
use crate::ir::name::{KernelName, tell_apart};

/// Kernels made so far.
#[derive(Debug)]
pub struct Library {
    level: Level,
    kernels: TiVec<KernelId, Kernel>,
    /// The specification from which each kernel was made first.
    specs: Vec<Spec>,
    known: HashMap<Spec, KernelId>,
}

impl Library {
    /// A library without kernels.
    pub fn new(level: Level) -> Self {
        Self { level, kernels: TiVec::new(), specs: Vec::new(), known: HashMap::new() }
    }

    /// The kernel that computes a specification. It is made if there is none yet; `problem` says for which layer.
    pub fn get(&mut self, spec: &Spec, problem: &str) -> KernelId {
        if let Some(&id) = self.known.get(spec) {
            return id;
        }
        let kernel = spec.lower(self.level, spec.name(self.level).to_string(), vec![problem.to_string()]);
        // Specifications that ask for more than there is, such as a tile wider than the map, give the same kernel as others.
        let id = self.kernels.position(|known| known.is_same(&kernel)).unwrap_or_else(|| {
            self.specs.push(spec.clone());
            self.kernels.push_and_get_key(kernel)
        });
        self.known.insert(spec.clone(), id);
        id
    }

    /// All kernels, each with a name of its own.
    pub fn finish(self) -> TiVec<KernelId, Kernel> {
        let mut names: Vec<KernelName> = self.specs.iter().map(|spec| spec.name(self.level)).collect();
        let details: Vec<_> = self.specs.iter().map(|spec| spec.details(self.level)).collect();
        tell_apart(&mut names, &details);
        let named = self.kernels.into_iter().zip(names);
        named.map(|(kernel, name)| Kernel { name: name.to_string(), ..kernel }).collect()
    }
}
