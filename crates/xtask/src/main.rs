//! `cargo xtask VERB`: the development commands. `cargo xtask --help` lists them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{check, demo, failure, image, lab, test, vm};

/// The development commands of the house.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The main job end to end: two nodes, two phones, a power cut, the takeover
    Demo(demo::Verb),
    /// Everything that must hold before a change goes in: format, lints, layers, dependencies, licences, style
    Check(check::Arguments),
    /// All tests of this machine, tier by tier, with a table of seconds and budgets
    Test(test::Arguments),
    /// Two nodes in network namespaces
    #[command(subcommand)]
    Lab(lab::Verb),
    /// The appliance image: build it, hold it against its contract
    Image(image::Verb),
    /// Nodes as virtual machines
    #[command(subcommand)]
    Vm(vm::Verb),
}

fn main() -> ExitCode {
    let (outcome, remedy) = match Arguments::parse().verb {
        Verb::Check(arguments) => {
            (check::run(&arguments), "put right what is listed above, then: cargo xtask check")
        }
        Verb::Test(arguments) => {
            (test::run(&arguments), "see the first failure above, then: cargo xtask test")
        }
        Verb::Demo(verb) => (demo::run(&verb), "see above, and the logs in target/lab/demo"),
        Verb::Image(verb) => (image::run(&verb), "see above, then: cargo xtask image"),
        Verb::Vm(verb) => {
            (vm::run(verb), "see above; start afresh with: cargo xtask vm down && cargo xtask vm up pair")
        }
        Verb::Lab(verb) => {
            (lab::run(verb), "see above; start afresh with: cargo xtask lab down && cargo xtask lab up pair")
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, remedy),
    }
}
