//! Which software sends such SETTINGS.
//!
//! In: the settings a server sent, in the order in which it first named them. Out: the software whose source
//! writes them in that order, with values that it does not let its users choose, or that few choose.
//!
//! | software | SETTINGS |
//! |---|---|
//! | gRPC C-core | has 0xfe03, GRPC_ALLOW_TRUE_BINARY_METADATA |
//! | grpc-go | begins with MAX_FRAME_SIZE 16384 |
//! | Go net/http | MAX_FRAME_SIZE, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, …, INITIAL_WINDOW_SIZE |
//! | Caddy | the same, with a header list of 16 KiB and 320 bytes |
//! | grpc-java | MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE 8192 |
//! | Kestrel | the same with 32768 and a window of 768 KiB |
//! | nginx | MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE 2^24-1 |
//! | Envoy | HEADER_TABLE_SIZE, ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE |
//! | HAProxy | ENABLE_CONNECT_PROTOCOL 1 first, then MAX_CONCURRENT_STREAMS |
//! | hyper | …, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE 16384, MAX_HEADER_LIST_SIZE 16384 |
//! | Node, grpc-js | none at all, which others may do too |

use super::super::connection::record::ConnectionRecord;
use super::server::ServerStack;
use crate::decode::Direction;
use crate::decode::http2::SettingId;

/// GRPC_ALLOW_TRUE_BINARY_METADATA of gRPC C-core (grpc/grpc, http2_settings.h).
const TRUE_BINARY_METADATA: SettingId = SettingId(0xfe03);

/// SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, section 6.5.2).
const MAX_HEADER_LIST_SIZE: SettingId = SettingId(0x6);

/// SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441, section 3).
const ENABLE_CONNECT_PROTOCOL: SettingId = SettingId(0x8);

/// Caddy's limit of 16 KiB for headers, with what net/http adds for each of ten fields.
const CADDY_HEADER_LIST: u32 = (16 << 10) + 320;

/// The software that sends the SETTINGS this server sent.
pub(super) fn of_server(record: &ConnectionRecord) -> Option<ServerStack> {
    of_settings(sent_by(record)?)
}

/// Whether this server sent SETTINGS without any setting, as Node does.
pub(super) fn sends_none(record: &ConnectionRecord) -> bool {
    sent_by(record).is_some_and(<[_]>::is_empty)
}

/// What it sent, if it is known that it sent nothing before.
fn sent_by(record: &ConnectionRecord) -> Option<&[(SettingId, u32)]> {
    let sent = record.settings[Direction::ServerToClient].as_deref()?;
    record.preface_seen.then_some(sent)
}

