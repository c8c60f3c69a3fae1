//! The table of tiers with seconds and budgets.

use super::Tier;

/// What a part of the tests may take on two cores, in minutes (DESIGN section 9). Tiers may share one.
const BUDGETS: &[Budget] = &[
    Budget { name: "install", minutes: 5, tiers: &[Tier::Install] },
    Budget { name: "build and check", minutes: 35, tiers: &[Tier::Build] },
    Budget { name: "core and sim", minutes: 6, tiers: &[Tier::Core, Tier::Sim] },
    Budget { name: "process", minutes: 8, tiers: &[Tier::Process] },
    Budget { name: "netns", minutes: 12, tiers: &[Tier::Netns] },
    Budget { name: "vm", minutes: 15, tiers: &[Tier::Vm] },
];

struct Budget {
    name: &'static str,
    minutes: u32,
    tiers: &'static [Tier],
}

impl Budget {
    fn of(tier: Tier) -> Option<&'static Budget> {
        BUDGETS.iter().find(|budget| budget.tiers.contains(&tier))
    }

    fn seconds(&self) -> f64 {
        f64::from(self.minutes * 60)
    }
}

/// How a tier went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) tier: Tier,
    pub(super) passed: bool,
    pub(super) seconds: f64,
}

/// How all went.
#[derive(Debug, Default)]
pub(super) struct Table {
    outcomes: Vec<Outcome>,
}

impl Table {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// The table, without a line break at its end.
    pub(super) fn render(&self) -> String {
        let mut text =
            format!("{:<8}  {:>8}  {:>8}  {:<16}  outcome", "tier", "seconds", "budget", "budget of");
        for outcome in &self.outcomes {
            let (name, seconds) =
                Budget::of(outcome.tier).map_or(("", 0.0), |budget| (budget.name, budget.seconds()));
            text.push_str(&format!(
                "\n{:<8}  {:>8.1}  {seconds:>8.0}  {name:<16}  {}",
                outcome.tier.as_str(),
                outcome.seconds,
                self.verdict(outcome)
            ));
        }
        text
    }

    fn verdict(&self, outcome: &Outcome) -> &'static str {
        match (outcome.passed, self.exceeded(outcome.tier)) {
            (false, _) => "FAILED",
            (true, true) => "TOO SLOW",
            (true, false) => "passed",
        }
    }

    /// The first tier that failed, else the first whose budget is exceeded, with what is wrong.
    pub(super) fn first_offence(&self) -> Option<(Tier, String)> {
        let failed = self.outcomes.iter().find(|outcome| !outcome.passed);
        let slow = self.outcomes.iter().find(|outcome| self.exceeded(outcome.tier));
        match (failed, slow) {
            (Some(failed), _) => Some((failed.tier, format!("tier {} failed", failed.tier.as_str()))),
            (None, Some(slow)) => {
                Some((slow.tier, format!("tier {} is over its budget", slow.tier.as_str())))
            }
            (None, None) => None,
        }
    }

    fn exceeded(&self, tier: Tier) -> bool {
        let Some(budget) = Budget::of(tier) else { return false };
        let shared = self.outcomes.iter().filter(|outcome| budget.tiers.contains(&outcome.tier));
        shared.map(|outcome| outcome.seconds).sum::<f64>() > budget.seconds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(outcomes: &[(Tier, bool, f64)]) -> Table {
        let mut table = Table::default();
        for (tier, passed, seconds) in outcomes {
            table.add(Outcome { tier: *tier, passed: *passed, seconds: *seconds });
        }
        table
    }

    /// DESIGN 9: each tier has a budget; core and sim share one of 6 minutes.
    #[test]
    fn budgets_are_kept() {
        assert!(Tier::ALL.into_iter().all(|tier| Budget::of(tier).is_some()));
        assert_eq!(table(&[(Tier::Core, true, 200.0), (Tier::Sim, true, 150.0)]).first_offence(), None);
        let slow = table(&[(Tier::Core, true, 200.0), (Tier::Sim, true, 170.0)]);
        assert_eq!(slow.first_offence().map(|(tier, _)| tier), Some(Tier::Core));
        assert!(slow.render().contains("TOO SLOW"));
    }

    /// A failed tier comes before a slow one.
    #[test]
    fn failures_come_first() {
        let both = table(&[(Tier::Core, true, 1000.0), (Tier::Netns, false, 1.0)]);
        assert_eq!(both.first_offence().map(|(tier, _)| tier), Some(Tier::Netns));
        assert!(both.render().contains("FAILED"));
    }
}
