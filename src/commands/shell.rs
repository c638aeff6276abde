//! `completions` and `man`: what a package installs beside the program.
//!
//! In: the command line as clap knows it. Out: a script that completes it in a shell, or pages for man(1).

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _, ValueEnum as _};
use clap_complete::Shell;
use h2sniff::inspect::diagnosis::RULES;

use super::{CommandError, CommandOutcome};
use crate::cli::{Cli, INTERFACES, Names};

/// What prints the interfaces of this machine, a line each.
const LIST_INTERFACES: &str = "h2sniff interfaces 2>/dev/null | cut -d\" \" -f1";

/// Prints a script that completes commands, options, and the names that options take.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<CommandOutcome> {
    let mut command = match shell {
        Shell::Bash | Shell::Zsh | Shell::Fish => with_interfaces(Cli::command()),
        _ => Cli::command(),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "h2sniff", &mut script);
    let script = String::from_utf8_lossy(&script);
    let script = match shell {
        Shell::Bash => script.replace(INTERFACES, &format!("$({LIST_INTERFACES})")),
        Shell::Zsh => script.replace(
            &format!("({INTERFACES})"),
            &format!("{{compadd -- $({LIST_INTERFACES})}}"),
        ),
        Shell::Fish => {
            let listed = "\"(h2sniff interfaces 2>/dev/null | string split -f1 ' ')\"";
            let script = script.replace(&format!("\"{INTERFACES}\\t''\""), listed);
            format!("{script}{}", fish_names())
        }
        _ => script.into_owned(),
    };
    io::stdout().write_all(script.as_bytes())?;
    Ok(CommandOutcome::Success)
}

/// What clap leaves out for fish: the names that stand behind a command without an option.
fn fish_names() -> String {
    let rules = RULES.iter().map(|rule| rule.name.to_owned());
    let shells = Shell::value_variants().iter().map(ToString::to_string);
    let line = |command: &str, names: Vec<String>| {
        format!(
            "complete -c h2sniff -n \"__fish_seen_subcommand_from {command}\" -f -a \"{}\"\n",
            names.join(" ")
        )
    };
    line("explain", rules.collect()) + &line("completions", shells.collect())
}

/// A mark where a script lists the interfaces.
fn with_interfaces(command: Command) -> Command {
    if command.find_subcommand("live").is_none() {
        return command;
    }
    command.mut_subcommand("live", |live| {
        live.mut_arg("interfaces", |interfaces| {
            interfaces.value_parser(Names::Interfaces)
        })
    })
}

/// Writes the pages of all commands to a folder, or the first to standard output.
pub(crate) fn man(directory: Option<&Path>) -> anyhow::Result<CommandOutcome> {
    let mut command = Cli::command();
    command.build();
    let Some(directory) = directory else {
        let page = page(command)?;
        io::stdout().write_all(&page)?;
        return Ok(CommandOutcome::Success);
    };
    let cannot = |path: &Path| {
        let path = path.to_owned();
        |source| CommandError::Output { path, source }
    };
    fs::create_dir_all(directory).map_err(cannot(directory))?;
    let subcommands = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let subcommands = subcommands.filter(|sub| sub.get_name() != "help").cloned();
    let subcommands: Vec<_> = subcommands.collect();
    for command in subcommands.into_iter().chain([command]) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, page(command)?).map_err(cannot(&path))?;
    }
    Ok(CommandOutcome::Success)
}

fn page(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}
