//! `message-too-large`: calls that ended on a gRPC message larger than its receiver takes.

use super::super::peer::client::Client;
use super::server_view::{self, Affected, EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says};
use crate::decode::http2::ErrorCode;
use crate::decode::{Direction, PerSide};
use crate::inspect::peer::server::ServerStack;
use crate::inspect::stream::large_message::LargeMessage;
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::units::{count, counted};

/// What grpc-go, grpc-java, C-core, grpc-js, tonic and .NET take unless they are told otherwise, in bytes.
const DEFAULT_LIMIT: u32 = 4 * 1_024 * 1_024;

/// How many calls must have ended on a message for a limit to be inferred that nobody states.
const INFERRED_FROM: usize = 3;

pub(super) const RULE: Rule = Rule {
    name: "message-too-large",
    meaning: "RPCs ended on a gRPC message whose announced length is above what its receiver takes",
    evidence: "The five bytes before the message, which say its length, and the reset or status that answered it.",
    fixes: &[
        "Raise the receiver's limit (4 MiB unless set), or send less in one message: page it, or stream it",
        "By stack: grpc-go: MaxCallRecvMsgSize, MaxRecvMsgSize; grpc-java: maxInboundMessageSize; C-core, grpc-js: grpc.max_receive_message_length; tonic: max_decoding_message_size",
    ],
    says: Says::WhatEnded,
    check: Check::Server(check),
};

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let taken = taken(view);
    let of = |rpc: &Rpc, enough: fn(&Rpc, &LargeMessage) -> bool| {
        let message = refused(rpc)?;
        let above = message.length > taken[message.by.reverse()];
        (is_said(rpc) || (above && enough(rpc, message))).then_some(())
    };
    let by_default = |rpc: &Rpc| of(rpc, |_, message| message.length > DEFAULT_LIMIT).is_some();
    let by_habit = |rpc: &Rpc| of(rpc, |_, message| !message.whole).is_some();
    let mut affected = view.affected(|_, rpc| by_default(rpc));
    let mut confidence = match server_view::rpcs(&affected).all(is_said) {
        true => Confidence::Certain,
        false => Confidence::Likely,
    };
    if affected.is_empty() {
        affected = view.affected(|_, rpc| by_habit(rpc) && rpc.verdict != Verdict::Status);
        confidence = Confidence::Possible;
        if server_view::count(&affected) < INFERRED_FROM {
            return None;
        }
    }
    let messages = || server_view::rpcs(&affected).filter_map(refused);
    let smallest = messages().min_by_key(|message| message.length)?;
    let largest = messages().max_by_key(|message| message.length)?;
    Some(Finding {
        confidence,
        title: format!(
            "{} to {} ended on a message of {} that its {} does not take",
            counted(server_view::count(&affected), "RPC"),
            view.server,
            sizes(smallest, largest),
            largest.by.reverse().sender(),
        ),
        evidence: evidence(&affected),
        explanation: explanation(&affected, taken, smallest, confidence),
        advice: advice(view, &affected),
        ..server_view::finding(RULE.name, &affected)
    })
}

/// The largest message that each side took of this server's calls.
fn taken(view: &ServerView<'_>) -> PerSide<u32> {
    let mut taken = PerSide::<u32>::default();
    for finished in view.connections() {
        for (side, largest) in finished.record.taken.iter() {
            taken[side] = taken[side].max(*largest);
        }
    }
    taken
}

/// The message on which a call ended, if its receiver ended it.
fn refused(rpc: &Rpc) -> Option<&LargeMessage> {
    let message = rpc.large_message.as_deref()?;
    let error = rpc.error;
    let by_receiver = match (message.by.reverse(), rpc.verdict) {
        (Direction::ClientToServer, Verdict::ResetByClient) => error != Some(ErrorCode::NO_ERROR),
        (Direction::ServerToClient, Verdict::ResetByServer) => {
            error != Some(ErrorCode::ENHANCE_YOUR_CALM)
        }
        (Direction::ServerToClient, Verdict::Status) => {
            is_said(rpc) || rpc.grpc_status.as_deref() == Some(b"8".as_slice())
        }
        _ => false,
    };
    by_receiver.then_some(message)
}

/// Whether the status message says that a message was too large.
fn is_said(rpc: &Rpc) -> bool {
    let message = rpc.grpc_message.as_deref().unwrap_or_default();
    let text = String::from_utf8_lossy(message).to_ascii_lowercase();
    // grpc-go and C-core; grpc-java; tonic; .NET.
    [
        "received message larger than max",
        "message exceeds maximum size",
        "message length too large",
        "exceeds the maximum configured message size",
    ]
    .iter()
    .any(|words| text.contains(words))
}

fn sizes(smallest: &LargeMessage, largest: &LargeMessage) -> String {
    if smallest.length == largest.length {
        return counted(largest.length, "byte");
    }
    format!(
        "{} to {}",
        count(smallest.length),
        counted(largest.length, "byte")
    )
}

