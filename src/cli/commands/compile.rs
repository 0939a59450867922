//! `sartor compile`

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use sartor::codegen::ir::isa;
use sartor::kernels::runtime::level::UnknownLevel;
use sartor::models::escape;
use sartor::{CompileOptions, Glibc, Level, Target};
use serde_json::json;

use crate::cli::args::source::{Source, Sourced};
use crate::cli::args::tuning::TuningArgs;
use crate::cli::failure::Failure;
use crate::cli::print::{print, print_json};
use crate::cli::progress;
use crate::cli::table::{grouped, table};

/// Write a network as a Rust crate without dependencies, and build it
#[derive(Args)]
#[command(
    after_help = "Example: sartor compile mobilenet_v2_x1.0 --weights mobilenet_v2.safetensors --levels avx512,avx2 -o out"
)]
pub struct Compile {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    tuning: TuningArgs,
    /// The levels that the program has code for: a list such as avx2,portable, or all. It uses the best one that its CPU has [default: the
    /// levels of this machine's architecture, and portable]
    #[arg(long, value_name = "LEVELS")]
    levels: Vec<Levels>,
    /// Images that the program takes at a time. Sessions of the library take any number
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Split each stage of an image for this many threads; for two at least
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// The machine that it is for, as Rust names it, such as aarch64-unknown-linux-gnu [default: this one]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The oldest GNU C library that it runs with, such as 2.17. It takes zig's linker: `pip install ziglang` [default: this machine's]
    #[arg(long, value_name = "VERSION")]
    glibc: Option<Glibc>,
    /// What to build
    #[arg(long, value_enum, default_value_t = CrateKind::Bin)]
    kind: CrateKind,
    /// The crate's name [default: the network's, with _ for characters that crate names cannot have]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The crate's version [default: 0.1.0+DIGEST, a digest of the crate's files, so that crates of the same name can be told apart]
    #[arg(long, value_name = "X.Y.Z")]
    crate_version: Option<String>,
    /// The crate's description [default: the network's name]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Make the library a workspace of its own, as programs always are. Without this, it can be a member of your workspace
    #[arg(long)]
    standalone: bool,
    /// The folder to write. A folder that sartor wrote is replaced, unless a file in it was added or changed since
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A list of levels.
#[derive(Clone)]
struct Levels(Vec<Level>);

impl FromStr for Levels {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        if list == "all" {
            return Ok(Self(Level::ALL.to_vec()));
        }
        let levels = list.split(',').map(str::parse).collect::<Result<_, UnknownLevel>>();
        levels.map(Self).map_err(|unknown| format!("{unknown}, or all"))
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum CrateKind {
    /// A program
    Bin,
    /// A library
    Lib,
    /// A shared and a static library for C and C++, with a header, for pkg-config and for CMake
    C,
    /// A package for Python, a wheel
    Wheel,
}

impl Compile {
    pub fn run(self) -> Result<(), Failure> {
        let sourced = self.source.load()?;
        // Names of classes are a part of how pictures are prepared.
        if sourced.pictures.is_none() && !self.source.labels()?.is_empty() {
            self.source.prepared(&sourced)?;
        }
        let Sourced { network, weights, origin, interface, pictures, form, .. } = sourced;
        let target = Target::new(self.target.as_deref(), self.glibc)?;
        let mut levels: Vec<Level> = self.levels.into_iter().flat_map(|levels| levels.0).collect();
        if levels.is_empty() {
            levels = isa::levels_for(target.arch());
        }
        levels.sort_by_key(|&level| std::cmp::Reverse(level));
        levels.dedup();
        let kind = match self.kind {
            CrateKind::Bin => sartor::Kind::Bin,
            CrateKind::Lib => sartor::Kind::Lib,
            CrateKind::C => sartor::Kind::C,
            CrateKind::Wheel => sartor::Kind::Wheel,
        };
        let options = CompileOptions {
            levels,
            batch: self.batch,
            threads: self.threads,
            kind,
            tunings: self.tuning.load()?,
            name: self.name,
            version: self.crate_version,
            description: self.description,
            standalone: self.standalone,
            pictures,
            input: form,
            inputs: interface.as_ref().map(sartor::Input::all_of).unwrap_or_default(),
            target,
        };
        let compiled = progress::spin(format!("compiling {}", network.name), || {
            sartor::compile(&network, &weights, &options, &self.output)
        })?;
        let plans = &compiled.plans;
        if self.json {
            let levels: Vec<_> = plans
                .iter()
                .map(|plan| {
                    json!({
                        "level": plan.level.name(), "stages": plan.stages.len(), "arena_bytes": plan.arena_len * 4,
                        "scratch_bytes": plan.scratch_len * 4,
                    })
                })
                .collect();
            return print_json(&json!({
                "network": network.name, "weights": origin.name(), "batch": self.batch, "threads": self.threads,
                "dir": compiled.dir.display().to_string(), "artifact": compiled.artifact.display().to_string(),
                "artifact_bytes": compiled.artifact_bytes, "levels": levels,
            }));
        }
        let levels = table(
            ["level", "stages>", "arena bytes>", "scratch bytes a thread>"],
            plans.iter().map(|plan| {
                let bytes = |len: usize| grouped(len as u64 * 4);
                [plan.level.to_string(), plan.stages.len().to_string(), bytes(plan.arena_len), bytes(plan.scratch_len)]
            }),
        );
        print(&format!(
            "{}, {} weights, batch {}\n\n{levels}\n\ncrate    {}\nartifact {}, {} bytes",
            network.name,
            origin.name(),
            self.batch,
            escape::path(&compiled.dir),
            escape::path(&compiled.artifact),
            grouped(compiled.artifact_bytes)
        ))
    }
}
