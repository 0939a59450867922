//! Trained networks give ONNX Runtime's answers.

use sartor::kernels::report;

use crate::case::cases;

/// Two engines in f32 differ by this much of the largest value after some sixty layers.
const TOLERANCE: f64 = 1e-4;

#[test]
fn trained_networks_agree_with_onnx_runtime() {
    let networks = cases("networks");
    assert!(networks.len() >= 4, "only {} networks were installed", networks.len());
    let mut checks = 0;
    for case in networks {
        let imported = case.import().unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        checks += case.question(&imported).check(TOLERANCE).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
    }
    report::checked("portable", checks, "trained networks from ONNX files");
}
