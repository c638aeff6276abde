//! What a collector's answer says of a request that it took.
//!
//! In: the answer's body. Out: how many records it did not take all the same, and why (OTLP 1.9, "Partial Success").

use serde_json::Value;

use super::OtlpSignal;

/// What a collector left out of a request that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// How many records.
    pub rejected: u64,
    /// Why, as it says; empty where it does not.
    pub message: String,
}

impl PartialSuccess {
    /// Reads an answer; one that says nothing, or is not JSON, left nothing out.
    #[must_use]
    pub fn of_answer(signal: OtlpSignal, body: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let said = answer.get("partialSuccess");
        let rejected = said.and_then(|said| {
            said.get(match signal {
                OtlpSignal::Traces => "rejectedSpans",
                OtlpSignal::Logs => "rejectedLogRecords",
            })
        });
        // 64 bits are text in OTLP/JSON; some write a number.
        let rejected = rejected.and_then(|count| match count {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let message = said.and_then(|said| said.get("errorMessage")?.as_str());
        Self {
            rejected: rejected.unwrap_or_default(),
            message: message.unwrap_or_default().to_owned(),
        }
    }
}
