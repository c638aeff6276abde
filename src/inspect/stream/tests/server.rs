//! What a server's settings must be, from stories of several connections.

use crate::inspect::diagnosis::Confidence;
use crate::inspect::peer::server::ServerStack;
use crate::inspect::server::goaway_cause::Cause;
use crate::inspect::server::{Estimate, Inferred};
use crate::testing::scenario::analysis;

fn inferred(text: &str) -> Inferred {
    let servers = analysis(text).servers;
    servers.into_iter().next().unwrap().inferred
}

fn value(estimate: Option<Estimate>) -> Option<f64> {
    estimate.map(|estimate| estimate.value)
}

/// A connection that is answered once, and gets a GOAWAY at `goaway`.
fn connection(number: u32, opened: f64, goaway: f64, debug_data: &str) -> String {
    let answered = opened + 0.1;
    let acknowledged = opened + 0.11;
    format!(
        "C{number} {opened:.3} HEADERS 1\n\
         S{number} {answered:.3} ANSWER 1\n\
         C{number} {acknowledged:.3} ACK\n\
         S{number} {goaway:.3} GOAWAY last=2147483647 NO_ERROR debug=\"{debug_data}\"\n"
    )
}

/// Scripts merged side by side, in order of time.
fn together(stories: &[String]) -> String {
    let mut lines: Vec<_> = stories.iter().flat_map(|story| story.lines()).collect();
    let time = |line: &&str| line.split(' ').nth(1).unwrap().parse::<f64>().unwrap();
    lines.sort_by(|one, other| time(one).total_cmp(&time(other)));
    lines.join("\n")
}

/// A busy connection: its second call is open when the GOAWAY comes.
fn busy(number: u32, opened: f64, goaway: f64) -> String {
    let again = goaway - 0.05;
    format!(
        "{}C{number} {again:.3} HEADERS 3\n",
        connection(number, opened, goaway, "")
    )
}

#[test]
fn ages_with_jitter_have_one_setting_behind_them() {
    let seen = inferred(&together(&[
        busy(0, 0.0, 58.0),
        busy(1, 58.5, 122.0),
        busy(2, 122.5, 183.1),
    ]));
    let age = seen.max_connection_age.unwrap();
    assert_eq!(
        (age.value, age.samples, age.confidence),
        (60.0, 3, Confidence::Likely)
    );
    assert!(age.min <= 60.0 && 60.0 <= age.max);
    assert_eq!(value(seen.max_connection_idle), None);
}

#[test]
fn ages_that_no_setting_explains_are_left_alone() {
    let seen = inferred(&together(&[
        busy(0, 0.0, 10.0),
        busy(1, 11.0, 41.0),
        busy(2, 50.0, 200.0),
    ]));
    assert_eq!(value(seen.max_connection_age), None);
    assert!(seen.goaway_causes.is_empty());
}

#[test]
fn one_connection_says_nothing_unless_it_says_so() {
    assert_eq!(
        value(inferred(&busy(0, 0.0, 30.0)).max_connection_age),
        None
    );
    let said = inferred(&connection(0, 0.0, 30.5, "max_age"));
    let age = said.max_connection_age.unwrap();
    assert_eq!((age.value, age.confidence), (30.0, Confidence::Certain));
    let said = inferred(&connection(0, 0.0, 15.1, "max_idle"));
    let idle = said.max_connection_idle.unwrap();
    assert_eq!((idle.value, idle.confidence), (15.0, Confidence::Certain));
}

#[test]
fn idleness_that_repeats_is_a_setting() {
    let seen = inferred(&together(&[
        connection(0, 0.0, 20.1, ""),
        connection(1, 30.0, 50.101, ""),
        connection(2, 60.0, 80.1, ""),
    ]));
    assert_eq!(value(seen.max_connection_idle), Some(20.0));
    assert_eq!(value(seen.max_connection_age), None);
}

#[test]
fn a_stream_that_was_reset_is_no_longer_open() {
    let reset = |number: u32, opened: f64| {
        let reported = connection(number, opened, opened + 10.1, "");
        reported.replace("ANSWER 1", "RST 1 CANCEL")
    };
    let seen = inferred(&together(&[reset(0, 0.0), reset(1, 20.0)]));
    assert_eq!(value(seen.max_connection_idle), Some(10.0));
}

#[test]
fn a_stop_sends_goaway_on_connections_of_any_age() {
    let seen = inferred(&together(&[
        busy(0, 0.0, 30.0),
        busy(1, 12.0, 30.0),
        busy(2, 25.0, 30.01),
    ]));
    let causes: Vec<_> = seen
        .goaway_causes
        .iter()
        .map(|goaway| goaway.cause)
        .collect();
    assert_eq!(causes, [Cause::Stop; 3]);
    assert_eq!(value(seen.max_connection_age), None);
}

