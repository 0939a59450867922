//! Criterion benches and the comparison with other engines.
