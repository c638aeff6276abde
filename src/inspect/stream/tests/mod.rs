//! The contract's verdicts, told as stories.

mod answers;
mod captures;
mod causes;
mod deadlines;
mod goaways;
mod server;