#[test]
fn connections_opened_and_ended_together_are_one_sample() {
    let seen = inferred(&together(&[busy(0, 0.0, 30.0), busy(1, 0.1, 30.0)]));
    assert_eq!(value(seen.max_connection_age), None);
    let idle = inferred(&together(&[
        connection(0, 0.0, 30.0, ""),
        connection(1, 0.0, 30.0, ""),
    ]));
    assert_eq!(value(idle.max_connection_idle), None);
}

#[test]
fn the_same_last_stream_id_in_the_midst_of_work_is_a_limit() {
    let limited = |number: u32, opened: f64| {
        let mut story = String::new();
        for request in 0..20_u32 {
            let (id, time) = (2 * request + 1, opened + f64::from(request) * 0.1);
            story.push_str(&format!("C{number} {time:.3} HEADERS {id}\n"));
        }
        let goaway = opened + 2.0;
        story.push_str(&format!("S{number} {goaway:.3} GOAWAY last=39 NO_ERROR\n"));
        story
    };
    let seen = inferred(&together(&[
        limited(0, 0.0),
        limited(1, 5.0),
        limited(2, 11.0),
    ]));
    let limit = seen.requests_per_connection.unwrap();
    assert_eq!((limit.value, limit.samples), (20.0, 3));
    let once = inferred(&limited(0, 0.0));
    assert_eq!(value(once.requests_per_connection), None);
}

#[test]
fn the_stack_signs_its_drain() {
    let go = "C 0.000 HEADERS 1\nS 0.010 GOAWAY last=2147483647 NO_ERROR debug=\"max_age\" + PING 73747577769755401";
    let stack = inferred(go).stack.unwrap();
    assert_eq!(
        (stack.name.as_str(), stack.confidence),
        ("grpc-go >= 1.56", Confidence::Certain)
    );
    let java = "C 0.000 HEADERS 1\nS 0.010 PING 57005\nC 0.011 PING 57005 ACK";
    assert_eq!(inferred(java).stack.unwrap().name, "grpc-java");
    let header = "C 0.000 HEADERS 1\nS 0.010 ANSWER 1 server=envoy";
    assert_eq!(inferred(header).stack.unwrap().name, "envoy");
}

#[test]
fn a_servers_keepalive_time_is_how_long_it_hears_nothing() {
    let seen = inferred(
        "C 0.000 HEADERS 1\n\
         S 5.010 PING 0\nC 5.020 PING 0 ACK\n\
         S 10.021 PING 0\nC 10.031 PING 0 ACK\n\
         S 15.032 PING 0\nC 15.042 PING 0 ACK",
    );
    let keepalive = seen.keepalive_time.unwrap();
    assert_eq!((keepalive.value, keepalive.samples), (5.0, 3));
    assert_eq!(value(seen.client_keepalive_time), None);
}

#[test]
fn a_grace_ends_when_the_server_falls_silent() {
    let mute = r#"
        C 0.000 HEADERS 1
        C 0.001 HEADERS 3
        S 3.000 GOAWAY last=2147483647 NO_ERROR debug="max_age" + PING 73747577769755401
        C 3.010 PING 73747577769755401 ACK
        S 3.020 GOAWAY last=3 NO_ERROR debug="max_age"
        S 3.480 ANSWER 1
        C 3.490 ACK
        S 4.501 FIN
    "#;
    let grace = inferred(mute).max_connection_age_grace.unwrap();
    assert_eq!(grace.value, 0.5);
    assert!(grace.min <= grace.value && grace.value <= grace.max);
    let at_once = mute.replace("S 4.501 FIN", "S 4.001 FIN");
    assert_eq!(
        value(inferred(&at_once).max_connection_age_grace),
        Some(1.0)
    );
    let none = mute
        .replace("S 3.480 ANSWER 1", "S 3.480 ACK")
        .replace("S 4.501 FIN", "S 3.003 FIN");
    let none = none
        .lines()
        .filter(|line| !line.contains("3.0") || line.contains("3.000") || line.contains("FIN"));
    let none: Vec<_> = none.filter(|line| !line.contains("3.4")).collect();
    assert_eq!(
        value(inferred(&none.join("\n")).max_connection_age_grace),
        None
    );
}

#[test]
fn calls_that_are_taken_back_at_the_end_of_the_grace_show_it_too() {
    let taken_back = r#"
        C 0.000 HEADERS 1
        S 2.000 GOAWAY last=2147483647 NO_ERROR debug="max_age"
        C 2.010 ACK
        S 2.400 HEADERS 1 END_STREAM :status=200 grpc-status=14 grpc-message=max%20connection%20age + RST 1 NO_ERROR
        C 2.410 ACK
        C 2.411 FIN
    "#;
    let grace = inferred(taken_back).max_connection_age_grace;
    assert_eq!(value(grace), Some(0.4));
    let said = taken_back.replace("max%20connection%20age", "busy");
    assert_eq!(value(inferred(&said).max_connection_age_grace), None);
}

