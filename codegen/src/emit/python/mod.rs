//! The network for Python: a module that calls the functions for C, what prepares its pictures, and its types.

mod batch;
mod calls;
mod module;
mod pictures;

use sartor_models::Network;

use super::c::Identity;
use super::fill::fill;
use super::package::Package;

/// The files of the module, below the folder that is imported.
pub fn files(network: &Network, batch: usize, package: &Package, identity: &Identity) -> Vec<(String, String)> {
    let folder = format!("python/{}", identity.name);
    let mut files = vec![
        ("__init__.py", module::print(network, batch, package, identity)),
        ("__init__.pyi", types(network, package)),
        ("py.typed", String::new()),
    ];
    files.extend(pictures::files(package));
    files.extend(batch::files(network, package, &identity.name));
    files.into_iter().map(|(name, text)| (format!("{folder}/{name}"), text)).collect()
}

const ARRAY: &str = "npt.NDArray[np.float32]";
const ARRAYS: &str = "Dict[str, npt.NDArray[np.float32]]";

fn types(network: &Network, package: &Package) -> String {
    let call = calls::types(&package.inputs(network), if network.outputs().len() == 1 { ARRAY } else { ARRAYS });
    let names = calls::listed(module::public_names(package).iter().map(|name| format!("\"{name}\"")));
    let values = [
        ("call", call.as_str()),
        ("overload", if call.contains("@overload") { ", overload" } else { "" }),
        ("names", &names),
        ("pictures", &pictures::types(package)),
    ];
    fill(include_str!("../template/module.pyi"), &values)
}
