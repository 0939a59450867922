//! Signs of life on stderr, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner while `work` goes on.
pub fn spin<T>(message: impl Into<String>, work: impl FnOnce() -> T) -> T {
    let spinner = ProgressBar::new_spinner().with_message(message.into());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let result = work();
    spinner.finish_and_clear();
    result
}

/// A bar of `len` steps; it goes away when dropped.
pub fn bar(message: &'static str, len: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}").expect("the template is valid");
    ProgressBar::new(len as u64).with_style(style).with_message(message).with_finish(indicatif::ProgressFinish::AndClear)
}
