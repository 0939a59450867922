//! Proves every network of the zoo at every level, as every compilation does.

use std::time::{Duration, Instant};

use sartor_kernels::report::checked;
use sartor_kernels::runtime::Level;
use sartor_models::{Weights, zoo};

use crate::network::normalize::normalize;
use crate::network::pack::pack;
use crate::prove;
use crate::schedule::{self, Options};

#[test]
fn every_zoo_network_is_proven_at_every_level() {
    let mut slowest = (Duration::ZERO, String::new());
    for name in zoo::defaults() {
        let network = name.parse::<zoo::Spec>().unwrap().build().unwrap();
        let layers = normalize(&network, &Weights::random(&network, 1)).unwrap();
        let packed = pack(&layers);
        for level in Level::ALL {
            let plan = schedule::plan(&layers, &packed, &Options::new(level)).unwrap();
            let begun = Instant::now();
            let proven = prove::plan(&plan, &packed.data).unwrap_or_else(|error| panic!("{name} at {level}: {error}"));
            let took = begun.elapsed();
            slowest = slowest.max((took, format!("{name} at {level}")));
            let calls: usize = proven.stages.iter().map(|stage| stage.calls).sum();
            assert!(proven.kernels.iter().all(|kernel| kernel.calls > 0 && kernel.accesses > 0 && kernel.writes > 0));
            println!("{name} at {level}: {} kernels, {calls} calls proven in {took:.1?}", proven.kernels.len());
            checked(level.name(), proven.kernels.len(), &format!("kernels of {name} proven"));
        }
    }
    println!("slowest: {} in {:.1?}", slowest.1, slowest.0);
}
