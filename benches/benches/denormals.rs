//! Layers on ordinary and on denormal activations: what denormals cost on this CPU. Weights that are denormal become zero when a
//! network is compiled, so they cost nothing.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use sartor::bench::test_input;
use sartor::models::{Activation, Builder, Conv2d, Op, Shape};
use sartor::{Level, Model, Network, Weights};

const SHAPE: Shape = Shape { c: 64, h: 14, w: 14 };

fn network(name: &str, ops: &[Op]) -> Network {
    let mut builder = Builder::new(name, SHAPE).expect("a shape");
    let mut last = builder.input();
    for (index, &op) in ops.iter().enumerate() {
        last = builder.add(format!("n{index}"), op, &[last]).expect("an operator");
    }
    builder.finish(&[last]).expect("an output")
}

fn denormals(criterion: &mut Criterion) {
    let conv = |groups, size: usize| {
        let (kernel, padding) = ((size, size), (size / 2, size / 2));
        Op::Conv2d(Conv2d { oc: SHAPE.c, kernel, stride: (1, 1), padding, groups, bias: false })
    };
    let layers = [
        ("pointwise", vec![conv(1, 1)]),
        ("depthwise", vec![conv(SHAPE.c, 3)]),
        ("pointwise_silu", vec![conv(1, 1), Op::Activation(Activation::Silu)]),
    ];
    let level = Level::best().expect("SARTOR_MAX_LEVEL names a level");
    for (name, ops) in layers {
        let network = network(name, &ops);
        let model = Model::open(&network, &Weights::random(&network, 1), level, 1).expect("it compiles");
        let mut session = model.session(1).expect("one thread");
        let ordinary = test_input(network.input_shape().len());
        // Every other value: kernels meet both.
        let tiny = |(i, &x): (usize, &f32)| if i % 2 == 0 { x * f32::MIN_POSITIVE / 4.0 } else { x };
        let denormal: Vec<f32> = ordinary.iter().enumerate().map(tiny).collect();
        let all: Vec<f32> = ordinary.iter().map(|x| x * f32::MIN_POSITIVE / 4.0).collect();
        let mut output = vec![0.0; model.program().output_len];
        let mut group = criterion.benchmark_group(format!("denormals_{name}"));
        for (values, input) in [("none", &ordinary), ("half", &denormal), ("all", &all)] {
            group.bench_function(BenchmarkId::from_parameter(values), |bencher| {
                bencher.iter(|| session.run(input, &mut output).expect("lengths are the program's"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, denormals);
criterion_main!(benches);
