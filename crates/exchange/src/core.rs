//! What every part of the exchange works with: the time of this input, the outputs so far, timers, tokens, counters.

use std::collections::VecDeque;

use model::Time;

use crate::call::{CallId, CallTimer};
use crate::registrar::BindingId;
use crate::timers::Timers;
use crate::tokens::Tokens;
use crate::transaction::{ClientId, Deadline, ServerId};
use crate::{Counters, Destination, Output};

/// Everything that can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A server transaction
    Server(ServerId, Deadline),
    /// A client transaction
    Client(ClientId, Deadline),
    /// A registration expires
    Binding(BindingId),
    /// A call
    Call(CallId, CallTimer),
}

/// The shared means of one exchange.
#[derive(Debug)]
pub(crate) struct Core {
    /// Time of the input being handled
    pub(crate) now: Time,
    /// What is to be handed out
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) tokens: Tokens,
    pub(crate) counters: Counters,
}

impl Core {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Core {
            now: Time::ZERO,
            outputs: VecDeque::new(),
            timers: Timers::new(),
            tokens: Tokens::new(seed),
            counters: Counters::default(),
        }
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn send(&mut self, destination: Destination, bytes: Vec<u8>) {
        self.push(Output::Send { destination, bytes });
    }
}
