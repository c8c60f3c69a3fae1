//! Runs a simulation from the command line: `cargo run -p sim -- ledger --seed 7 --cuts 10000`.
#![allow(clippy::print_stdout, reason = "its output is what the command is for")]

use anyhow::Result;
use clap::{Parser, Subcommand};
use sim::ledger::disk::Defect;
use sim::ledger::{journal, pair};
use sim::membership;

#[derive(Parser)]
#[command(about = "Seeded simulation of pairs, disks and links")]
struct Arguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    /// Who may serve: two nodes under faults of links, machines, schedulers and clocks
    Membership {
        /// First seed; everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Seeds to run, each in both modes and under every storm
        #[arg(long, default_value_t = 100)]
        runs: u64,
    },
    /// The journal under power cuts, then pairs of ledgers under everything
    Ledger {
        /// Everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Power cuts of the journal
        #[arg(long, default_value_t = 10_000)]
        cuts: u64,
        /// Runs of a pair
        #[arg(long, default_value_t = 100)]
        pairs: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().subject {
        Subject::Membership { seed, runs } => {
            let tally = membership::run_all(seed, runs)?;
            println!("{runs} seeds from {seed}: every promise held in {tally:#?}");
        }
        Subject::Ledger { seed, cuts, pairs } => {
            let tally = journal::run(journal::Plan { seed, cuts, defect: Defect::None })?;
            println!("journal, seed {seed}: 0 lost, 0 invented in {tally:?}");
            let tally = pair::run(pair::Plan { seed, runs: pairs, defect: Defect::None })?;
            println!("pair, seed {seed}: 0 lost, 0 invented, all agreed in {tally:?}");
        }
    }
    Ok(())
}
