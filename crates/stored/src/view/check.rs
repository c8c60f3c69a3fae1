//! Compares the view with the journal while the journal is read at start.

use std::collections::BTreeMap;

use ledger::{Record, Stream};

use super::{Progress, View, ViewError};

/// Fed with every record of the journal, it brings the view up to date, or finds that the two disagree.
#[derive(Debug)]
pub struct Check {
    view: View,
    /// What the view claimed at the beginning
    claimed: BTreeMap<Stream, Progress>,
    /// What of it the journal has confirmed
    confirmed: BTreeMap<Stream, Progress>,
    failure: Option<ViewError>,
    differs: bool,
}

impl Check {
    /// Begins; a view that cannot be read disagrees from the start.
    #[must_use]
    pub fn new(view: &View) -> Check {
        let (claimed, differs) = match view.all_progress() {
            Ok(claimed) => (claimed, false),
            Err(_) => (BTreeMap::new(), true),
        };
        Check { view: view.clone(), claimed, confirmed: BTreeMap::new(), failure: None, differs }
    }

    /// Looks at the next record.
    pub fn visit(&mut self, record: &Record) {
        if self.failure.is_some() || self.differs {
            return;
        }
        let stream = &record.fields().stream;
        let claimed = self.claimed.get(stream).copied().unwrap_or_default();
        let position = record.position();
        if position.sequence > claimed.position.sequence {
            self.failure = self.view.take(record).err();
            return;
        }
        self.differs = position.sequence == claimed.position.sequence && position != claimed.position;
        let confirmed = self.confirmed.entry(stream.clone()).or_default();
        confirmed.count += 1;
        if position.sequence == claimed.position.sequence {
            confirmed.position = position;
        }
    }

    /// Ends: true when the view says what the journal says.
    ///
    /// # Errors
    /// The view could not be written.
    pub fn finish(self) -> Result<bool, ViewError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => {
                // A record's hash covers all before it, so the same end is the same history. The view may hold more of it
                // (corruption took something from the journal), never less.
                let agrees = |(stream, claimed): (&Stream, &Progress)| {
                    let confirmed = self.confirmed.get(stream).copied().unwrap_or_default();
                    confirmed.position == claimed.position && confirmed.count <= claimed.count
                };
                Ok(!self.differs && self.claimed.iter().all(agrees))
            }
        }
    }
}
