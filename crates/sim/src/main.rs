//! Runs a simulation from the command line: `cargo run -p sim -- ledger --seed 7 --cuts 10000`.
#![allow(clippy::print_stdout, reason = "its output is what the command is for")]

use anyhow::Result;
use clap::{Parser, Subcommand};
use sim::ledger::disk::Defect;
use sim::ledger::journal;

#[derive(Parser)]
#[command(about = "Seeded simulation of pairs, disks and links")]
struct Arguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// The journal under power cuts
    Ledger {
        /// Everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Power cuts of the journal
        #[arg(long, default_value_t = 10_000)]
        cuts: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().subject {
        Subject::Ledger { seed, cuts } => {
            let tally = journal::run(journal::Plan { seed, cuts, defect: Defect::None })?;
            println!("seed {seed}: 0 lost, 0 invented in {tally:?}");
        }
    }
    Ok(())
}
