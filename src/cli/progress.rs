//! A run's events: a bar on a terminal, JSON lines elsewhere; both on standard error.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::output;
use crate::report::{Event, Reporter, Step};

/// How often a step's progress is written as a JSON line.
const PAUSE: Duration = Duration::from_secs(2);

/// The reporter that fits standard error.
pub(super) fn reporter() -> Box<dyn Reporter> {
    if std::io::stderr().is_terminal() { Box::new(Bar::new()) } else { Box::new(Lines { last: Mutex::new(None) }) }
}

struct Lines {
    last: Mutex<Option<Instant>>,
}

impl Reporter for Lines {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Progress { .. }) {
            let Ok(mut last) = self.last.lock() else { return };
            if last.is_some_and(|at| at.elapsed() < PAUSE) {
                return;
            }
            *last = Some(Instant::now());
        }
        let Ok(mut value) = serde_json::to_value(event) else { return };
        value["at"] = serde_json::Value::String(Timestamp::now().to_string());
        output::say(value.to_string());
    }
}

struct Bar {
    bar: ProgressBar,
}

/// How far one command is that reads or fetches bytes: a bar on a terminal; elsewhere, where it takes long, JSON lines as of
/// a run. Gone when it is dropped.
pub(super) struct Reading {
    /// What is being done, such as `fetch`.
    step: &'static str,
    bar: Option<Bar>,
    last: Mutex<Instant>,
}

impl Reading {
    pub(super) fn new(step: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(Bar::new);
        Self { step, bar, last: Mutex::new(Instant::now()) }
    }

    /// So many bytes of what there is of `subject` are done.
    pub(super) fn at(&self, subject: &str, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.measure(format!("{} {subject}", self.step), done, total, "bytes");
            return;
        }
        let Ok(mut last) = self.last.lock() else { return };
        if last.elapsed() < PAUSE {
            return;
        }
        *last = Instant::now();
        let line = serde_json::json!({
            "event": "progress", "step": self.step, "subject": subject, "done": done, "total": total, "unit": "bytes",
            "at": Timestamp::now().to_string(),
        });
        output::say(line.to_string());
    }

    /// Writes something above the bar.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.bar.finish_and_clear();
        }
    }
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    fn spinner(&self, message: String) {
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
            self.bar.set_style(style);
        }
        self.bar.set_message(message);
    }

    fn measure(&self, message: String, done: u64, total: u64, unit: &str) {
        let numbers = if unit == "bytes" { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
        if let Ok(style) = ProgressStyle::with_template(&format!("  {{spinner}} {{msg}} {{bar:30}} {numbers} {{eta}}"))
        {
            self.bar.set_style(style);
        }
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_message(message);
    }
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Discover => "finding extracts of",
        Step::Intake => "reading",
        Step::Identity => "linking",
        Step::Model => "running",
        Step::Tabulate => "tabulating",
        Step::Disclosure => "protecting",
        Step::Release => "laying down",
    }
}

impl Reporter for Bar {
    fn event(&self, event: &Event) {
        match event {
            Event::PipelineStarted { pipeline } => self.bar.println(pipeline),
            Event::StepStarted { step, subject, .. } => self.spinner(format!("{} {subject}", word(*step))),
            Event::Progress { step, subject, done, total: Some(total), unit, .. } => {
                self.measure(format!("{} {subject}", word(*step)), *done, *total, unit);
            }
            Event::Progress { .. } => {}
            Event::StepDone { step, subject, rows_in, rows_out, rejected, .. } => self.bar.println(format!(
                "  {} {subject}: {} rows in, {} out, {} rejected",
                word(*step),
                output::number(*rows_in),
                output::number(*rows_out),
                output::number(*rejected)
            )),
            Event::Note { message, .. } => self.bar.println(format!("  note: {message}")),
            Event::PipelineDone { .. } => self.bar.finish_and_clear(),
        }
    }
}
