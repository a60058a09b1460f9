//! How far something has come: a bar at a terminal, a line every few seconds elsewhere.

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tells how far something has come, with its rate and the time that is left.
pub(super) struct Bar {
    drawn: ProgressBar,
    is_terminal: bool,
    /// When a line was written last, and of what the bar is.
    last: Mutex<(Instant, String)>,
}

impl Bar {
    /// How often a line is written.
    const PAUSE: Duration = Duration::from_secs(5);

    /// One that counts bytes.
    pub(super) fn of_bytes() -> Self {
        Self::of("{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
    }

    /// One that counts anything else.
    pub(super) fn of_rows() -> Self {
        Self::of("{msg} {wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left")
    }

    fn of(template: &str) -> Self {
        let is_terminal = stderr().is_terminal();
        let target =
            if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let drawn = ProgressBar::with_draw_target(None, target);
        // The template is sound, or else the usual bar is shown.
        if let Ok(style) = ProgressStyle::with_template(template) {
            drawn.set_style(style);
        }
        Self { drawn, is_terminal, last: Mutex::new((Instant::now(), String::new())) }
    }

    /// Tells that so much of something is done, of how much.
    pub(super) fn show(&self, what: &str, done: u64, whole: Option<u64>) {
        let Ok(mut last) = self.last.lock() else { return };
        if last.1 != what {
            what.clone_into(&mut last.1);
            self.drawn.reset();
            self.drawn.set_message(what.to_owned());
        }
        match whole {
            Some(whole) => self.drawn.set_length(whole),
            None => self.drawn.unset_length(),
        }
        self.drawn.set_position(done);
        if !self.is_terminal && last.0.elapsed() >= Self::PAUSE {
            last.0 = Instant::now();
            let left = whole.map(|_| format!(", {} left", HumanDuration(self.drawn.eta())));
            let whole = whole.map(|whole| format!(" of {whole}"));
            let rate = self.drawn.per_sec();
            err!(
                "{what}: {done}{}, {rate:.0} a second{}",
                whole.unwrap_or_default(),
                left.unwrap_or_default()
            );
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}
