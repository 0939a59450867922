//! Many threads and one pool.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use golden::{INPUT_LEN, Model, OUTPUT_LEN, Pool};

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// Counts what is allocated by threads that say so.
struct Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(usize::from(COUNTS.get()), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    order();
    between_others();
    asleep();
    answers();
}

/// Returns when so many callers have had to wait.
fn waited(pool: &Pool, callers: usize) {
    let start = Instant::now();
    while !format!("{pool:?}").contains(&format!("waited: {callers},")) {
        assert!(start.elapsed() < Duration::from_secs(60), "{pool:?}");
        thread::yield_now();
    }
}

/// More callers than there are bells, one after another.
fn order() {
    let (pool, served) = (Pool::new(1, 1).unwrap(), Mutex::new(Vec::new()));
    let callers = 40;
    thread::scope(|scope| {
        let model = pool.get();
        for caller in 0..callers {
            let (pool, served) = (&pool, &served);
            scope.spawn(move || {
                let _model = pool.get();
                served.lock().unwrap().push(caller);
            });
            waited(pool, caller + 1);
        }
        drop(model);
    });
    let served = served.into_inner().unwrap();
    println!("served {}", if served.is_sorted() && served.len() == callers { "in order".into() } else { format!("{served:?}") });
}

/// A caller that comes again at once does not keep another from its turn.
fn between_others() {
    let (pool, served) = (Pool::new(1, 1).unwrap(), AtomicBool::new(false));
    thread::scope(|scope| {
        let mut model = pool.get();
        scope.spawn(|| {
            let _model = pool.get();
            served.store(true, Ordering::Relaxed);
        });
        waited(&pool, 1);
        let mut others = 0;
        while !served.load(Ordering::Relaxed) && others < 100 {
            drop(model);
            model = pool.get();
            others += 1;
        }
        println!("served {}", if others < 10 { "between others".into() } else { format!("after {others} others") });
        drop(model);
    });
}

/// Nanoseconds that this thread has been computing; none where the system does not tell.
fn computed() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

fn asleep() {
    let pool = Pool::new(1, 1).unwrap();
    let computed = thread::scope(|scope| {
        let model = pool.get();
        let waits = scope.spawn(|| {
            let before = computed();
            let _model = pool.get();
            computed() - before
        });
        waited(&pool, 1);
        thread::sleep(Duration::from_millis(400));
        drop(model);
        Duration::from_nanos(waits.join().unwrap())
    });
    println!("{}", if computed < Duration::from_millis(100) { "asleep".into() } else { format!("computed for {computed:?}") });
}

fn answers() {
    let input = |caller: usize| (0..INPUT_LEN).map(|i| ((i * 7 + caller) % 11) as f32 - 5.0).collect::<Vec<f32>>();
    let pool = Pool::new(3, 1).unwrap();
    assert_eq!(pool.models(), 3);
    let right = AtomicUsize::new(0);
    thread::scope(|scope| {
        for caller in 0..8 {
            let (pool, right) = (&pool, &right);
            scope.spawn(move || {
                let (input, mut expected) = (input(caller), [0.0; OUTPUT_LEN]);
                Model::new(1).unwrap().run(&input, &mut expected).unwrap();
                COUNTS.set(true);
                for _ in 0..500 {
                    let mut output = [f32::NAN; OUTPUT_LEN];
                    pool.run(&input, &mut output).unwrap();
                    right.fetch_add(usize::from(output == expected), Ordering::Relaxed);
                }
                COUNTS.set(false);
            });
        }
    });
    println!("{} right answers, {} allocations", right.into_inner(), ALLOCATIONS.load(Ordering::Relaxed));
}
