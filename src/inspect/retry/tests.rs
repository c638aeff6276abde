//! Attempts of calls, without packets: which are linked.

use super::*;
use crate::inspect::stream::fingerprint::Identity;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_nanos(milliseconds * 1_000_000)
}

/// An attempt of one request at these milliseconds, lost or not.
fn attempt(stream: u32, opened: i64, lost: Option<i64>) -> Attempt {
    Attempt {
        call: CallId {
            connection: 0,
            stream,
        },
        identity: Identity::bare(7, 40),
        opened: at(opened),
        deadline: None,
        verdict: if lost.is_some() {
            Verdict::BeyondLastStreamId
        } else {
            Verdict::Ok
        },
        ended: lost.map(at),
        misdirected: false,
        cancelled: false,
    }
}

fn with_deadline(attempt: Attempt, milliseconds: i64) -> Attempt {
    Attempt {
        deadline: Some(at(milliseconds)),
        ..attempt
    }
}

fn with_id(mut attempt: Attempt, id: u64) -> Attempt {
    attempt.identity.give_id(id);
    attempt
}

/// Links attempts of one client and one request.
fn link(attempts: &[Attempt], links: &mut Links) {
    let attempts: Vec<_> = attempts.iter().collect();
    let mut by_id: FxHashMap<_, Vec<&Attempt>> = FxHashMap::default();
    for attempt in &attempts {
        if let Some(id) = id_key(attempt) {
            by_id.entry(id).or_default().push(*attempt);
        }
    }
    for attempts in by_id.into_values() {
        chain::of_one_id(&attempts, links);
    }
    chain::of_equal(&attempts, links);
}

/// Which stream followed which.
fn linked(attempts: &[Attempt]) -> Vec<(u32, u32)> {
    let mut links = FxHashMap::default();
    link(attempts, &mut links);
    let pairs = links
        .iter()
        .map(|(lost, (next, _))| (lost.stream, next.call.stream));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs
}

#[test]
fn a_prompt_repetition_of_a_distinctive_request_is_its_retry() {
    assert_eq!(
        linked(&[attempt(1, 0, Some(50)), attempt(3, 60, None)]),
        [(1, 3)]
    );
}

#[test]
fn two_equal_calls_are_never_linked() {
    let third = [
        attempt(1, 0, Some(50)),
        attempt(3, 60, None),
        attempt(5, 70, None),
    ];
    assert_eq!(linked(&third), [], "which of the two repeats it?");
    let at_once = [
        attempt(1, 0, Some(50)),
        attempt(3, 10, Some(50)),
        attempt(5, 60, None),
    ];
    assert_eq!(linked(&at_once), [], "which of the two is repeated?");
    let before = [attempt(1, 0, Some(50)), attempt(3, 40, None)];
    assert_eq!(linked(&before), [], "it was sent before the first was lost");
    let later = [attempt(1, 0, Some(50)), attempt(3, 5_000, None)];
    assert_eq!(linked(&later), [], "somebody may have asked the same again");
    let mut small = [attempt(1, 0, Some(50)), attempt(3, 60, None)];
    for attempt in &mut small {
        attempt.identity.body_length = 5;
    }
    small[0].verdict = Verdict::CutByClose;
    assert_eq!(linked(&small), [], "an empty message is everybody's");
}

#[test]
fn every_attempt_of_a_long_chain_knows_the_last_one() {
    let attempts: Vec<_> = (0..100_000)
        .map(|number| {
            let opened = i64::from(number) * 100;
            attempt(number, opened, (number < 99_999).then_some(opened + 50))
        })
        .collect();
    let mut links = FxHashMap::default();
    link(&attempts, &mut links);
    let last = last_attempts(&links);
    assert_eq!(last.len(), 99_999);
    assert!(last.values().all(|last| last.call.stream == 99_999));
}

#[test]
fn a_deadline_tells_attempts_from_equal_calls() {
    let lost = with_deadline(attempt(1, 0, Some(50)), 5_000);
    let same = with_deadline(attempt(3, 2_000, None), 5_010);
    let other = with_deadline(attempt(3, 60, None), 7_000);
    assert_eq!(linked(&[lost, same]), [(1, 3)]);
    assert_eq!(linked(&[lost, other]), []);
}

