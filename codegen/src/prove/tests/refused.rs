//! Plans that are spoilt on purpose, and the error that each must give.

use sartor_kernels::runtime::Level;

use super::sample::sample;
use crate::ir::kernel::{Access, Builder, Kernel, Stmt, Value};
use crate::ir::stage::{Int, Region, Step};
use crate::layout::MapId;
use crate::network::layers::LayerId;
use crate::network::output::{Softmax, Stride};
use crate::network::pack::Packed;
use crate::plan::{Place, Plan};
use crate::prove::{self, Unproven};

fn plan() -> (Plan, Packed) {
    sample(Level::Avx512, 1)
}

/// The error of a plan that is spoilt in one place.
fn refused(spoil: impl FnOnce(&mut Plan, &mut Packed)) -> String {
    let (mut plan, mut packed) = plan();
    spoil(&mut plan, &mut packed);
    prove::plan(&plan, &packed.data).unwrap_err().to_string()
}

fn kernel_error(build: impl FnOnce(&mut Builder)) -> String {
    let mut b = Builder::new("k", Vec::new(), Level::Avx2);
    build(&mut b);
    prove::kernel(&b.finish()).unwrap_err().to_string()
}

/// The first pointer into a region that is the `nth` argument of one of a stage's calls.
fn pointer(body: &mut [Step], nth: usize, region: Region) -> Option<&mut Int> {
    body.iter_mut().find_map(|step| match step {
        Step::Call { args, .. } => {
            args.get_mut(nth).filter(|pointer| pointer.region == region).map(|pointer| &mut pointer.offset)
        }
        Step::For { body, .. } => pointer(body, nth, region),
        Step::Match { arms, .. } => arms.iter_mut().find_map(|arm| pointer(&mut arm.body, nth, region)),
        _ => None,
    })
}

/// Index of the stage of a layer.
fn stage_of(plan: &Plan, layer: &str) -> usize {
    let is = |index: &LayerId| plan.layers[*index].name == layer;
    plan.stages.iter().position(|stage| stage.layers.iter().any(is)).unwrap()
}

fn map_of(plan: &Plan, name: &str) -> MapId {
    plan.layers.maps.position(|map| map.name == name).unwrap()
}

fn assert_contains(error: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| error.contains(part)), "{error}\nlacks one of {parts:?}");
}

#[test]
fn scope() {
    let error = kernel_error(|b| {
        let dst = b.buffer("dst", 8, Access::Write);
        b.repeat("i", 2, |b, _| {
            b.splat("x", 1.0);
        });
        b.store(dst.at(0), crate::ir::kernel::Reg(0));
    });
    assert_eq!(error, "kernel k: register 0 is used outside its scope");
    let error = kernel_error(|b| {
        let dst = b.buffer("dst", 8, Access::Write);
        let x = b.splat("x", 1.0);
        b.splat("x", 2.0);
        b.store(dst.at(0), x);
    });
    assert_eq!(error, "kernel k: x is another x where it is used");
    let error = kernel_error(|b| {
        let src = b.buffer("src", 8, Access::Read);
        let x = b.splat("x", 1.0);
        b.store(src.at(0), x);
    });
    assert_eq!(error, "kernel k: stores to src, which is only read");
    let error = kernel_error(|b| {
        let x = b.splat("x", 1.0);
        b.set(x, Value::FirstLanes(x, 9));
    });
    assert_eq!(error, "kernel k: keeps 9 of 8 lanes");
}

#[test]
fn bounds() {
    let error = kernel_error(|b| {
        let src = b.buffer("src", 39, Access::Read);
        b.repeat("i", 5, |b, i| {
            b.load("x", src.at(0).plus(i, 8));
        });
    });
    assert_eq!(error, "kernel k: an access to src reaches f32 40 of 39");
    let error = refused(|plan, _| plan.lengths.weights -= 1);
    assert_contains(&error, &["is called with wei in Weights from", "beyond"]);
    let error = refused(|plan, _| plan.stages[0].code.body.iter_mut().for_each(drop_argument));
    assert_contains(&error, &["stage_00, unit 0:", "buffers and is called with"]);
}

fn drop_argument(step: &mut Step) {
    match step {
        Step::Call { args, .. } => drop(args.pop()),
        Step::For { body, .. } => body.iter_mut().for_each(drop_argument),
        Step::Match { arms, .. } => arms.iter_mut().flat_map(|arm| &mut arm.body).for_each(drop_argument),
        _ => {}
    }
}

