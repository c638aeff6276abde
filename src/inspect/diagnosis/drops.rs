//! What packets that were dropped while capturing mean for findings.

use super::{Confidence, Finding};

/// Where packets were dropped, nothing is certain any more: what is missing may have been there.
pub(crate) fn weaken(findings: &mut [Finding], dropped: u64) {
    if dropped == 0 {
        return;
    }
    for finding in findings {
        if finding.confidence == Confidence::Certain {
            finding.confidence = Confidence::Likely;
            finding
                .explanation
                .push_str(" Packets were dropped while capturing, so this is not certain.");
        }
    }
}
