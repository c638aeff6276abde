//! Options that take a name: of a rule, a severity, an interface.
//!
//! In: the text of an option. Out: the same; what is wrong with it is said where it is looked up, with what there is.
//! Beside that the names there are, which shells complete.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use h2sniff::inspect::diagnosis::RULES;

/// In the place of the interfaces, which only the machine knows where a script completes them.
pub(crate) const INTERFACES: &str = "H2SNIFF_INTERFACES";

/// Takes any text; of these names shells know.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Names {
    /// Of rules.
    Rules,
    /// Of rules, and severities.
    RulesAndSeverities,
    /// What stands in a script for the interfaces.
    Interfaces,
}

impl TypedValueParser for Names {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let any = clap::builder::StringValueParser::new();
        any.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let severities = ["error", "warning", "info"].map(PossibleValue::new);
        // A script says more than names where its shell can show it; these are sentences of their own.
        let rules = RULES.iter().map(|rule| PossibleValue::new(rule.name));
        Some(match self {
            Self::Rules => Box::new(rules),
            Self::RulesAndSeverities => Box::new(severities.into_iter().chain(rules)),
            Self::Interfaces => Box::new([PossibleValue::new(INTERFACES)].into_iter()),
        })
    }
}
