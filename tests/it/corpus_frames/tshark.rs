//! TShark's words turned into the program's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) type Row = BTreeMap<String, String>;

/// Who is the client of each TCP connection: it sent the preface or a request's headers. Where the
/// capture shows neither, the higher port is taken for the ephemeral one.
pub(crate) fn clients<'a>(
    frames: &'a [Row],
    headers: &'a [Row],
) -> BTreeMap<&'a String, (&'a String, &'a String)> {
    let requests: Vec<_> = headers
        .iter()
        .filter(|row| row["name"] == ":method")
        .map(|row| (&row["frame.number"], &row["tcp.stream"]))
        .collect();
    let mut clients = BTreeMap::new();
    for row in frames {
        let asks = row["type_name"] == "MAGIC"
            || row["type_name"] == "HEADERS"
                && requests.contains(&(&row["frame.number"], &row["tcp.stream"]));
        if asks {
            clients
                .entry(&row["tcp.stream"])
                .or_insert((&row["src"], &row["srcport"]));
        }
    }
    for row in frames {
        let source_is_higher = integer(&row["srcport"]) > integer(&row["dstport"]);
        let higher = if source_is_higher {
            ("src", "srcport")
        } else {
            ("dst", "dstport")
        };
        clients
            .entry(&row["tcp.stream"])
            .or_insert((&row[higher.0], &row[higher.1]));
    }
    clients
}

/// A header as the program writes it: what TShark calls `<unknown>` is `null`, and so is the value
/// that an unknown table entry would have given.
pub(crate) fn header(row: &Row) -> Value {
    if row["name"] != "<unknown>" {
        return vec![row["name"].clone(), row["value"].clone()].into();
    }
    let from_the_table = row["repr"] == "Indexed Header Field";
    let value = if from_the_table {
        Value::Null
    } else {
        row["value"].clone().into()
    };
    vec![Value::Null, value].into()
}

/// `3=100;4=65535` under the names of RFC 9113, section 6.5.2, RFC 8441 and RFC 9218.
pub(crate) fn settings(cell: &str) -> Map<String, Value> {
    let pairs = cell.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(id, value)| (setting(integer(id)), integer(value).into()))
        .collect()
}

fn setting(id: u64) -> String {
    let name = match id {
        1 => "HEADER_TABLE_SIZE",
        2 => "ENABLE_PUSH",
        3 => "MAX_CONCURRENT_STREAMS",
        4 => "INITIAL_WINDOW_SIZE",
        5 => "MAX_FRAME_SIZE",
        6 => "MAX_HEADER_LIST_SIZE",
        8 => "ENABLE_CONNECT_PROTOCOL",
        9 => "NO_RFC7540_PRIORITIES",
        _ => return format!("{id:#x}"),
    };
    name.to_owned()
}

/// The codes of RFC 9113, section 7, that the corpus has; another would stop the test.
pub(crate) fn error(code: u64) -> &'static str {
    match code {
        0 => "NO_ERROR",
        8 => "CANCEL",
        _ => panic!("error code {code} has no name here yet"),
    }
}

/// Seconds since the epoch with nine decimals, as RFC 3339.
pub(crate) fn time(epoch: &str) -> String {
    let (seconds, nanoseconds) = epoch.split_once('.').expect("seconds and their fraction");
    let seconds: i64 = seconds.parse().expect("whole seconds");
    let nanoseconds: i32 = nanoseconds.parse().expect("nine decimals");
    let time = Timestamp::new(seconds, nanoseconds).expect("a time within jiff's range");
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

pub(crate) fn integer(cell: &str) -> u64 {
    cell.parse()
        .unwrap_or_else(|e| panic!("{cell:?} is not a number: {e}"))
}