#[test]
fn moments_centuries_apart_are_compared_and_not_linked() {
    let long_ago = Attempt {
        opened: Timestamp::from_nanos(i64::MIN),
        ended: Some(Timestamp::from_nanos(i64::MIN)),
        verdict: Verdict::CutByClose,
        deadline: Some(Timestamp::from_nanos(i64::MIN)),
        ..attempt(1, 0, None)
    };
    let at_last = Attempt {
        opened: Timestamp::from_nanos(i64::MAX),
        deadline: Some(Timestamp::from_nanos(i64::MAX)),
        ..attempt(3, 0, None)
    };
    assert_eq!(linked(&[long_ago, at_last]), []);
    let prompt = Attempt {
        opened: Timestamp::from_nanos(i64::MIN),
        ..at_last
    };
    assert_eq!(linked(&[long_ago, prompt]), [], "another deadline");
    let end = Timestamp::from_nanos(i64::MAX);
    assert!(is_abandoned(&long_ago, Some(end)));
}

#[test]
fn an_id_tells_equal_calls_apart() {
    let attempts = [
        with_id(attempt(1, 0, Some(50)), 1),
        with_id(attempt(3, 10, Some(50)), 2),
        with_id(attempt(5, 60, None), 2),
        with_id(attempt(7, 70, None), 1),
    ];
    assert_eq!(linked(&attempts), [(1, 7), (3, 5)]);
}

#[test]
fn an_id_links_what_was_sent_in_part() {
    let mut headers = with_id(attempt(1, 0, Some(50)), 1);
    (headers.identity.request, headers.identity.body_length) = (8, 0);
    let whole = with_id(attempt(3, 60, None), 1);
    assert_eq!(linked(&[headers, whole]), [(1, 3)]);
    let mut longer = headers;
    longer.identity.body_length = 80;
    assert_eq!(linked(&[longer, whole]), [], "more was sent than there is");
}

#[test]
fn a_misdirected_request_is_repeated_on_another_connection() {
    let mut lost = attempt(1, 0, Some(50));
    (lost.misdirected, lost.identity.body_length) = (true, 0);
    lost.verdict = Verdict::Status;
    let mut next = attempt(3, 60, None);
    next.identity.body_length = 0;
    assert_eq!(
        linked(&[lost, next]),
        [],
        "the same connection would answer the same"
    );
    next.call.connection = 1;
    assert_eq!(linked(&[lost, next]), [(1, 3)]);
}

#[test]
fn what_is_taken_back_when_its_twin_was_answered_lost_to_it() {
    let winner = Attempt {
        ended: Some(at(100)),
        ..with_id(attempt(3, 50, None), 1)
    };
    let loser = Attempt {
        ended: Some(at(101)),
        cancelled: true,
        verdict: Verdict::ResetByClient,
        ..with_id(attempt(1, 0, None), 1)
    };
    let hedged = |attempts: &[Attempt]| {
        let mut hedged = FxHashSet::default();
        hedge::find(&attempts.iter().collect::<Vec<_>>(), &mut hedged);
        hedged.len()
    };
    assert_eq!(hedged(&[loser, winner]), 1);
    let late = Attempt {
        ended: Some(at(300)),
        ..loser
    };
    assert_eq!(hedged(&[late, winner]), 0, "its caller had another reason");
    let other = with_id(loser, 2);
    assert_eq!(hedged(&[other, winner]), 0, "another call");
}

/// Each call of a story, and the outcome of the call as a whole.
fn outcomes(story: &str) -> Vec<(Verdict, Outcome, bool)> {
    let calls = crate::testing::scenario::analysis(story).rpcs;
    calls
        .iter()
        .map(|rpc| (rpc.verdict, rpc.outcome, rpc.taken_back.is_some()))
        .collect()
}

#[test]
fn the_losers_of_hedging_are_recovered_by_their_twins() {
    let story = "
        C1 0.000 HEADERS 1 END_STREAM x-request-id=h
        C2 0.050 HEADERS 1 END_STREAM x-request-id=h
        S2 0.060 ANSWER 1
        C2 0.061 ACK
        C1 0.062 RST 1 CANCEL
    ";
    let winner = (Verdict::Ok, Outcome::Ok, false);
    assert_eq!(
        outcomes(story),
        [(Verdict::ResetByClient, Outcome::Recovered, true), winner]
    );
    let others = story.replacen("x-request-id=h", "x-request-id=i", 1);
    assert_eq!(
        outcomes(&others),
        [(Verdict::ResetByClient, Outcome::Failed, false), winner]
    );
    let reported = crate::testing::scenario::outcome(story);
    assert!(!reported.contains("stream-reset"), "{reported}");
}

#[test]
fn an_id_says_what_was_not_repeated() {
    let story = "
        C1 0.000 HEADERS 1 END_STREAM x-request-id=a
        C1 0.001 HEADERS 3 END_STREAM
        S1 0.010 GOAWAY last=0 NO_ERROR
        C1 0.020 ACK
        end 2.0
    ";
    let lost = |outcome| (Verdict::BeyondLastStreamId, outcome, false);
    assert_eq!(
        outcomes(story),
        [lost(Outcome::Failed), lost(Outcome::Unknown)]
    );
}

