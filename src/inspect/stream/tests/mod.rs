//! The contract's verdicts, each as a script of frames.

mod answers;
mod captures;
mod causes;
mod deadlines;
mod goaways;
mod losses;
mod one_way;
mod proof;
mod server;
mod taken_back;