fn evidence(affected: &Affected<'_>) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for rpc in server_view::rpcs(affected) {
        let Some(message) = refused(rpc) else {
            continue;
        };
        let (number, stream) = (rpc.id.connection, rpc.id.stream);
        let by = message.by.sender();
        let text = format!(
            "stream {number}:{stream}: the {by} announces a message of {}",
            counted(message.length, "byte"),
        );
        evidence.cite(message.stamp.or(rpc.opened), text);
        let receiver = message.by.reverse().sender();
        let text = match rpc.error {
            Some(error) => {
                format!("stream {number}:{stream}: RST_STREAM {error} of the {receiver}")
            }
            None => format!("stream {number}:{stream}: an error status of the {receiver}"),
        };
        evidence.cite(rpc.ended, text);
    }
    evidence.into_vec()
}

fn explanation(
    affected: &Affected<'_>,
    taken: PerSide<u32>,
    smallest: &LargeMessage,
    confidence: Confidence,
) -> String {
    let receiver = smallest.by.reverse();
    let side = receiver.sender();
    let mut text = format!(
        "Before each gRPC message stand five bytes that say its length. The {side} ended {} on a \
         message of {} or more: its limit is below that.",
        counted(server_view::count(affected), "RPC"),
        counted(smallest.length, "byte"),
    );
    let largest = taken[receiver];
    if largest > 0 {
        text.push_str(&format!(
            " The largest it took was {}.",
            counted(largest, "byte")
        ));
    }
    if confidence == Confidence::Possible {
        text.push_str(" No default explains it: someone set that limit, or the calls were cancelled for another reason.");
    } else {
        text.push_str(&format!(
            " gRPC libraries take {} (4 MiB) unless set otherwise, and report RESOURCE_EXHAUSTED to the \
             application; on the wire that is a reset or a status.",
            counted(DEFAULT_LIMIT, "byte"),
        ));
    }
    text.push_str(" A retry ends the same way.");
    text
}

fn advice(view: &ServerView<'_>, affected: &Affected<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    let messages = || server_view::rpcs(affected).filter_map(refused);
    let of = |by: Direction| {
        let lengths = messages().filter(|message| message.by == by);
        lengths.map(|message| message.length).max()
    };
    if let Some(length) = of(Direction::ServerToClient)
        && let Some((record, _)) = affected.first()
    {
        advice.push(format!(
            "Client: raise {} above {}",
            Client::of(record).stack.largest_message(),
            counted(length, "byte"),
        ));
        advice.push("Server: or answer in pages, or as a stream of smaller messages".into());
    }
    if let Some(length) = of(Direction::ClientToServer) {
        let setting = match view.inferred.server_stack() {
            ServerStack::GrpcGo => "grpc.MaxRecvMsgSize",
            ServerStack::GrpcJava => "maxInboundMessageSize",
            ServerStack::GrpcJs => "grpc.max_receive_message_length",
            _ => {
                "its limit on received messages (grpc-go: MaxRecvMsgSize; grpc-java: \
                 maxInboundMessageSize; C-core and grpc-js: grpc.max_receive_message_length; tonic: \
                 max_decoding_message_size)"
            }
        };
        advice.push(format!(
            "Server: raise {setting} above {}",
            counted(length, "byte"),
        ));
        advice.push("Client: or send it in parts, as a stream of smaller messages".into());
    }
    advice
}

#[cfg(test)]
mod tests {
    use crate::testing::scenario::outcome;

    /// The five bytes before a message of `length`.
    fn prefix(stream: u32, length: u32) -> String {
        format!("RAW 000005000000000{stream:03x}00{length:08x}")
    }

    #[test]
    fn an_answer_above_4_mib_that_its_client_resets_is_named() {
        let reported = outcome(&format!(
            r"
            C 0.000 HEADERS 1 END_STREAM
            S 0.010 HEADERS 1 :status=200 content-type=application/grpc
            S 0.011 {}
            C 0.020 RST 1 CANCEL
            C 0.030 FIN
            ",
            prefix(1, 5_242_880),
        ));
        insta::assert_snapshot!(reported, @r"
        0:1 reset_by_client at 0.020 processed=maybe error=CANCEL
        error message-too-large rpcs=0:1
        ");
    }

    #[test]
    fn a_request_that_its_server_calls_too_large_is_named_whatever_the_limit() {
        let reported = outcome(&format!(
            r#"
            C 0.000 HEADERS 1
            C 0.001 {}
            S 0.010 HEADERS 1 END_STREAM :status=200 grpc-status=8 grpc-message="grpc: received message larger than max (200000 vs. 100000)"
            C 0.020 ACK
            C 0.030 FIN
            "#,
            prefix(1, 200_000),
        ));
        insta::assert_snapshot!(reported, @r"
        0:1 status at 0.010 processed=maybe grpc=8
        error message-too-large rpcs=0:1
        ");
    }

    #[test]
    fn a_call_cancelled_amid_a_message_below_the_default_is_not_named() {
        let reported = outcome(&format!(
            r"
            C 0.000 HEADERS 1 END_STREAM
            S 0.010 HEADERS 1 :status=200 content-type=application/grpc
            S 0.011 {}
            C 0.020 RST 1 CANCEL
            C 0.030 FIN
            ",
            prefix(1, 1_000_000),
        ));
        insta::assert_snapshot!(reported, @r"
        0:1 reset_by_client at 0.020 processed=maybe error=CANCEL
        error stream-reset rpcs=0:1
        ");
    }
}