/// Calls of a watched story that did not succeed, and their outcomes as a whole.
fn watched(story: &str) -> Vec<(Verdict, Outcome)> {
    let calls = crate::testing::scenario::watched(story).rpcs;
    let calls = calls.iter().map(|rpc| (rpc.verdict, rpc.outcome));
    calls.collect()
}

#[test]
fn a_request_that_ends_after_its_refusal_is_compared_as_a_whole_by_who_watches_too() {
    let story = "
        C 0.000 HEADERS 1
        S 0.010 RST 1 REFUSED_STREAM
        C 0.011 DATA 1 END_STREAM bytes=40
        C 0.030 HEADERS 3
        C 0.031 DATA 3 END_STREAM bytes=40
        S 0.050 ANSWER 3
        C 0.060 ACK
    ";
    assert_eq!(
        outcomes(story)[0],
        (Verdict::Refused, Outcome::Recovered, false)
    );
    assert_eq!(watched(story), [(Verdict::Refused, Outcome::Recovered)]);
}

#[test]
fn a_link_that_later_calls_throw_in_doubt_is_taken_back() {
    let alone = "
        C 0.000 HEADERS 1
        C 0.001 DATA 1 END_STREAM bytes=40
        S 0.010 RST 1 REFUSED_STREAM
        C 0.030 HEADERS 3
        C 0.031 DATA 3 END_STREAM bytes=40
        S 0.050 ANSWER 3
        C 0.060 ACK
        S 2.000 PING 7
        C 2.001 ACK
    ";
    let doubted = format!(
        "{alone}
        C 3.000 HEADERS 5
        C 3.001 DATA 5 END_STREAM bytes=40
        S 3.010 ANSWER 5
        C 3.020 ACK"
    );
    assert_eq!(watched(alone), [(Verdict::Refused, Outcome::Recovered)]);
    assert_eq!(outcomes(&doubted)[0].1, Outcome::Unknown);
    assert_eq!(watched(&doubted), [(Verdict::Refused, Outcome::Unknown)]);
}

/// An attempt on a connection, with an id, from when to when, lost at its end or not.
fn passed(connection: u32, stream: u32, (opened, ended): (i64, i64), lost: bool) -> Attempt {
    let mut attempt = with_id(attempt(stream, opened, lost.then_some(ended)), 9);
    attempt.call.connection = connection;
    attempt.ended = Some(at(ended));
    attempt
}

#[test]
fn a_hop_behind_a_proxy_is_no_retry_and_hides_none() {
    let both_hops = [
        passed(0, 1, (0, 50), true),
        passed(1, 11, (1, 49), true),
        passed(0, 3, (60, 100), false),
        passed(1, 13, (61, 99), false),
    ];
    assert_eq!(linked(&both_hops), [(1, 3), (11, 13)]);
    let one_call = [passed(0, 1, (0, 50), true), passed(1, 11, (1, 49), true)];
    assert_eq!(linked(&one_call), []);
}

#[test]
fn what_was_not_processed_is_repeated_at_once_and_links_where_it_is_the_only_one() {
    let empty = |stream, opened, lost| {
        let mut empty = attempt(stream, opened, lost);
        empty.identity.body_length = 0;
        empty
    };
    let alone = [empty(1, 0, Some(50)), empty(3, 60, None)];
    assert_eq!(linked(&alone), [(1, 3)]);
    let later = [empty(1, 0, Some(50)), empty(3, 250, None)];
    assert_eq!(linked(&later), [], "somebody may ask the same every 200 ms");
    let among_others = [
        empty(1, 0, Some(50)),
        empty(3, 60, None),
        empty(5, 90, None),
    ];
    assert_eq!(linked(&among_others), [], "which of the two repeats it?");
}

#[test]
fn the_loser_of_a_race_that_nothing_marks_goes_as_soon_as_the_other_is_answered() {
    let story = |taken_back: &str| {
        format!(
            "C1 0.000 HEADERS 1 END_STREAM
             C2 0.030 HEADERS 1 END_STREAM
             S2 0.060 ANSWER 1
             C2 0.061 ACK
             C1 {taken_back} RST 1 CANCEL"
        )
    };
    let [loser, winner] = &outcomes(&story("0.063"))[..] else {
        panic!("two calls");
    };
    assert!(loser.2 && winner.0 == Verdict::Ok);
    assert!(
        !outcomes(&story("0.150"))[0].2,
        "its caller had another reason"
    );
}