#[test]
fn a_goaway_that_answers_the_clients_ends_nothing() {
    let answering = |number: u32, opened: f64| {
        let times = [0.1, 0.2, 2.0, 2.1].map(|after| opened + after);
        let [answered, acknowledged, farewell, answer] = times;
        format!(
            "C{number} {opened:.3} HEADERS 1\n\
             S{number} {answered:.3} ANSWER 1\n\
             C{number} {acknowledged:.3} ACK\n\
             C{number} {farewell:.3} GOAWAY last=0 NO_ERROR\n\
             S{number} {answer:.3} GOAWAY last=1 NO_ERROR\n"
        )
    };
    let seen = inferred(&together(&[
        answering(0, 0.0),
        answering(1, 5.0),
        answering(2, 10.0),
    ]));
    assert!(seen.goaway_causes.is_empty(), "{:?}", seen.goaway_causes);
}

/// A connection of this many requests; then GOAWAY names the last one, or only announces the end, and the
/// client goes on.
fn of_requests(number: u32, opened: f64, pause: f64, requests: u32, announced: bool) -> String {
    let at = |request: u32| opened + f64::from(request) * pause;
    let mut story = String::new();
    for request in 0..=requests {
        let id = 2 * request + 1;
        let on_its_way = if request == requests {
            " ack=before"
        } else {
            ""
        };
        story.push_str(&format!(
            "C{number} {:.4} HEADERS {id}{on_its_way}\n",
            at(request)
        ));
    }
    let last = if announced {
        2_147_483_647
    } else {
        2 * requests - 1
    };
    let goaway = at(requests) - pause / 2.0;
    story.push_str(&format!(
        "S{number} {goaway:.4} GOAWAY last={last} NO_ERROR\n"
    ));
    story
}

#[test]
fn few_requests_are_a_limit_where_the_client_had_more() {
    let limited = |requests| {
        inferred(&together(&[
            of_requests(0, 0.0, 0.1, requests, false),
            of_requests(1, 5.0, 0.3, requests, false),
        ]))
    };
    let limit = limited(6).requests_per_connection.unwrap();
    assert_eq!((limit.value, limit.min, limit.max), (6.0, 6.0, 6.0));
    assert_eq!(value(limited(6).max_connection_age), None);
}

#[test]
fn a_limit_shows_in_counts_where_no_id_names_it() {
    let seen = inferred(&together(&[
        of_requests(0, 0.0, 0.010, 50, true),
        of_requests(1, 5.0, 0.020, 50, true),
        of_requests(2, 10.0, 0.015, 50, true),
    ]));
    let limit = seen.requests_per_connection.unwrap();
    assert_eq!((limit.value, limit.samples), (50.0, 3));
    let aged = inferred(&together(&[
        of_requests(0, 0.0, 0.0200, 50, true),
        of_requests(1, 5.0, 0.0198, 51, true),
        of_requests(2, 10.0, 0.0204, 49, true),
    ]));
    assert_eq!(value(aged.requests_per_connection), None);
    assert_eq!(value(aged.max_connection_age), Some(1.0));
}

#[test]
fn equal_ages_without_goaway_are_tonics() {
    let story = |number: u32, opened: f64, closed: f64| {
        format!(
            "C{number} {opened:.3} HEADERS 1\n\
             S{number} {opened:.3} SETTINGS INITIAL_WINDOW_SIZE=1048576 MAX_FRAME_SIZE=16384 MAX_HEADER_LIST_SIZE=16384\n\
             S{number} {closed:.3} FIN\n"
        )
    };
    let seen = inferred(&together(&[story(0, 0.0, 2.4), story(1, 3.0, 5.41)]));
    assert_eq!(seen.server_stack(), ServerStack::Rust);
    let age = seen.silent_age.unwrap();
    assert_eq!((age.samples, (age.value * 10.0).round()), (2, 24.0));
    let other = inferred(&together(&[story(0, 0.0, 2.4), story(1, 3.0, 7.9)]));
    assert_eq!(value(other.silent_age), None);
}

#[test]
fn settings_tell_the_stack_where_a_header_was_passed_on() {
    let header = "C 0.000 HEADERS 1\nS 0.001 SETTINGS ENABLE_CONNECT_PROTOCOL=1 MAX_CONCURRENT_STREAMS=100\n\
                  S 0.010 ANSWER 1 server=nginx/1.31.3";
    let stack = inferred(header).stack.unwrap();
    assert_eq!(
        (stack.kind, stack.name.as_str()),
        (ServerStack::HaProxy, "HAProxy")
    );
    let own = header.replace("nginx/1.31.3", "HAProxy");
    assert_eq!(inferred(&own).stack.unwrap().kind, ServerStack::HaProxy);
    let silent = inferred("C 0.000 HEADERS 1 user-agent=grpc-go/1.85.0\nS 0.010 ANSWER 1");
    let node = silent.stack.as_ref().unwrap();
    assert_eq!(
        (node.kind, node.confidence),
        (ServerStack::GrpcJs, Confidence::Possible)
    );
    assert_eq!(
        silent.server_stack(),
        ServerStack::Other,
        "too little to name its settings"
    );
}
