//! How far a long analysis has come, on a terminal.
//!
//! In: bytes and packets read so far, or bytes written. Out: a line on standard error that changes in place: a bar, rate, packets,
//! the time that is left. Nothing where standard error is no terminal, and nothing of what is done within a
//! second.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use super::surroundings;
use indicatif::{
    BinaryBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

/// What takes less is over before anybody has read the line.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Of a file whose size is known. What a narrow terminal has no room for is cut off.
const WITH_SIZE: &str = "{bar:20} {wide_msg}";

/// Of a pipe.
const WITHOUT_SIZE: &str = "{spinner} {wide_msg}";

/// The line, once it is shown; by default it never is.
#[derive(Default)]
pub(crate) struct ProgressDisplay {
    /// When the work began; `None` where nothing is ever shown.
    began: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl ProgressDisplay {
    /// Nothing is shown if the user wants it `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let visible = !quiet && stderr().is_terminal();
        // It is the user who waits, whatever the packets' time.
        #[allow(clippy::disallowed_methods)]
        let began = visible.then(Instant::now);
        Self { began, bar: None }
    }

    /// So many bytes of so many, if that is known, and so many packets were read.
    pub(crate) fn show(&mut self, (read, size): (u64, Option<u64>), packets: u64) {
        if let Some(elapsed) = self.elapsed() {
            let message = so_far(read, size, packets, elapsed);
            self.draw((read, size), message, elapsed);
        }
    }

    /// So many bytes were written; how many there will be is not known.
    pub(crate) fn show_written(&mut self, written: u64) {
        if let Some(elapsed) = self.elapsed() {
            let rate = BinaryBytes(rate(written, elapsed));
            let message = format!("{}, {rate}/s written", BinaryBytes(written));
            self.draw((written, None), message, elapsed);
        }
    }

    /// How long the work has taken, where that is long enough to show it.
    fn elapsed(&self) -> Option<Duration> {
        let elapsed = self.began?.elapsed();
        (elapsed >= SHOWN_AFTER).then_some(elapsed)
    }

    fn draw(&mut self, (done, size): (u64, Option<u64>), message: String, elapsed: Duration) {
        let bar = self.bar.get_or_insert_with(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(size, target).with_elapsed(elapsed);
            let template = match size {
                Some(_) => WITH_SIZE,
                None => WITHOUT_SIZE,
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                let style = style.progress_chars("=> ");
                bar.set_style(match surroundings::has_unicode() {
                    true => style,
                    false => style.tick_chars("|/-\\ "),
                });
            }
            bar
        });
        bar.set_message(message);
        bar.set_position(done);
    }

    /// The work is done: the line goes.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Bytes a second, on average.
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1_000) / millis.max(1)
}

/// How much is done, the average rate, and before both the time that the rest takes at it.
fn so_far(read: u64, size: Option<u64>, packets: u64, elapsed: Duration) -> String {
    let rate = rate(read, elapsed);
    let done = BinaryBytes(read);
    let speed = format!("{}/s, {} packets", BinaryBytes(rate), HumanCount(packets));
    let Some(size) = size else {
        return format!("{done}, {speed}");
    };
    let of = format!("{done} of {}, {speed}", BinaryBytes(size));
    match size.saturating_sub(read).checked_div(rate) {
        Some(seconds) => {
            let left = HumanDuration(Duration::from_secs(seconds));
            format!("{left:#} left: {of}")
        }
        None => of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_all_the_time() {
        let text = |size| so_far(300 << 20, size, 1_234_567, Duration::from_secs(3));
        assert_eq!(
            text(Some(700 << 20)),
            "4s left: 300.00 MiB of 700.00 MiB, 100.00 MiB/s, 1,234,567 packets"
        );
        assert_eq!(text(None), "300.00 MiB, 100.00 MiB/s, 1,234,567 packets");
    }
}
