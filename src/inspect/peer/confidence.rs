//! How sure a conclusion is that was drawn from what the wire shows.

/// How sure a finding, an inferred setting or a cause is; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The wire proves it.
    Certain,
    /// Everything seen fits, and nothing else does.
    Likely,
    /// It fits, and something else may too.
    Possible,
}

impl Confidence {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}
