//! Circles of arrows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::arrows::Arrows;

/// The shortest circle through each arrow that is on one, each once: its files, from the first in the alphabet.
pub fn circles(arrows: &Arrows) -> BTreeSet<Vec<String>> {
    let pairs = arrows.iter().flat_map(|(from, to)| to.keys().map(move |to| (from, to)));
    pairs.filter_map(|(from, to)| Some(from_first(shortest(arrows, to, from)?))).collect()
}

/// The files on the shortest way, both ends included.
fn shortest(arrows: &Arrows, from: &str, to: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(file) = queue.pop_front() {
        if file == to {
            let way = std::iter::successors(Some(file), |&file| (file != from).then(|| before[file]));
            let mut way: Vec<String> = way.map(str::to_owned).collect();
            way.reverse();
            return Some(way);
        }
        for next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if next != from && !before.contains_key(next.as_str()) {
                before.insert(next, file);
                queue.push_back(next);
            }
        }
    }
    None
}

fn from_first(mut circle: Vec<String>) -> Vec<String> {
    let first = (0..circle.len()).min_by_key(|&at| &circle[at]).unwrap_or(0);
    circle.rotate_left(first);
    circle
}

/// A circle in one line: `a.rs -> b.rs (Thing) -> a.rs (Other)`, with what is named of each file by the one before.
pub fn line(circle: &[String], arrows: &Arrows) -> String {
    let mut line = circle[0].clone();
    for (at, from) in circle.iter().enumerate() {
        let to = &circle[(at + 1) % circle.len()];
        let names: Vec<&str> = arrows[from][to].iter().map(String::as_str).collect();
        line += &format!(" -> {to} ({})", names.join(", "));
    }
    line
}
