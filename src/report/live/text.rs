//! `live` for a terminal: a line for each incident, and the line of numbers below them.

use std::io::{self, Write};

use super::{EventFormat, Incident};
use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::News;
use crate::inspect::report::{LiveStatus, Report};
use crate::report::display_width::{shortened, width};
use crate::report::escape;
use crate::report::named_end::named_end;
use crate::report::text::{Text, mark};
use crate::report::view::{label, title};
use crate::units::{count, counted};

/// How many columns a message has: the middle of a long one says least.
const MESSAGE: usize = 60;

/// How long an incident goes on before its line says since when.
const A_WHILE: TimeDelta = TimeDelta::from_secs(1);

impl EventFormat for Text {
    /// A person reads of incidents, not of every call.
    fn news(&self, _news: &News, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn incident_line(&self, incident: &Incident<'_>, columns: Option<usize>) -> Option<String> {
        Some(self::incident(incident, columns, self))
    }

    fn report(&self, _time: Timestamp, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(report).as_bytes())
    }

    fn status_line(&self, status: &LiveStatus) -> Option<String> {
        Some(self::status(status))
    }
}

/// An incident: what it is in the words of the report, then whom it concerns.
fn incident(incident: &Incident<'_>, columns: Option<usize>, format: &Text) -> String {
    let finding = incident.finding;
    let (mark, style) = mark(finding.severity);
    let mut rest = escape::terminal(title(finding).as_bytes());
    if incident.calls > finding.rpcs.len() as u64 {
        rest.push_str(&format!("; {} so far", counted(incident.calls, "RPC")));
    }
    let traits = incident.common;
    let others = |others: u64| match others {
        0 => String::new(),
        some => format!(" and {}", counted(some, "other")),
    };
    if let Some((path, more)) = &traits.method {
        let path = escape::terminal(&format.secrets.path(path));
        rest.push_str(&format!("; {path}{}", others(*more)));
    }
    if let Some((client, more)) = traits.client {
        let client = named_end(traits.client_name.as_deref(), client);
        rest.push_str(&format!("; from {client}{}", others(more)));
    }
    if let Some((message, more)) = &traits.message {
        let message = shortened(&escape::terminal(&format.secrets.message(message)), MESSAGE);
        rest.push_str(&format!("; \"{message}\"{}", others(*more)));
    }
    if incident.time - incident.since >= A_WHILE {
        rest.push_str(&format!("; since {}", clock(incident.since)));
    }
    let time = clock(incident.time);
    let label = label(finding.rule);
    // Two blanks before each of the three.
    let before = width(&time) + width(mark) + width(&label) + 5;
    if let Some(columns) = columns {
        rest = shortened(&rest, columns.saturating_sub(before).max(1));
    }
    let heading = format.colours.paint(style, &format!("{mark} {label}"));
    format!("{time}  {heading}  {rest}")
}

/// The numbers of the capture in one line.
fn status(status: &LiveStatus) -> String {
    let calls = status.progress.methods.total();
    let mut line = format!(
        "{}, {:.0} RPCs/s, {}, {} died, {}",
        counted(status.progress.open_connections, "connection"),
        status.rpcs_per_second,
        counted(calls.total(), "RPC"),
        count(calls.deaths()),
        counted(status.progress.packets, "packet"),
    );
    if status.drops.total() > 0 {
        let drops = &status.drops;
        line.push_str(&format!(
            ", dropped: {} kernel, {} interface, {} own queue",
            count(drops.kernel),
            count(drops.interface),
            count(drops.queue)
        ));
    }
    if status.interfaces_away > 0 {
        line.push_str(", waiting for an interface");
    }
    line
}

/// The time of day in UTC, to the millisecond.
fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(11..23).unwrap_or(&text).to_owned()
}
