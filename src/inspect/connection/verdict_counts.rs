//! How many calls had each verdict: plain data.

use super::super::stream::rpc::{TakenBack, Verdict};

/// How many calls had each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    counts: [u64; Verdict::ALL.len()],
    cut_by_status: u64,
    twins_answered: u64,
    left_by_browsers: u64,
}

impl VerdictCounts {
    /// One of the calls that were answered with a status was cut by it when its server's grace ran out.
    pub const fn cut_by_status(&mut self) {
        self.cut_by_status += 1;
    }

    /// How many calls were answered with a status when their server's grace ran out, which cut them.
    #[must_use]
    pub const fn were_cut_by_status(&self) -> u64 {
        self.cut_by_status
    }

    /// So many of the calls that would have died were taken back by design.
    pub const fn take_back(&mut self, why: TakenBack, calls: u64) {
        match why {
            TakenBack::TwinAnswered => self.twins_answered += calls,
            TakenBack::Browser => self.left_by_browsers += calls,
        }
    }

    /// How many calls were taken back by design, and why.
    #[must_use]
    pub const fn were_taken_back(&self, why: TakenBack) -> u64 {
        match why {
            TakenBack::TwinAnswered => self.twins_answered,
            TakenBack::Browser => self.left_by_browsers,
        }
    }

    /// Counts one more call with this verdict.
    pub fn add(&mut self, verdict: Verdict) {
        if let Some(count) = self.counts.get_mut(verdict as usize) {
            *count += 1;
        }
    }

    /// Adds the counts of other calls.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.cut_by_status += other.cut_by_status;
        self.twins_answered += other.twins_answered;
        self.left_by_browsers += other.left_by_browsers;
    }

    /// How many had this verdict.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.counts
            .get(verdict as usize)
            .copied()
            .unwrap_or_default()
    }

    /// How many calls [died](super::super::stream::rpc::Rpc::died).
    #[must_use]
    pub fn deaths(&self) -> u64 {
        let dead = Verdict::ALL.iter().filter(|verdict| verdict.is_death());
        let dead: u64 = dead.map(|verdict| self.of(*verdict)).sum();
        (dead + self.cut_by_status).saturating_sub(self.twins_answered + self.left_by_browsers)
    }

    /// How many calls there were in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}
