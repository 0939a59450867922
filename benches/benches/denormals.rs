//! Measures what denormal values cost on this CPU: the same programs on ordinary images, on images in which every second value is
//! denormal, and on images scaled down so that every map is denormal. Compiling a network turns denormal weights into zero.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use sartor::judge::engines::GenericEngine;
use sartor::measure::bench::test_input;
use sartor::models::zoo::Spec;
use sartor::models::{Builder, Conv2d, GraphError, Op, Shape, Tensor, Window};
use sartor::{Level, Model, Network, Weights};

type Failure = Box<dyn std::error::Error>;

/// Layers of a network of one kind.
const LAYERS: usize = 4;

/// Moves ordinary values to the middle of the denormals' range.
const TINY: f32 = f32::MIN_POSITIVE / 1024.0;

fn main() -> Result<(), Failure> {
    let level = Level::best()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let depthwise = Conv2d { window: Window::square(3, 1, 1), groups: 64, ..POINTWISE };
    let small: Spec = "mobilenet_v1_x0.25@96x96".parse()?;
    // Only `cargo bench` measures: a test runs everything once.
    let measures = std::env::args().any(|arg| arg == "--bench");
    for network in [layers("pointwise", POINTWISE)?, layers("depthwise", depthwise)?, small.build()?] {
        let rows = compare(&mut criterion, &network, level)?;
        if measures {
            print(&network, level, &rows);
        }
    }
    criterion.final_summary();
    Ok(())
}

const POINTWISE: Conv2d = Conv2d { oc: 64, groups: 1, bias: false, window: Window::POINT };

/// Convolutions one after another.
fn layers(name: &str, conv: Conv2d) -> Result<Network, GraphError> {
    let mut builder = Builder::new(name, Shape::new(64, 14, 14))?;
    let mut last = builder.input();
    for index in 0..LAYERS {
        last = builder.add(format!("{name}{index}"), Op::Conv2d(conv), &[last])?;
    }
    builder.finish(&[last])
}

/// Random weights without biases, so that a network's maps are as small as its image.
fn weights(network: &Network) -> Weights {
    let mut weights = Weights::random(network, 0);
    for param in network.params() {
        if param.name.ends_with(".bias") || param.name.ends_with(".running_mean") {
            let zeros = vec![0.0; param.shape.iter().product()];
            weights.insert(param.name, Tensor::new(param.shape, zeros));
        }
    }
    weights
}

/// A program's runs on some images.
struct Row {
    images: &'static str,
    /// Of the values in all maps that are not zero.
    denormal: f64,
    /// Seconds of the fastest run; infinite if none was asked for.
    best: f64,
}

fn compare(criterion: &mut Criterion, network: &Network, level: Level) -> Result<Vec<Row>, Failure> {
    let weights = weights(network);
    let ordinary = test_input(network.input_shape().len());
    let half = ordinary.iter().enumerate().map(|(index, &x)| if index % 2 == 0 { x * TINY } else { x }).collect();
    let all = ordinary.iter().map(|&x| x * TINY).collect();
    sartor_benches::own_cache();
    let model = Model::open(network, &weights, level)?;
    let mut session = model.session(1)?;
    let mut output = vec![0.0; model.program().output_len()];
    let mut group = criterion.benchmark_group(format!("denormals in {}", network.name));
    let mut rows = Vec::new();
    for (images, input) in [("none", ordinary), ("half", half), ("all", all)] {
        let denormal = share(network, &weights, level, &input)?;
        let rich = match images {
            "none" => denormal == 0.0,
            "half" => denormal > 0.0,
            _ => denormal > 0.99,
        };
        assert!(rich, "{}, {images}: a share of {denormal} is denormal", network.name);
        let mut best = f64::INFINITY;
        group.bench_function(BenchmarkId::from_parameter(images), |bencher| {
            bencher.iter_custom(|iterations| {
                let mut total = Duration::ZERO;
                for _ in 0..iterations {
                    let start = Instant::now();
                    session.run(black_box(&input), &mut output).expect("the lengths are the program's");
                    let elapsed = start.elapsed();
                    best = best.min(elapsed.as_secs_f64());
                    total += elapsed;
                }
                total
            });
        });
        rows.push(Row { images, denormal, best });
    }
    group.finish();
    Ok(rows)
}

/// Share of denormals among the values that are not zero, in all maps.
fn share(network: &Network, weights: &Weights, level: Level, input: &[f32]) -> Result<f64, Failure> {
    let (mut denormal, mut all) = (0, 0);
    GenericEngine::new(network, weights, level)?.run_each(input, 1, |_, map| {
        denormal += map.iter().filter(|x| x.is_subnormal()).count();
        all += map.iter().filter(|&&x| x != 0.0).count();
    })?;
    Ok(denormal as f64 / all as f64)
}

fn print(network: &Network, level: Level, rows: &[Row]) {
    println!("{} at {level}, fastest runs", network.name);
    for &Row { images, denormal, best } in rows.iter().filter(|row| row.best.is_finite()) {
        let (share, times) = (100.0 * denormal, best / rows[0].best);
        println!("  {images:<5} {share:5.1} % of values denormal {:>9.1} us {times:5.2} times the ordinary", best * 1e6);
    }
    println!();
}
