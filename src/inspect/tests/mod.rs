//! The contract's verdicts, told as stories.

mod answers;
mod captures;
mod deadlines;
mod goaways;
