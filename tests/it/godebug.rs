//! `frames --format http2debug` against the log that it stands in for.
//!
//! In: four recordings made while both peers ran with `GODEBUG=http2debug=2`, at both ends. For each
//! connection the lines that a peer wrote must be those that the capture of its end gives, no more
//! and no fewer; the lines that it read must be the first of those that the capture gives, since
//! what reaches a peer after it stopped reading is on the wire and not in its log.
//!
//! The log decodes the headers that a peer received; the program also those that it sent. These are
//! judged by the other peer's log, for which they are received ones.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::shared_material::{Disagreements, Run, folder, text};

/// The four recordings that have logs, with their number of connections.
macro_rules! recordings {
    ($($name:ident: $folder:literal, $connections:literal connections;)*) => {
        $(#[test] fn $name() { judge($folder, $connections); })*
    };
}

recordings! {
    healthy: "00-control-healthy", 1 connections;
    idle_race: "02a-idle-race-grpcgo", 10 connections;
    grace_cut: "03-grace-cut", 3 connections;
    too_many_pings: "06-too-many-pings", 2 connections;
}

/// Whose account it is.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Server,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One connection in one account: what was written and what was read, each in its own order. How
/// the two interleave is no fact of the wire, only of the peer's goroutines.
#[derive(Default)]
struct Account {
    /// Lines `wrote …` without that word.
    wrote: Vec<String>,
    /// The same, and behind each header block its fields; in the program's account only.
    wrote_decoded: Vec<String>,
    /// Lines `read …` without that word, and behind each header block its fields.
    read: Vec<String>,
}

fn judge(scenario: &str, connections: usize) {
    let Some(shared) = folder(scenario) else {
        return;
    };
    let lab = shared.join("lab").join(scenario);
    let mut disagreements = Disagreements::about(format!("{scenario}, http2debug"));
    let logs = [Side::Client, Side::Server].map(|side| {
        let logged = logged(&lab, side);
        assert_eq!(
            logged.len(),
            connections,
            "connections in the {}'s log",
            side.name()
        );
        logged
    });
    let ours = [Side::Client, Side::Server].map(|side| printed(&lab, side));
    let pairs = [(Side::Client, 0, 1), (Side::Server, 1, 0)];
    for (side, own, other) in pairs {
        let (ours, own, other) = (&ours[own], &logs[own], &logs[other]);
        let about = format!("{}.pcap", side.name());
        disagreements.compare(format!("{about}: connections"), connections, ours.len());
        for (address, ours) in ours {
            let about = format!("{about}: {address}");
            let log = closest(own, |log| {
                vec![(&log.wrote, &ours.wrote), (&log.read, &ours.read)]
            });
            same(
                &format!("{about}: wrote"),
                &log.wrote,
                &ours.wrote,
                &mut disagreements,
            );
            begins(
                &format!("{about}: read"),
                &log.read,
                &ours.read,
                &mut disagreements,
            );
            let log = closest(other, |log| vec![(&log.read, &ours.wrote_decoded)]);
            let about = format!("{about}: sent headers");
            begins(&about, &log.read, &ours.wrote_decoded, &mut disagreements);
        }
    }
    disagreements.settle();
}

/// The log's connections, in order of their first line.
///
/// A Framer is named by its address in memory, which Go gives to a later one once the first is
/// gone; so a connection begins where a peer writes its SETTINGS (the ACK has flags). Header fields
/// are logged without a Framer, behind the block of the last Framer that read one.
fn logged(lab: &Path, side: Side) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    let mut current: BTreeMap<String, usize> = BTreeMap::new();
    let mut reading = None;
    for line in text(&lab.join(format!("{}.godebug.log", side.name()))).lines() {
        let Some((_, event)) = line.split_once(" http2: ") else {
            continue;
        };
        let Some(event) = event.strip_prefix("Framer ") else {
            if event.starts_with("decoded hpack field ") {
                let reader: usize = reading.expect("a field follows the block that had it");
                accounts[reader].read.push(event.to_owned());
            }
            continue;
        };
        let (framer, event) = event.split_once(": ").expect("a Framer's line has a colon");
        if event.starts_with("wrote SETTINGS len=") {
            current.insert(framer.to_owned(), accounts.len());
            accounts.push(Account::default());
        }
        let account = current[framer];
        if let Some(frame) = event.strip_prefix("wrote ") {
            accounts[account].wrote.push(frame.to_owned());
        } else if let Some(frame) = event.strip_prefix("read ") {
            accounts[account].read.push(frame.to_owned());
            if frame.starts_with("HEADERS ") {
                reading = Some(account);
            }
        } else {
            panic!("neither wrote nor read: {line}");
        }
    }
    accounts
}

