//! How wide lines are set.

/// How many columns of a terminal a line may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineWidth(usize);

impl LineWidth {
    /// In fewer, tables could not keep what they are about.
    const LEAST: usize = 60;

    /// As wide as a terminal is, and not less than 60.
    #[must_use]
    pub const fn of_terminal(columns: usize) -> Self {
        if columns < Self::LEAST {
            Self(Self::LEAST)
        } else {
            Self(columns)
        }
    }

    /// The number of columns.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0
    }
}

/// 80: what a terminal has that nobody has widened, and what a ticket shows.
impl Default for LineWidth {
    fn default() -> Self {
        Self(80)
    }
}
