//! Changes of the configuration: from a text to a transaction, checked before it is stored, whoever asks.
//!
//! Checking takes its time and happens beside the owner of the ledger; a transaction carries the revision that it was
//! checked against, and when another one has come in between it is checked again.

use std::sync::Arc;

use daemon::bus::store;
use ledger::{Action, Outcome, Refusal, Row, Transaction};
use model::{Config, NodeName, Private};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::clock;
use crate::handle::{Command, CoreHandle, Gone, InForce, Submission};
use crate::pairing;
use crate::view::object_of;

/// How often a change is checked again because others came in between.
const ATTEMPTS_MAX: usize = 8;
/// Letters of a transaction's name, author, source and description.
const TEXT_BYTES_MAX: usize = 1024;

/// A change could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The owner of the ledger has ended
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The view cannot be read
    #[error("looking up the transaction {id:?}")]
    View {
        /// Its name
        id: String,
        /// Why
        #[source]
        source: crate::view::ViewError,
    },
    /// The check panicked (a defect of the program)
    #[error("checking the configuration")]
    Check(#[from] tokio::task::JoinError),
}

/// Replaces the configuration of a node of `pair` by `text`, all or nothing (rows U1, U8, U10 to U15).
///
/// # Errors
/// [`ApplyError`]: it is not known whether the change was stored; repeat it under the same name.
pub async fn apply(
    core: &CoreHandle,
    pair: &[NodeName],
    change: store::Change,
    text: String,
) -> Result<store::Outcome, ApplyError> {
    let id = change.transaction_id.clone();
    let problems = change_problems(&change);
    if !problems.is_empty() {
        return Ok(refused(id, core.in_force().revision, problems));
    }
    let known = core.view().transaction(&id).map_err(|source| ApplyError::View { id: id.clone(), source })?;
    if let Some(first) = known {
        return repeat(core, first).await;
    }
    let parsed = spawn_blocking(move || Config::parse(&text)).await?;
    let config = match parsed {
        Ok(config) => Arc::new(config),
        Err(problems) => {
            return Ok(refused(id, core.in_force().revision, problems.into_iter().map(said).collect()));
        }
    };
    for _ in 0..ATTEMPTS_MAX {
        let in_force = core.in_force();
        let torn = pairing::missing(pair, &in_force.objects, &config);
        if !torn.is_empty() {
            return Ok(refused(id, in_force.revision, torn));
        }
        if change.base_revision != 0 && change.base_revision != in_force.revision {
            return Ok(refused(
                id,
                in_force.revision,
                vec![moved_on(change.base_revision, in_force.revision)],
            ));
        }
        let rows = rows_between(&in_force, &config).await?;
        if rows.is_empty() {
            let ledger = core.status().await?.ledger;
            let protected = ledger.peer_connected && ledger.unprotected == 0;
            return Ok(unchanged(id, in_force.revision, protected));
        }
        let transaction = transaction_of(&change, rows);
        let touched = transaction.rows.len();
        if let Submission::Finished(outcome) = core.submit(transaction, Some(in_force.revision)).await? {
            return Ok(outcome_of(id, outcome, touched, core.in_force().revision));
        }
    }
    let message = "other changes keep coming in between; repeat it in a moment".to_owned();
    Ok(refused(id, core.in_force().revision, vec![problem("", message)]))
}

/// Asks the ledger for the first outcome.
async fn repeat(core: &CoreHandle, first: Transaction) -> Result<store::Outcome, ApplyError> {
    let (id, touched) = (first.id.clone(), first.rows.len());
    match core.submit(first, None).await? {
        Submission::Finished(outcome) => Ok(outcome_of(id, outcome, touched, core.in_force().revision)),
        Submission::Stale => unreachable!("a submission without a base is never stale"),
    }
}

async fn rows_between(in_force: &InForce, config: &Arc<Config>) -> Result<Vec<Row>, ApplyError> {
    let (old, config) = (Arc::clone(&in_force.objects), Arc::clone(config));
    let changes = spawn_blocking(move || model::diff_objects(&old, &config.objects())).await?;
    Ok(changes.into_iter().map(row).collect())
}

/// The row of the ledger for a change.
pub fn row(change: model::Change) -> Row {
    Row {
        action: match change.action {
            model::Action::Create => Action::Create,
            model::Action::Change => Action::Change,
            model::Action::Delete => Action::Delete,
        },
        object_type: change.object_type.as_str().to_owned(),
        object_key: change.object_key,
        description: change.description,
        before: change.before.map(Private::new),
        after: change.after.map(Private::new),
    }
}

fn transaction_of(change: &store::Change, rows: Vec<Row>) -> Transaction {
    Transaction {
        id: change.transaction_id.clone(),
        epoch: ledger::Epoch::default(), // set by the ledger
        author: change.author.clone(),
        source_address: change.source_address.clone(),
        time_unix_ms: clock::unix_ms(),
        description: change.description.clone(),
        rows,
    }
}

/// Checks transactions of the peer's clients against the settings in force, one after the other.
///
/// # Errors
/// [`Gone`]: the owner of the ledger has ended.
pub async fn serve_reviews(core: CoreHandle, mut reviews: mpsc::Receiver<Transaction>) -> Result<(), Gone> {
    while let Some(transaction) = reviews.recv().await {
        let id = transaction.id.clone();
        let problems = review(&core, transaction).await?;
        if !problems.is_empty() {
            log::info!(transaction = id.as_str(), problems = problems.len(); "a transaction of the peer was refused");
            core.tell(Command::Refuse { id, problems }).await?;
        }
    }
    Ok(())
}