/// The program's connections by `CLIENT-SERVER`.
fn printed(lab: &Path, side: Side) -> BTreeMap<String, Account> {
    let mut arguments: Vec<PathBuf> = vec!["frames".into(), "--format=http2debug".into()];
    arguments.push("--show-secrets".into());
    if side == Side::Server {
        arguments.push("--side=server".into());
    }
    arguments.push(lab.join(format!("{}.pcap", side.name())));
    let output = Run::of(&arguments).succeeded();

    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    // The account and the direction of the frame above, to which fields belong.
    let mut above: Option<(String, bool)> = None;
    for line in output.lines() {
        let Some(event) = line.split_once("http2: ").map(|(_, event)| event) else {
            panic!("not a line of the log: {line}")
        };
        if event.starts_with("decoded hpack field ") {
            let (address, written) = above.as_ref().expect("a field follows a frame");
            let account = accounts.get_mut(address).expect("its frame was there");
            let fields = if *written {
                &mut account.wrote_decoded
            } else {
                &mut account.read
            };
            fields.push(event.to_owned());
            continue;
        }
        let event = event
            .strip_prefix("Framer ")
            .unwrap_or_else(|| panic!("no Framer: {line}"));
        let (address, event) = event
            .split_once(": ")
            .unwrap_or_else(|| panic!("no colon: {line}"));
        assert!(
            address.starts_with("10.77.0.1:") && address.contains("-10.77.0.2:"),
            "{line}"
        );
        let account = accounts.entry(address.to_owned()).or_default();
        if let Some(frame) = event.strip_prefix("wrote ") {
            account.wrote.push(frame.to_owned());
            account.wrote_decoded.push(frame.to_owned());
        } else if let Some(frame) = event.strip_prefix("read ") {
            account.read.push(frame.to_owned());
        } else {
            panic!("neither wrote nor read: {line}");
        }
        above = Some((address.to_owned(), event.starts_with("wrote ")));
    }
    accounts
}

/// The connection of a log that agrees longest with one of ours: a log knows no addresses. Requests
/// carry ids and timeouts of their own, so no two connections agree for long. Among equals the one of
/// nearest length is meant: a connection that carried nothing begins like any other.
fn closest<'a, 'b>(
    log: &'a [Account],
    lines: impl Fn(&'a Account) -> Vec<(&'a [String], &'b [String])>,
) -> &'a Account {
    let closest = log.iter().max_by_key(|account| {
        let lines = lines(account);
        let common: usize = lines.iter().map(|(log, ours)| common(log, ours)).sum();
        let surplus: usize = lines
            .iter()
            .map(|(log, ours)| log.len().abs_diff(ours.len()))
            .sum();
        (common, Reverse(surplus))
    });
    closest.expect("the log has connections")
}

/// How many lines both begin with.
fn common(log: &[String], ours: &[String]) -> usize {
    log.iter()
        .zip(ours)
        .take_while(|(log, ours)| log == ours)
        .count()
}

/// Adds where `ours` first differs from the whole `log`.
fn same(about: &str, log: &[String], ours: &[String], to: &mut Disagreements) {
    begins(about, log, ours, to);
    to.compare(format!("{about}: lines"), log.len(), ours.len());
}

/// Adds where `ours` first differs from the `log`, which it must begin with.
fn begins(about: &str, log: &[String], ours: &[String], to: &mut Disagreements) {
    let place = common(log, ours);
    if let Some(expected) = log.get(place) {
        let got = ours.get(place).map_or("nothing", String::as_str);
        to.add(format!(
            "{about}: line {}: expected {expected}, got {got}",
            place + 1
        ));
    }
}
