//! The networks that a sweep measures.

/// Each family with its widths, at 224x224, and its resolutions, at width 1.
const FAMILIES: [(&str, &[&str], &[&str]); 6] = [
    ("mobilenet_v1", &["0.5", "1.0"], &["160x160", "320x320"]),
    (
        "mobilenet_v2",
        &["0.35", "0.5", "0.75", "1.0", "1.4", "2.0"],
        &["96x96", "160x160", "320x320", "512x512", "360x640", "192x320"],
    ),
    // Its channels grow linearly from block to block, so that most of their counts are odd.
    ("rexnet", &["0.6", "0.9", "1.0", "1.3", "1.5", "2.0", "3.0"], &["96x96", "160x160", "320x320", "256x192"]),
    ("rexnet_lite", &["1.0", "2.0"], &["320x256"]),
    ("shufflenet_v1_g3", &["0.5", "1.0", "1.5"], &["160x160", "320x240"]),
    ("shufflenet_v1_g8", &["0.5", "1.0"], &[]),
];

/// EfficientNets have no widths. They are measured at these resolutions and at their own.
const EFFICIENTNETS: [(&str, &[&str]); 1] = [("efficientnet_b0", &["160x160", "320x320"])];

/// The names of all networks of a sweep.
pub fn grid() -> Vec<String> {
    let mut names = Vec::new();
    for (family, widths, resolutions) in FAMILIES {
        names.extend(widths.iter().map(|width| format!("{family}_x{width}")));
        names.extend(resolutions.iter().map(|resolution| format!("{family}_x1.0@{resolution}")));
    }
    for (family, resolutions) in EFFICIENTNETS {
        names.push(family.into());
        names.extend(resolutions.iter().map(|resolution| format!("{family}@{resolution}")));
    }
    names
}
