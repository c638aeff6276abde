//! How the reports word what was judged: what became of a call, what that means for a retry, and how
//! it met a GOAWAY. Every format takes its words from here, so that one user reads one wording.

use crate::inspect::{Processed, Race, Verdict};

/// What became of a call, to follow its name or a number of calls: `3 RPCs reset by the server`.
pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "succeeded",
        Verdict::Status => "answered with an error",
        Verdict::BeyondLastStreamId => "lost to the GOAWAY race",
        Verdict::CutByClose => "cut by the close",
        Verdict::Refused => "refused by the server",
        Verdict::ResetByServer => "reset by the server",
        Verdict::ResetByClient => "reset by the client",
        Verdict::DeadlineExceeded => "deadline exceeded",
        Verdict::Unanswered => "still in flight when the capture ends",
        Verdict::Unknown => "cannot be judged",
    }
}

/// What became of a call that its server answered with a status because the grace after its GOAWAY ran out.
pub(super) const CUT_BY_STATUS: &str = "ended with a status as the grace ran out";

/// In the place of words that stand twice above already.
pub(super) const AS_ABOVE: &str = "as above";

/// What the wire showed of a call that this became of.
pub(super) const fn verdict_meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "answered to the end, and well",
        Verdict::Status => "answered to the end with an error status",
        Verdict::BeyondLastStreamId => "opened above the last stream id of the final GOAWAY",
        Verdict::CutByClose => "the connection ended before the answer did",
        Verdict::Refused => "RST_STREAM REFUSED_STREAM from the server",
        Verdict::ResetByServer => "RST_STREAM from the server",
        Verdict::ResetByClient => "RST_STREAM from the client",
        Verdict::DeadlineExceeded => "given up at its deadline, or it passed without an answer",
        Verdict::Unanswered => "still open when the capture ends, its deadline not yet passed",
        Verdict::Unknown => "the capture does not show what became of it",
    }
}

/// Whether a call may be retried, by what the server can have done of it.
pub(super) const fn retry(processed: Processed) -> &'static str {
    match processed {
        Processed::No => "not processed: safe to retry",
        Processed::Maybe => "may have run: retry only if idempotent",
        Processed::Yes => "the server did the work: a retry runs it twice",
    }
}

/// What a retry that succeeded has done, by what the server can have done of the first attempt.
pub(super) const fn recovered(processed: Processed) -> &'static str {
    match processed {
        Processed::No => "recovered by a retry: nothing ran twice",
        Processed::Maybe => "recovered by a retry: may have run twice",
        Processed::Yes => "recovered by a retry: it ran twice",
    }
}

/// Where a call beyond the last stream id stood when the GOAWAY came.
pub(super) const fn race(race: Race) -> &'static str {
    match race {
        Race::InFlight => "crossed the GOAWAY in flight",
        Race::AfterReceipt => "sent after the GOAWAY had arrived",
        Race::Unknown => "no acknowledgement to judge by",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_verdicts_share_a_wording() {
        for list in [verdict, verdict_meaning] {
            let mut words = Verdict::ALL.map(list).to_vec();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), Verdict::ALL.len());
        }
    }
}