#[test]
fn overflow() {
    let error = kernel_error(|b| {
        let src = b.buffer("src", usize::MAX, Access::Read);
        b.set_new("x", Value::Broadcast(src.at(isize::MAX as usize / 4)));
    });
    assert_eq!(error, "kernel k: the offset of an access to src does not fit isize");
    let error = kernel_error(|b| b.repeat("i", 1 << 31, |b, _| b.comment("nothing that i is used for")));
    assert_eq!(error, "kernel k: loop i counts to 2147483648 in 32 bits");
    let error = refused(|plan, _| plan.lengths.arena = usize::MAX / 4);
    assert_eq!(error, format!("Arena of {} f32 does not fit isize", usize::MAX / 4));
}

#[test]
fn alignment() {
    let error = kernel_error(|b| {
        let src = b.buffer("src", 64, Access::Read);
        b.load("x", src.at(12));
    });
    assert_eq!(error, "kernel k: a vector access to src moves by 12 f32, which is no multiple of 8 lanes");
    let error = refused(|plan, _| {
        let stage = stage_of(plan, "pool");
        let at = pointer(&mut plan.stages[stage].code.body, 0, Region::Arena).unwrap();
        *at = at.clone().plus(8);
    });
    assert_contains(&error, &["unit 0: maxpool3x3s1", "is called with src", "in Arena at", "which is not aligned to 16 lanes"]);
}

#[test]
fn units() {
    let error = refused(|plan, _| {
        let step = Step::Set("count".into(), Int::var("count").plus(1));
        plan.stages[0].code.body.extend([Step::Keep("count".into()), step]);
    });
    assert_eq!(error, "stage_00, unit 1: leaves count at 1 as the first of its range, and at 2 after another unit");
    let error = refused(|plan, _| plan.stages[0].code.body.insert(0, Step::Let("x".into(), Int::var("y"))));
    assert_eq!(error, "stage_00, unit 0: the stage reads variable 'y' before declaring it");
}

#[test]
fn liveness() {
    let (original, _) = plan();
    let (first, second) = (map_of(&original, "stem.act"), map_of(&original, "block"));
    let error = refused(|plan, _| plan.places[second] = plan.places[first]);
    assert_contains(&error, &["maps stem.act and block overlap in Arena from", "and both are live in stage"]);
    // A call writes to a map that its stage does not have.
    let error = refused(|plan, _| {
        let stage = stage_of(plan, "mean");
        let Place::Arena { offset } = plan.places[second] else { panic!("not in the arena") };
        *pointer(&mut plan.stages[stage].code.body, 1, Region::Arena).unwrap() = offset.into();
    });
    assert_contains(
        &error,
        &["unit 0: mean_m50_c32_avx512 writes dst in Arena from", "where no layer of the stage writes a map"],
    );
    let error = refused(|plan, _| plan.lengths.scratch = 16);
    assert!(error.contains("beyond 16"), "{error}");
}

#[test]
fn disjoint() {
    let error = kernel_error(|b| {
        let dst = b.buffer("dst", 24, Access::Write);
        let x = b.splat("x", 1.0);
        b.repeat("i", 3, |b, i| b.store(dst.at(0).plus(i, 8), x));
        b.store(dst.at(16), x);
    });
    assert_eq!(error, "kernel k: a store to dst at f32 16 overwrites what nothing has read");
    // All units write what the first writes.
    let error = refused(|plan, _| {
        let stage = stage_of(plan, "pool");
        constant_rows(&mut plan.stages[stage].code.body);
    });
    assert_contains(&error, &["maxpool3x3s1", "writes dst0 at arena f32", "which another call of the stage writes too"]);
    // Where a stage works in place, other proofs fail first. They are left out here.
    let in_place = |rows: usize| {
        let (mut plan, packed) = plan();
        let stage = stage_of(&plan, "block");
        let body = &mut plan.stages[stage].code.body;
        let src = pointer(body, 0, Region::Arena).unwrap().clone();
        *pointer(body, 2, Region::Arena).unwrap() = src.plus(rows * 19 * 32);
        let facts = prove::facts(&plan, &packed.data).unwrap();
        prove::disjoint::stage(&facts, stage).unwrap_err().to_string()
    };
    assert_contains(&in_place(0), &["unit 0: add_m76_c32_avx512 is called with dst and src, which overlap in Arena from"]);
    assert_contains(&in_place(4), &["unit 1: add_m76_c32_avx512 reads src at arena f32", "which another unit writes"]);
}

/// Makes the pointers to the destination constant in a window's calls.
fn constant_rows(body: &mut [Step]) {
    for step in body {
        match step {
            Step::Call { args, .. } => {
                let sources = args.len() - 2;
                for pointer in args.iter_mut().skip(sources) {
                    pointer.offset = constant(&pointer.offset);
                }
            }
            Step::For { body, .. } => constant_rows(body),
            Step::Match { arms, .. } => arms.iter_mut().for_each(|arm| constant_rows(&mut arm.body)),
            _ => {}
        }
    }
}

