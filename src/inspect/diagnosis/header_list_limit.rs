//! `header-list-limit`: header lists above the size that their receiver had announced to take.

use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Finding, Rule, Says};
use crate::decode::Direction;
use crate::decode::http2::{ErrorCode, StreamId};
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::inspect::traffic::conformance::{Complaint, LargeList};
use crate::units::{count, counted};

/// HTTP's own answers to a request with too much in its headers: nginx says 400, others 431.
const TOO_LARGE: [u16; 2] = [400, 431];

/// RESOURCE_EXHAUSTED, with which gRPC C-core refuses metadata.
const EXHAUSTED: &[u8] = b"8";

pub(super) const RULE: Rule = Rule {
    name: "header-list-limit",
    meaning: "header lists above the MAX_HEADER_LIST_SIZE that their receiver had announced were \
              refused, and RPCs with them",
    evidence: "The SETTINGS value, the size of the list (names, values, and 32 bytes for each field: RFC 9113, section 6.5.2), and the error that answered it.",
    fixes: &[
        "Send less in headers and trailers, or raise the receiver's limit",
        "By stack: grpc-go: MaxHeaderListSize; grpc-java: maxInboundMetadataSize; C-core: grpc.max_metadata_size; hyper, tonic: max_header_list_size; Envoy: max_request_headers_kb; nginx: large_client_header_buffers",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let affected = view.affected(|record, rpc| {
        !record.conformance.large_lists.is_empty()
            && (refused_list(record, rpc).is_some() || ended_by(record, rpc).is_some())
    });
    let lists: Vec<_> = lists(&affected);
    let (_, largest) = lists.iter().max_by_key(|(_, list)| list.size)?;
    let receiver = largest.by.reverse().sender();
    let limit = count(largest.limit);
    Some(Finding {
        title: format!(
            "{} to {} ended by {} of up to {} bytes: the {receiver} had announced to take {limit}",
            counted(server_view::count(&affected), "RPC"),
            view.server,
            counted(lists.len(), "header list"),
            count(largest.size),
        ),
        evidence: evidence(&lists),
        explanation: explanation(&affected, &lists, largest),
        advice: advice(&lists),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// The list of a call, if that was refused.
fn refused_list<'a>(record: &'a ConnectionRecord, rpc: &Rpc) -> Option<&'a LargeList> {
    let mut lists = record.conformance.large_lists.iter();
    lists.rfind(|list| list.stream.0 == rpc.id.stream && is_refused(list, rpc))
}

fn is_refused(list: &LargeList, rpc: &Rpc) -> bool {
    let of_request = list.by == Direction::ClientToServer;
    match list.answer {
        Some(complaint) if complaint.error != ErrorCode::NO_ERROR => {
            of_request || complaint.error != ErrorCode::CANCEL
        }
        _ if !of_request => false,
        _ => {
            rpc.verdict == Verdict::Refused
                || rpc.verdict == Verdict::Status
                    && (rpc
                        .http_status
                        .is_some_and(|status| TOO_LARGE.contains(&status))
                        || rpc.grpc_status.as_deref() == Some(EXHAUSTED))
        }
    }
}

/// The GOAWAY that answered a list and that a call died with.
fn ended_by(record: &ConnectionRecord, rpc: &Rpc) -> Option<Complaint> {
    let mut goaways = record.conformance.large_lists.iter().filter_map(goaway);
    goaways.find(|goaway| server_view::died_with(rpc, goaway.stamp))
}

fn goaway(list: &LargeList) -> Option<Complaint> {
    list.answer
        .filter(|complaint| complaint.stream == StreamId::CONNECTION)
}

/// The lists that were refused, with their connections.
fn lists<'a>(affected: &Affected<'a>) -> Vec<(&'a ConnectionRecord, &'a LargeList)> {
    let mut all = Vec::new();
    for (record, rpcs) in affected {
        for list in &record.conformance.large_lists {
            let mut of_list = rpcs.iter();
            let refused =
                of_list.any(|rpc| rpc.id.stream == list.stream.0 && is_refused(list, rpc));
            if refused || goaway(list).is_some() {
                all.push((*record, list));
            }
        }
    }
    all
}

fn evidence(lists: &[(&ConnectionRecord, &LargeList)]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for (record, list) in lists {
        let number = record.number;
        let stream = list.stream;
        let text = format!(
            "stream {number}:{stream}: the {}'s header list is {}, the limit {}",
            list.by.sender(),
            counted(list.size, "byte"),
            count(list.limit),
        );
        evidence.cite(Some(list.stamp), text);
        if let Some(complaint) = list.answer {
            let by = list.by.reverse().sender();
            let error = complaint.error;
            let text = match complaint.stream.0 {
                0 => format!("conn {number}: GOAWAY {error} of the {by} answers it"),
                _ => format!("stream {number}:{stream}: RST_STREAM {error} of the {by} answers it"),
            };
            evidence.cite(Some(complaint.stamp), text);
        }
    }
    evidence.into_vec()
}

fn explanation(
    affected: &Affected<'_>,
    lists: &[(&ConnectionRecord, &LargeList)],
    largest: &LargeList,
) -> String {
    let receiver = largest.by.reverse().sender();
    let sender = largest.by.sender();
    let size = counted(largest.size, "byte");
    let mut text = format!(
        "The {receiver} had announced MAX_HEADER_LIST_SIZE {}; the {sender} sent {} (names, values, and \
         32 for each field: RFC 9113, section 6.5.2).",
        count(largest.limit),
        match lists.len() {
            1 => format!("a list of {size}"),
            more => format!("{} above it, the largest of {size}", counted(more, "list")),
        },
    );
    let became =
        |what: &dyn Fn(&LargeList) -> bool| lists.iter().filter(|(_, list)| what(list)).count();
    let reset = became(&|list| list.answer.is_some() && goaway(list).is_none());
    let ended = became(&|list| goaway(list).is_some());
    for (number, end) in [
        (reset, "reset the stream"),
        (ended, "ended the whole connection"),
        (
            lists.len() - reset - ended,
            "refused the call with an error status",
        ),
    ] {
        match number {
            0 => {}
            1 => text.push_str(&format!(" Once the {receiver} {end}.")),
            more => text.push_str(&format!(" {} times the {receiver} {end}.", count(more))),
        }
    }
    let with_it = server_view::rpcs(affected)
        .count()
        .saturating_sub(lists.len());
    if ended > 0 && with_it > 0 {
        text.push_str(&format!(
            " {} died with it though nothing was wrong with {}.",
            counted(with_it, "other RPC"),
            if with_it == 1 { "it" } else { "them" },
        ));
    }
    text.push_str(" A retry with the same headers ends the same way.");
    text
}

fn advice(lists: &[(&ConnectionRecord, &LargeList)]) -> Vec<String> {
    let mut advice = Vec::new();
    for by in [Direction::ClientToServer, Direction::ServerToClient] {
        if !lists.iter().any(|(_, list)| list.by == by) {
            continue;
        }
        let (sender, receiver, less) = match by {
            Direction::ClientToServer => ("Client", "Server", "cookies and metadata"),
            Direction::ServerToClient => (
                "Server",
                "Client",
                "metadata and grpc-message: a stack trace belongs into its log",
            ),
        };
        advice.push(format!(
            "{sender}: send less in headers and trailers ({less})"
        ));
        advice.push(format!(
            "{receiver}: or raise its limit (grpc-go: MaxHeaderListSize; grpc-java: \
             maxInboundMetadataSize; C-core: grpc.max_metadata_size; hyper and tonic: \
             max_header_list_size; Envoy: max_request_headers_kb; nginx: large_client_header_buffers)",
        ));
    }
    advice
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::outcome;

    fn long(length: usize) -> String {
        "x".repeat(length)
    }

    #[test]
    fn a_request_above_the_announced_limit_that_is_reset_is_named() {
        let reported = outcome(&format!(
            r"
            S 0.000 SETTINGS MAX_HEADER_LIST_SIZE=8192
            C 0.005 SETTINGS ACK
            C 0.010 HEADERS 1 END_STREAM cookie={}
            S 0.020 RST 1 REFUSED_STREAM
            C 0.030 HEADERS 3 END_STREAM
            S 0.040 ANSWER 3
            C 0.050 FIN
            ",
            long(9_000),
        ));
        insta::assert_snapshot!(reported, @r"
        0:1 refused at 0.020 processed=no error=REFUSED_STREAM
        0:3 ok at 0.040 processed=yes grpc=0
        error header-list-limit rpcs=0:1
        ");
    }

    #[test]
    fn trailers_above_the_limit_that_end_the_connection_take_the_other_calls_with_them() {
        let reported = outcome(&format!(
            r#"
            C 0.000 SETTINGS MAX_HEADER_LIST_SIZE=8192
            S 0.005 SETTINGS ACK
            C 0.010 HEADERS 1 END_STREAM
            C 0.011 HEADERS 3 END_STREAM
            S 0.020 HEADERS 3 END_STREAM :status=200 grpc-status=2 grpc-message={}
            C 0.021 GOAWAY last=0 PROTOCOL_ERROR debug="Header size exceeded max allowed size (10240)"
            C 0.022 FIN
            S 0.030 FIN
            "#,
            long(9_000),
        ));
        insta::assert_snapshot!(reported, @r"
        0:1 cut_by_close at 0.022 processed=maybe
        0:3 reset_by_client at 0.021 processed=maybe error=PROTOCOL_ERROR grpc=2
        error header-list-limit rpcs=0:1,0:3
        error connection-error conns=0
        ");
    }

    #[test]
    fn a_list_above_the_limit_that_is_answered_well_ends_nothing() {
        let reported = outcome(&format!(
            r"
            S 0.000 SETTINGS MAX_HEADER_LIST_SIZE=8192
            C 0.010 HEADERS 1 END_STREAM cookie={}
            S 0.020 ANSWER 1
            C 0.030 FIN
            ",
            long(9_000),
        ));
        insta::assert_snapshot!(reported, @"0:1 ok at 0.020 processed=yes grpc=0");
    }
}