/// Why a transaction is refused; none: it went to the ledger.
async fn review(core: &CoreHandle, transaction: Transaction) -> Result<Vec<ledger::Problem>, Gone> {
    for _ in 0..ATTEMPTS_MAX {
        let in_force = core.in_force();
        let (objects, rows) = (Arc::clone(&in_force.objects), transaction.rows.clone());
        let checked = spawn_blocking(move || check_rows(&objects, &rows)).await;
        match checked {
            Ok(problems) if problems.is_empty() => {
                if core.approve(transaction.clone(), in_force.revision).await? {
                    return Ok(problems);
                }
            }
            Ok(problems) => return Ok(problems),
            Err(error) => {
                log::error!(error:% = error; "the check of a transaction failed");
                return Ok(vec![wire_problem("", "it could not be checked; see the log".to_owned())]);
            }
        }
    }
    Ok(vec![wire_problem("", "other changes keep coming in between; repeat it in a moment".to_owned())])
}

/// What is wrong with rows that shall be applied to `objects`.
fn check_rows(objects: &crate::view::Objects, rows: &[Row]) -> Vec<ledger::Problem> {
    let mut objects = objects.clone();
    let mut problems = Vec::new();
    for row in rows {
        let name = format!("{} {}", row.object_type, row.object_key);
        let Some(key) = object_of(&row.object_type, &row.object_key) else {
            let message = format!("this node knows no objects of the kind {:?}; update it", row.object_type);
            problems.push(wire_problem(&name, message));
            continue;
        };
        if objects.get(&key) != row.before.as_ref().map(Private::reveal) {
            let message =
                "has been changed meanwhile on the other node; fetch the configuration, repeat the change";
            problems.push(wire_problem(name.trim_end(), message.to_owned()));
        }
        match &row.after {
            Some(after) => objects.insert(key, after.reveal().clone()),
            None => objects.remove(&key),
        };
    }
    if problems.is_empty()
        && let Err(found) = Config::from_objects(&objects)
    {
        // Lines would count in a text that nobody has seen.
        problems.extend(found.into_iter().map(|problem| wire_problem(&problem.path, problem.message)));
    }
    problems
}

fn wire_problem(path: &str, message: String) -> ledger::Problem {
    ledger::Problem { path: path.to_owned(), line: 0, message }
}

/// What is wrong with the description of a change.
fn change_problems(change: &store::Change) -> Vec<store::Problem> {
    let fields = [
        ("transaction-id", &change.transaction_id, true),
        ("author", &change.author, true),
        ("source-address", &change.source_address, true),
        ("description", &change.description, false),
    ];
    let wrong = |(path, text, needed): (&str, &String, bool)| {
        let message = if text.is_empty() && needed {
            format!("is empty; say the {path} of the change")
        } else if text.len() > TEXT_BYTES_MAX {
            format!("has {} bytes, at most {TEXT_BYTES_MAX} are kept", text.len())
        } else {
            return None;
        };
        Some(problem(path, message))
    };
    fields.into_iter().filter_map(wrong).collect()
}

fn moved_on(base: u64, revision: u64) -> store::Problem {
    let message = format!(
        "the change was made from revision {base}, but revision {revision} is in force; fetch it and repeat the change"
    );
    problem("base-revision", message)
}

fn problem(path: &str, message: String) -> store::Problem {
    store::Problem { path: path.to_owned(), line: 0, message }
}

fn said(problem: model::Problem) -> store::Problem {
    store::Problem { path: problem.path, line: problem.line, message: problem.message }
}

fn unchanged(transaction_id: String, revision: u64, protected: bool) -> store::Outcome {
    store::Outcome { transaction_id, applied: true, revision, protected, rows: 0, problems: Vec::new() }
}

fn refused(transaction_id: String, revision: u64, problems: Vec<store::Problem>) -> store::Outcome {
    store::Outcome { transaction_id, applied: false, revision, protected: false, rows: 0, problems }
}

fn outcome_of(transaction_id: String, outcome: Outcome, touched: usize, revision: u64) -> store::Outcome {
    match outcome {
        Outcome::Committed { sequence, protected } => store::Outcome {
            transaction_id,
            applied: true,
            revision: sequence,
            protected,
            rows: u64::try_from(touched).unwrap_or(u64::MAX),
            problems: Vec::new(),
        },
        Outcome::Refused { refusal, problems } => {
            let said = |p: ledger::Problem| store::Problem { path: p.path, line: p.line, message: p.message };
            let mut problems: Vec<store::Problem> = problems.into_iter().map(said).collect();
            if problems.is_empty() {
                problems.push(problem("", refusal_text(refusal).to_owned()));
            }
            refused(transaction_id, revision, problems)
        }
    }
}

/// Why, and what to do.
#[must_use]
pub fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Invalid => "it is not valid",
        Refusal::WriterAway => {
            "this node does not write settings, and the one that does is not connected; ask there, or wait until it is \
             back"
        }
        Refusal::NotWriter => "the node asked does not write settings just now; repeat it in a moment",
        Refusal::Frozen => "a planned switchover is under way; repeat it in a moment",
        Refusal::Busy => "too many requests are under way; repeat it in a moment",
        Refusal::TooLarge => "it is larger than one transaction may be; make it in several steps",
        Refusal::DiskFull => "the disk is full; make room first",
        Refusal::Unknown => {
            "the writing node did not answer in time, so it may or may not be stored; repeat it under the same name to \
             find out"
        }
        Refusal::Parked => {
            "another node took over before it was on both disks; it is kept: see `tandemctl store apart` before \
             repeating it"
        }
    }
}