/// The constant part of an offset.
fn constant(int: &Int) -> Int {
    match int {
        Int::Add(_, b) => constant(b),
        Int::Const(value) => (*value).into(),
        _ => 0.into(),
    }
}

#[test]
fn initialised() {
    // One unit too few leaves the last rows of a map unwritten.
    let error = refused(|plan, _| {
        let stage = stage_of(plan, "stem");
        plan.stages[stage].code.units -= 1;
    });
    assert_contains(&error, &["unit", "reads", "at Arena f32", "which nothing has written"]);
    // The first rows of a ring are skipped.
    let error = refused(|plan, _| {
        let stage = stage_of(plan, "wide");
        let body = &mut plan.stages[stage].code.body;
        let lo = body.iter_mut().find_map(|step| if let Step::For { lo, .. } = step { Some(lo) } else { None }).unwrap();
        *lo = lo.clone().plus(1);
    });
    assert_contains(&error, &["unit 0", "reads src", "at Scratch f32", "which nothing has written"]);
}

/// A kernel that stores all lanes of a constant.
fn fill(value: f32, len: usize) -> Kernel {
    let mut b = Builder::new("fill", Vec::new(), Level::Avx512);
    let dst = b.buffer("dst", len, Access::Write);
    let x = b.splat("x", value);
    b.repeat("i", len / 16, |b, i| b.store(dst.at(0).plus(i, 16), x));
    b.finish()
}

#[test]
fn padding() {
    // A pad lane has a bias.
    let error = refused(|_, packed| {
        let crate::network::pack::PackedLayer::Conv(runs) = &packed.layers[LayerId(0)] else {
            panic!("the first layer is the stem")
        };
        let last = packed.data[runs[0].offset..].chunks(16 * (1 + 27)).nth(1).unwrap();
        assert_eq!(last[15], 0.0);
        packed.data[runs[0].offset + 16 * (1 + 27) + 15] = 1.0;
    });
    assert_eq!(error, "stage_00: map stem.act of 20 lanes may be other than zero in pad lane 31");
    // A gate's sigmoid is not followed by clearing the pad lanes.
    let error = refused(|plan, _| {
        for kernel in &mut plan.kernels {
            keep_all_lanes(&mut kernel.body);
        }
    });
    assert_contains(&error, &["map gate.act of 20 lanes may be other than zero in pad lane 20"]);
    // A constant fills a map. This is caught however the map is written.
    assert!(matches!(prove::kernel(&fill(0.5, 64)), Ok(1)));
}

fn keep_all_lanes(body: &mut Vec<Stmt>) {
    body.retain(|stmt| !matches!(stmt, Stmt::Set(_, Value::FirstLanes(..))));
    for stmt in body {
        if let Stmt::For { body, .. } = stmt {
            keep_all_lanes(body);
        }
    }
}

#[test]
fn outputs() {
    let error = refused(|plan, _| plan.unpack[0].pieces[0].src += 16);
    assert_contains(&error, &["output 0: reads 16 f32 from arena f32", "which is no map that lives to the end"]);
    let error = refused(|plan, _| plan.unpack[1].dst += 1);
    assert_contains(&error, &["output 1: fills f32 11 to", "but what is before ends at 10"]);
    let error = refused(|plan, _| plan.unpack[0].pieces[0].loops[0].count -= 1);
    assert_contains(&error, &["output 0: f32 9 of an image is written 0 times"]);
    let error = refused(|plan, _| plan.unpack[0].pieces[0].loops[0].dst = 0);
    assert_contains(&error, &["output 0: f32 0 of an image is written 2 times"]);
    let error = refused(|plan, _| plan.unpack[0].pieces[0].loops[0].src = 2);
    assert_contains(&error, &["output 0: what is read leaves the 16 f32 of an image"]);
    let error = refused(|plan, _| plan.unpack[0].pieces[0].first = 1);
    assert_contains(&error, &["output 0: what is written leaves the 10 f32 of an image"]);
    let row = Stride { count: 6, step: 2 };
    let softmax = Softmax { log: false, first: 0, row, rows: Vec::new() };
    let error = refused(|plan, _| plan.unpack[0].softmaxes.push(softmax.clone()));
    assert_contains(&error, &["output 0: a softmax leaves the 10 f32 of an image"]);
}

#[test]
fn an_error_is_the_compilers() {
    let (mut plan, packed) = plan();
    plan.lengths.weights -= 1;
    assert!(matches!(prove::plan(&plan, &packed.data), Err(Unproven::Bounds(_))));
}
