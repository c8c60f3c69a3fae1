//! The loop around the state machine: keys from the tty, news from the bus, the clock; and frames to the tty.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::Size;
use crate::bus::Bus;
use crate::state::{Input, State};
use crate::terminal::encode::{CLEAR, CLOSING, Kind, encode};
use crate::terminal::keys::{Decoder, Key};
use crate::terminal::tty::Tty;
use crate::view;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often everything is drawn again: kernel messages scribble over the screen, and a terminal that was plugged in
/// later has seen nothing.
const REDRAW: Duration = Duration::from_secs(30);
/// How long the rest of an escape sequence may take on a slow line (one octet at 300 baud takes 33 ms).
const SEQUENCE_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a terminal may take to say where its cursor is.
const SIZE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the last words may take on a line that is busy.
const CLOSING_TIMEOUT: Duration = Duration::from_millis(500);
/// News that wait.
const INPUTS_MAX: usize = 32;

/// Shows the screen until asked to end; on standard input, or on the terminal at `path`.
///
/// # Errors
/// There is no terminal, or it has gone.
pub async fn serve(path: Option<PathBuf>) -> anyhow::Result<()> {
    let tty = Tty::open(path.as_deref()).context("taking the terminal")?;
    let kind = Kind::from_term(&std::env::var("TERM").unwrap_or_default());
    let (sender, inputs) = mpsc::channel(INPUTS_MAX);
    let size = tty.size().unwrap_or_default();
    let mut shell = Shell {
        kind,
        bus: Bus::start(sender),
        frames: tty.write()?,
        state: State::new(size, Timestamp::now(), TimeZone::system()),
        started: Instant::now(),
        decoder: Decoder::default(),
        sequence_until: None,
        shown: None,
        opening: String::new(),
        redraw_at: Instant::now(),
        size_until: None,
        tty,
    };
    let outcome = shell.run(inputs).await;
    daemon::readiness::stopping();
    shell.close().await;
    outcome
}

struct Shell {
    tty: Tty,
    /// To the terminal, which may be slow
    frames: mpsc::Sender<String>,
    kind: Kind,
    bus: Bus,
    state: State,
    started: Instant,
    decoder: Decoder,
    /// Until when the rest of an escape sequence is waited for
    sequence_until: Option<Instant>,
    /// What the terminal shows, unless others have written to it
    shown: Option<Buffer>,
    /// What the next frame starts with
    opening: String,
    /// When everything is drawn again
    redraw_at: Instant,
    /// Until when the answer to the cursor-position query counts
    size_until: Option<Instant>,
}

impl Shell {
    async fn run(&mut self, mut inputs: mpsc::Receiver<Input>) -> anyhow::Result<()> {
        let mut typed = self.tty.read()?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = daemon::signals::terminated();
        tokio::pin!(end);
        daemon::readiness::ready("showing the box");
        loop {
            let sequence_until = self.sequence_until;
            tokio::select! {
                Some(octets) = typed.recv() => self.type_in(&octets?),
                Some(input) = inputs.recv() => self.input(input),
                () = sleep_until(sequence_until.unwrap_or(self.started)), if sequence_until.is_some() => {
                    self.sequence_until = None;
                    if let Some(key) = self.decoder.expire() {
                        self.press(key);
                    }
                }
                _ = ticks.tick() => self.tick(),
                signal = &mut end => {
                    log::info!(signal = signal.context("waiting for signals")?; "asked to end");
                    return Ok(());
                }
            }
            self.draw();
        }
    }

    fn type_in(&mut self, octets: &[u8]) {
        for key in self.decoder.decode(octets) {
            self.press(key);
        }
        self.sequence_until = self.decoder.is_waiting().then(|| Instant::now() + SEQUENCE_TIMEOUT);
    }

    fn press(&mut self, key: Key) {
        match key {
            Key::Redraw => self.draw_all(CLEAR),
            Key::CursorAt { row, column } => {
                let is_answer = self.size_until.take().is_some_and(|until| Instant::now() < until);
                if is_answer && self.tty.size().is_none() {
                    self.resize(Size::clamped(column, row));
                }
            }
            key => self.input(Input::Key(key)),
        }
    }

    fn tick(&mut self) {
        daemon::readiness::alive();
        if let Some(size) = self.tty.size() {
            self.resize(size);
        }
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.input(Input::Tick { now: Timestamp::now(), zone: TimeZone::system(), elapsed_ms });
        if Instant::now() >= self.redraw_at {
            self.draw_all("");
        }
    }

    fn resize(&mut self, size: Size) {
        if size != self.state.size {
            log::info!(columns = size.columns, rows = size.rows; "the terminal has another size");
            self.input(Input::Size(size));
            self.draw_all(CLEAR);
        }
    }

    fn input(&mut self, input: Input) {
        self.state.handle_input(input);
        while let Some(ask) = self.state.poll_ask() {
            if let Some(news) = self.bus.ask(ask) {
                self.state.handle_input(Input::News(news));
            }
        }
    }

    /// Has everything drawn anew with the next frame, after `first`.
    fn draw_all(&mut self, first: &str) {
        self.redraw_at = Instant::now() + REDRAW;
        self.size_until = Some(Instant::now() + SIZE_TIMEOUT);
        self.opening = [self.kind.opening(), first, self.kind.size_query()].concat();
        self.shown = None;
    }

    /// Sends what has changed. While the line is still busy with the last frame there is no other: a slow one gets the
    /// newest state, not each one in between.
    fn draw(&mut self) {
        let Ok(room) = self.frames.try_reserve() else { return };
        if !self.state.take_changed() && self.shown.is_some() {
            return;
        }
        let wanted = view::draw(&self.state);
        let text = encode(self.kind, self.shown.as_ref(), &wanted);
        if !text.is_empty() {
            room.send(std::mem::take(&mut self.opening) + &text);
        }
        self.shown = Some(wanted);
    }

    /// Leaves the terminal to whoever comes next, if it takes that in time.
    async fn close(&mut self) {
        let say = async {
            // Room for a third means that the first is written: one is on its way and one waits.
            for words in [CLOSING, ""] {
                self.frames.send(words.to_owned()).await.ok()?;
            }
            self.frames.reserve().await.ok().map(drop)
        };
        if timeout(CLOSING_TIMEOUT, say).await.is_err() {
            log::debug!("the terminal has not taken the last words");
        }
    }
}