fn of_settings(sent: &[(SettingId, u32)]) -> Option<ServerStack> {
    use SettingId as Id;
    let ids: Vec<_> = sent.iter().map(|(id, _)| *id).collect();
    let is = |id: Id, value: u32| sent.contains(&(id, value));
    let stack = match ids.as_slice() {
        ids if ids.contains(&TRUE_BINARY_METADATA) => ServerStack::Core,
        [Id::MAX_FRAME_SIZE, ..] if is(Id::MAX_FRAME_SIZE, 16_384) => ServerStack::GrpcGo,
        [
            Id::MAX_FRAME_SIZE,
            Id::MAX_CONCURRENT_STREAMS,
            MAX_HEADER_LIST_SIZE,
            rest @ ..,
        ] if rest.contains(&Id::INITIAL_WINDOW_SIZE) => {
            if is(MAX_HEADER_LIST_SIZE, CADDY_HEADER_LIST) {
                ServerStack::Caddy
            } else {
                ServerStack::NetHttp
            }
        }
        [
            Id::MAX_CONCURRENT_STREAMS,
            Id::INITIAL_WINDOW_SIZE,
            MAX_HEADER_LIST_SIZE,
            ..,
        ] => {
            if is(MAX_HEADER_LIST_SIZE, 8_192) {
                ServerStack::GrpcJava
            } else if is(MAX_HEADER_LIST_SIZE, 32_768) && is(Id::INITIAL_WINDOW_SIZE, 768 << 10) {
                ServerStack::Kestrel
            } else {
                return None;
            }
        }
        [
            Id::MAX_CONCURRENT_STREAMS,
            Id::INITIAL_WINDOW_SIZE,
            Id::MAX_FRAME_SIZE,
        ] if is(Id::MAX_FRAME_SIZE, (1 << 24) - 1) => ServerStack::Nginx,
        [
            Id::HEADER_TABLE_SIZE,
            ENABLE_CONNECT_PROTOCOL,
            Id::MAX_CONCURRENT_STREAMS,
            Id::INITIAL_WINDOW_SIZE,
            ..,
        ] => ServerStack::Envoy,
        [ENABLE_CONNECT_PROTOCOL, rest @ ..]
            if is(ENABLE_CONNECT_PROTOCOL, 1) && rest.contains(&Id::MAX_CONCURRENT_STREAMS) =>
        {
            ServerStack::HaProxy
        }
        [
            ..,
            Id::INITIAL_WINDOW_SIZE,
            Id::MAX_FRAME_SIZE,
            MAX_HEADER_LIST_SIZE,
        ] if ids.len() <= 4
            && is(Id::MAX_FRAME_SIZE, 16_384)
            && is(MAX_HEADER_LIST_SIZE, 16_384) =>
        {
            ServerStack::Rust
        }
        _ => return None,
    };
    Some(stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sent: &[(u16, u32)]) -> Option<ServerStack> {
        let sent: Vec<_> = sent
            .iter()
            .map(|(id, value)| (SettingId(*id), *value))
            .collect();
        of_settings(&sent)
    }

    #[test]
    fn the_order_of_settings_tells_servers_apart() {
        let window = (4, 1 << 20);
        assert_eq!(of(&[(5, 16_384)]), Some(ServerStack::GrpcGo));
        assert_eq!(
            of(&[(5, 16_384), (3, 10), window]),
            Some(ServerStack::GrpcGo)
        );
        let net_http = [(5, 1 << 20), (3, 250), (6, 1_048_896), (1, 4_096), window];
        assert_eq!(of(&net_http), Some(ServerStack::NetHttp));
        let caddy = [
            (5, 1 << 20),
            (3, 250),
            (6, 16_704),
            (1, 4_096),
            window,
            (9, 1),
        ];
        assert_eq!(of(&caddy), Some(ServerStack::Caddy));
        assert_eq!(
            of(&[(3, 10), window, (6, 8_192)]),
            Some(ServerStack::GrpcJava)
        );
        let kestrel = [(3, 100), (4, 786_432), (6, 32_768), (8, 1)];
        assert_eq!(of(&kestrel), Some(ServerStack::Kestrel));
        let nginx = [(3, 128), (4, 65_536), (5, 16_777_215)];
        assert_eq!(of(&nginx), Some(ServerStack::Nginx));
        let envoy = [(1, 4_096), (8, 0), (3, 1_024), (4, 16 << 20)];
        assert_eq!(of(&envoy), Some(ServerStack::Envoy));
        assert_eq!(of(&[(8, 1), (3, 100)]), Some(ServerStack::HaProxy));
        assert_eq!(
            of(&[window, (5, 16_384), (6, 16_384)]),
            Some(ServerStack::Rust)
        );
        let core = [(4, 4 << 20), (5, 4 << 20), (6, 16_384), (0xfe03, 1)];
        assert_eq!(of(&core), Some(ServerStack::Core));
    }

    #[test]
    fn what_many_send_tells_nothing() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(3, 100)]), None);
        assert_eq!(of(&[(3, 100), (4, 65_535)]), None);
        assert_eq!(of(&[(3, 100), (4, 65_535), (6, 16_384)]), None);
    }
}
