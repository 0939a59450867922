//! Progress bars, shown if stderr is a terminal, and the library's messages.

use std::io::{self, IsTerminal};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use sartor::models::escape;

use super::print;

/// All bars and spinners. They are hidden while a message is printed.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

struct Messages;

impl log::Log for Messages {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target().starts_with("sartor")
    }

    fn log(&self, record: &log::Record) {
        let text = record.args().to_string();
        match record.level() {
            _ if !self.enabled(record.metadata()) => {}
            log::Level::Error | log::Level::Warn => BARS.suspend(|| print::warn(&text)),
            _ => BARS.suspend(|| print::note(&text)),
        }
    }

    fn flush(&self) {}
}

/// Prints the library's warnings from now on; if stderr is a terminal, also its notes.
pub fn show_messages() {
    // An error means that this was done before.
    if log::set_logger(&Messages).is_ok() {
        log::set_max_level(if io::stderr().is_terminal() { log::LevelFilter::Info } else { log::LevelFilter::Warn });
    }
}

/// Shows a spinner while `work` runs.
pub fn spin<T>(message: impl Into<String>, work: impl FnOnce() -> T) -> T {
    let spinner = BARS.add(ProgressBar::new_spinner().with_message(escape::terminal(&message.into())));
    spinner.enable_steady_tick(Duration::from_millis(100));
    let result = work();
    spinner.finish_and_clear();
    result
}

/// Shows a bar of `len` steps until it is dropped.
pub fn bar(message: &'static str, len: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}").expect("the template is valid");
    let bar = ProgressBar::new(len as u64).with_style(style).with_message(message);
    BARS.add(bar.with_finish(indicatif::ProgressFinish::AndClear))
}

/// Progress with the rate and the time that remains: a bar on a terminal, else a line every few seconds.
pub struct Rate {
    begun: Instant,
    said: Instant,
    len: usize,
    bar: Option<ProgressBar>,
}

/// From one line to the next.
const LINES: Duration = Duration::from_secs(10);

impl Rate {
    /// Begins with `len` steps to go.
    pub fn start(len: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec}, {eta} left").expect("the template is valid");
        let bar = io::stderr().is_terminal().then(|| BARS.add(ProgressBar::new(len as u64).with_style(style)));
        Self { begun: Instant::now(), said: Instant::now(), len, bar }
    }

    /// So many steps are done.
    pub fn at(&mut self, done: usize) {
        match &self.bar {
            Some(bar) => bar.set_position(done as u64),
            None if self.said.elapsed() >= LINES => {
                self.said = Instant::now();
                let rate = done as f64 / self.begun.elapsed().as_secs_f64();
                let left = (self.len - done) as f64 / rate;
                print::say(&format!("{done}/{} {rate:.1} a second, {left:.0} s left", self.len));
            }
            None => {}
        }
    }

    /// All is done. Returns how long it took.
    pub fn finish(self) -> Duration {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
        self.begun.elapsed()
    }
}
