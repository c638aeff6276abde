//! Calls through proxies, as stories: connection 0 leads to the proxy, connections from 10 on from there to its upstream.

use crate::testing::scenario::{analysis, calls};

#[test]
fn a_call_is_linked_with_that_which_the_proxy_made_for_it_and_failed_where_that_failed() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a :authority=outside x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a :authority=inside x-request-id=1 x-forwarded-for=a
        S10 0.100 ANSWER 1
        S 0.101 ANSWER 1
        C 0.200 HEADERS 3 END_STREAM :path=/a :authority=outside x-request-id=2
        C10 0.201 HEADERS 3 END_STREAM :path=/a :authority=inside x-request-id=2
        S10 0.250 FIN
        S 0.251 HEADERS 3 END_STREAM :status=502 content-type=text/html
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 ok at 0.101 processed=yes grpc=0 passed_on=1:1
    0:3 status at 0.251 processed=maybe http=502 passed_on=1:3 failed_at=upstream
    1:1 ok at 0.100 processed=yes grpc=0
    1:3 cut_by_close at 0.250 processed=maybe
    ");
    let upstream = &analysis(story).upstreams[0];
    assert_eq!(
        (upstream.calls, upstream.held.unwrap().median.as_nanos()),
        (2, 1_000_000)
    );
}

#[test]
fn an_error_that_the_server_answered_is_the_servers() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.100 ANSWER 1 grpc-status=14
        S 0.101 ANSWER 1 grpc-status=14
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 status at 0.101 processed=maybe grpc=14 passed_on=1:1 failed_at=server
    1:1 status at 0.100 processed=maybe grpc=14
    ");
}

#[test]
fn a_proxy_that_gives_up_while_its_upstream_works_is_where_the_call_failed() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.250 RST 1 CANCEL
        S 0.251 HEADERS 1 END_STREAM :status=504 content-type=text/html
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 status at 0.251 processed=maybe http=504 passed_on=1:1 failed_at=proxy
    1:1 reset_by_client at 0.250 processed=maybe error=CANCEL
    ");
}

#[test]
fn a_call_that_could_not_be_passed_on_failed_at_the_connect() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.100 ANSWER 1
        S 0.101 ANSWER 1
        S10 0.110 FIN
        C 0.200 HEADERS 3 END_STREAM :path=/a x-request-id=2
        C11 0.201 REFUSED
        S 0.202 HEADERS 3 END_STREAM :status=502 content-type=text/html
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 ok at 0.101 processed=yes grpc=0 passed_on=1:1
    0:3 status at 0.202 processed=maybe http=502 failed_at=upstream_connect
    1:1 ok at 0.100 processed=yes grpc=0
    ");
}

#[test]
fn each_attempt_of_a_proxy_is_one_of_the_same_call_and_the_last_decides() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.050 RST 1 REFUSED_STREAM
        C11 0.060 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S11 0.100 TCP_RST
        S 0.101 ANSWER 1 grpc-status=14
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 status at 0.101 processed=maybe grpc=14 passed_on=1:1 passed_on=2:1 failed_at=upstream
    1:1 refused at 0.050 processed=no error=REFUSED_STREAM
    2:1 cut_by_close at 0.100 processed=maybe
    ");
}

#[test]
fn behind_two_proxies_the_innermost_hop_is_named() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C20 0.002 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S20 0.050 TCP_RST
        S10 0.051 ANSWER 1 grpc-status=14
        S 0.052 ANSWER 1 grpc-status=14
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 status at 0.052 processed=maybe grpc=14 passed_on=1:1 failed_at=upstream
    1:1 status at 0.051 processed=maybe grpc=14 passed_on=2:1 failed_at=upstream
    2:1 cut_by_close at 0.050 processed=maybe
    ");
}

/// What is safe to repeat depends on what the server behind the proxy did, whatever the proxy says.
#[test]
fn a_proxy_that_refuses_a_call_after_it_passed_it_on_is_not_believed() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.050 FIN
        S 0.051 RST 1 REFUSED_STREAM
        C 0.252 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 refused at 0.051 processed=maybe error=REFUSED_STREAM passed_on=1:1 failed_at=upstream
    1:1 cut_by_close at 0.050 processed=maybe
    ");
}

#[test]
fn an_answer_that_got_lost_before_the_client_shows_that_the_call_ran() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.050 ANSWER 1
        S 0.051 TCP_RST";
    insta::assert_snapshot!(calls(story), @r"
    0:1 cut_by_close at 0.051 processed=yes passed_on=1:1 failed_at=downstream
    1:1 ok at 0.050 processed=yes grpc=0
    ");
}

#[test]
fn without_ids_calls_are_linked_by_what_they_say_where_that_fits_only_one() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a
        C10 0.001 HEADERS 1 END_STREAM :path=/a
        S10 0.100 ANSWER 1
        S 0.101 ANSWER 1
        C 0.200 HEADERS 3 END_STREAM :path=/a
        C 0.201 HEADERS 5 END_STREAM :path=/a
        C10 0.202 HEADERS 3 END_STREAM :path=/a
        S10 0.250 FIN
        S 0.251 ANSWER 3 grpc-status=14
        S 0.252 ANSWER 5 grpc-status=14
        C 0.260 ACK";
    insta::assert_snapshot!(calls(story), @r"
    0:1 ok at 0.101 processed=yes grpc=0 passed_on=1:1
    0:3 status at 0.251 processed=maybe grpc=14
    0:5 status at 0.252 processed=maybe grpc=14
    1:1 ok at 0.100 processed=yes grpc=0
    1:3 cut_by_close at 0.250 processed=maybe
    ");
}

#[test]
fn what_is_no_proxy_gets_no_links() {
    // A client that asks two servers, and one that calls the same method of another with its own id.
    let two_servers = "C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C1 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S1 0.100 ANSWER 1
        C 0.101 RST 1 CANCEL";
    let own_id = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=2
        S10 0.100 FIN
        S 0.101 ANSWER 1 grpc-status=14
        C 0.260 ACK";
    // The answer to the outer call came though the inner one was taken back.
    let taken_back = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S 0.050 ANSWER 1
        C10 0.051 RST 1 CANCEL";
    for story in [two_servers, own_id, taken_back] {
        let analysis = analysis(story);
        assert!(analysis.upstreams.is_empty(), "{story}");
        assert!(
            analysis.rpcs.iter().all(|rpc| rpc.hops.is_none()),
            "{story}"
        );
    }
}

#[test]
fn a_finding_says_at_which_hop_its_calls_died() {
    let story = "hops
        C 0.000 HEADERS 1 END_STREAM :path=/a x-request-id=1
        C10 0.001 HEADERS 1 END_STREAM :path=/a x-request-id=1
        S10 0.100 FIN
        S 0.101 HEADERS 1 END_STREAM :status=502 content-type=text/html
        C 0.102 ACK";
    let analysis = analysis(story);
    let found = analysis
        .findings
        .iter()
        .find(|found| found.rule == "error-status");
    let found = found.expect("calls were answered with an error");
    assert!(
        found
            .title
            .ends_with("HTTP 502; its upstream connection was cut by 192.0.2.3:50051"),
        "{}",
        found.title
    );
    let told = found.evidence.last().map(|evidence| evidence.text.as_str());
    assert_eq!(
        told,
        Some(
            "stream 0:1 was passed on as 1:1: its upstream connection was cut by 192.0.2.3:50051 (FIN)"
        )
    );
    assert!(
        found.advice[0].starts_with("Upstream: look at 192.0.2.3:50051"),
        "{:?}",
        found.advice
    );
}
