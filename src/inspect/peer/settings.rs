//! What each server software calls its settings: the only table of them, for all rules' advice.
//!
//! In: a [`ServerStack`], and what is to be set. Out: the name by which that software knows it; where it has
//! no such setting, [`None`], or the general term where the software is not known. Whoever reads an advice
//! shall find the name in the software's own documentation.

use super::server::ServerStack;
use crate::units::exact_seconds;

/// Something that a server can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect) enum ServerSetting {
    /// After what age it ends a connection.
    Age,
    /// After how long without streams it ends a connection.
    Idle,
    /// How many requests a connection may carry.
    Requests,
    /// How many streams may be open at the same time.
    Concurrency,
    /// How soon after one another PINGs may come.
    PingMinimum,
    /// Whether PINGs may come while no call is open.
    PingWithoutCalls,
}

/// What a setting is called in this software, or in general where the software is not known; `None` where
/// it has no such setting.
pub(in crate::inspect) const fn name(
    stack: ServerStack,
    setting: ServerSetting,
) -> Option<&'static str> {
    match setting {
        ServerSetting::Age => age(stack),
        ServerSetting::Idle => idle(stack),
        ServerSetting::Requests => requests(stack),
        ServerSetting::Concurrency => concurrency(stack),
        ServerSetting::PingMinimum => ping_minimum(stack),
        ServerSetting::PingWithoutCalls => ping_without_calls(stack),
    }
}

/// The name, or the general term where this software has no such setting of its own.
pub(in crate::inspect) fn name_or_term(stack: ServerStack, setting: ServerSetting) -> &'static str {
    name(stack, setting)
        .or_else(|| name(ServerStack::Other, setting))
        .unwrap_or_default()
}

/// What makes the time longer that calls have between GOAWAY and the close: of a server that was told to
/// stop, or whose connections reach an age.
pub(in crate::inspect) fn grace(stack: ServerStack, stopped: bool) -> &'static str {
    let aged = age_grace(stack).filter(|_| !stopped);
    aged.unwrap_or_else(|| stop_grace(stack))
}

/// How to keep clients' streams from crossing a GOAWAY, where a server names its last stream id at once.
pub(in crate::inspect) fn warn_first(stack: ServerStack) -> String {
    use ServerStack as S;
    let settings = [
        ServerSetting::Requests,
        ServerSetting::Age,
        ServerSetting::Idle,
    ];
    let names: Vec<_> = settings
        .into_iter()
        .filter_map(|setting| name(stack, setting))
        .collect();
    match stack {
        S::Nginx | S::NetHttp | S::Caddy | S::HaProxy | S::Httpd | S::Alb => format!(
            "Server: it cannot announce the end of a connection; end connections less often ({})",
            names.join(", "),
        ),
        S::Node => "Server: announce the end: session.goaway(0, 2**31 - 1) first, session.close() a round \
                    trip later"
            .into(),
        S::GrpcGo | S::GrpcJava | S::GrpcJs | S::Core | S::Rust | S::Kestrel | S::Envoy | S::Other => {
            "Server: announce the end: GOAWAY 2^31-1 first, and the real last stream id a round trip \
             later; where it cannot, end connections less often"
                .into()
        }
    }
}

/// What to do about a server that closes connections at an age, in seconds, without a GOAWAY.
pub(in crate::inspect) fn silent_age(age: f64) -> String {
    format!(
        "Server: it closes each connection at an age of {} without GOAWAY; tonic does so where both \
         max_connection_age and max_connection_age_grace are set, at their sum: leave \
         max_connection_age_grace unset, and it drains connections at their age",
        exact_seconds(age),
    )
}

/// How to make a server tell its clients before it stops, rather than close.
pub(in crate::inspect) const fn graceful_stop(stack: ServerStack) -> &'static str {
    use ServerStack as S;
    match stack {
        S::GrpcGo => "GracefulStop instead of Stop, with a timeout",
        S::GrpcJava => "shutdown and awaitTermination before shutdownNow",
        S::GrpcJs => "tryShutdown before forceShutdown",
        S::Core => {
            "stop with a grace (Python: server.stop(grace); C++: Server::Shutdown with a deadline)"
        }
        S::Rust => {
            "serve_with_shutdown (tonic), graceful_shutdown (hyper), and an end of the process after it"
        }
        S::NetHttp => "http.Server.Shutdown instead of Close",
        S::Node => {
            "session.close() for each session instead of destroy() or the end of the process"
        }
        S::Kestrel => "IHost.StopAsync within HostOptions.ShutdownTimeout",
        S::Nginx => "SIGQUIT (nginx -s quit) instead of SIGTERM",
        S::Envoy => {
            "POST /drain_listeners?graceful to the admin interface, and SIGTERM only after its drain-time-s"
        }
        S::HaProxy => "SIGUSR1 (soft stop) instead of SIGTERM, with hard-stop-after",
        S::Httpd => {
            "apachectl graceful-stop (SIGWINCH) instead of stop, with GracefulShutdownTimeout"
        }
        S::Caddy => "a grace_period",
        S::Alb => "deregister the target first, and wait for deregistration_delay.timeout_seconds",
        S::Other => "GOAWAY first, then wait for open calls",
    }
}

const fn age(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "keepalive.ServerParameters.MaxConnectionAge",
        S::GrpcJava => "maxConnectionAge",
        S::GrpcJs | S::Core => "grpc.max_connection_age_ms",
        S::Rust => "max_connection_age",
        S::Nginx => "keepalive_time",
        S::Envoy => "max_connection_duration",
        S::Alb => "client_keep_alive.seconds",
        S::Other => "the greatest age of a connection",
        S::NetHttp | S::Node | S::Kestrel | S::HaProxy | S::Httpd | S::Caddy => return None,
    })
}

const fn age_grace(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "keepalive.ServerParameters.MaxConnectionAgeGrace",
        S::GrpcJava => "maxConnectionAgeGrace",
        S::GrpcJs | S::Core => "grpc.max_connection_age_grace_ms",
        S::Rust => "max_connection_age_grace",
        S::Envoy => "drain_timeout",
        S::Other => "the grace after GOAWAY",
        // Those that end connections at an age, if at all, let their calls end.
        S::NetHttp
        | S::Node
        | S::Kestrel
        | S::Nginx
        | S::HaProxy
        | S::Httpd
        | S::Caddy
        | S::Alb => {
            return None;
        }
    })
}

const fn stop_grace(stack: ServerStack) -> &'static str {
    use ServerStack as S;
    match stack {
        S::GrpcGo => "the time between GracefulStop and Stop",
        S::GrpcJava => "the time of awaitTermination between shutdown and shutdownNow",
        S::GrpcJs => "the time between tryShutdown and forceShutdown",
        S::Core => "the grace given to server.stop (C++: the deadline of Server::Shutdown)",
        S::Rust => "the time between the signal for a graceful shutdown and the end of the process",
        S::NetHttp => "the deadline of the context given to http.Server.Shutdown",
        S::Node => "the time between session.close() and the end of the process",
        S::Kestrel => "HostOptions.ShutdownTimeout",
        S::Nginx => "worker_shutdown_timeout",
        S::Envoy => "drain-time-s and parent-shutdown-time-s",
        S::HaProxy => "hard-stop-after",
        S::Httpd => "GracefulShutdownTimeout",
        S::Caddy => "grace_period",
        S::Alb => "deregistration_delay.timeout_seconds",
        S::Other => "the time between the server's graceful stop and its end",
    }
}

const fn idle(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "keepalive.ServerParameters.MaxConnectionIdle",
        S::GrpcJava => "maxConnectionIdle",
        S::GrpcJs | S::Core => "grpc.max_connection_idle_ms",
        S::NetHttp => "http.Server.IdleTimeout",
        S::Node => "server.setTimeout",
        S::Kestrel => "Limits.KeepAliveTimeout",
        S::Nginx => "keepalive_timeout",
        S::Envoy => "common_http_protocol_options.idle_timeout",
        S::HaProxy => "timeout http-keep-alive (else timeout client)",
        S::Httpd => "KeepAliveTimeout",
        S::Caddy => "the idle timeout of servers (timeouts { idle })",
        S::Alb => "idle_timeout.timeout_seconds",
        S::Other => "the server's idle timeout for connections",
        S::Rust => return None,
    })
}

const fn requests(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::Nginx => "keepalive_requests",
        S::Envoy => "max_requests_per_connection",
        S::HaProxy => "tune.h2.fe.max-total-streams",
        S::Other => "the number of requests a connection may carry",
        S::GrpcGo
        | S::GrpcJava
        | S::GrpcJs
        | S::Core
        | S::Rust
        | S::NetHttp
        | S::Node
        | S::Kestrel
        | S::Httpd
        | S::Caddy
        | S::Alb => return None,
    })
}

const fn concurrency(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "grpc.MaxConcurrentStreams",
        S::GrpcJava => "maxConcurrentCallsPerConnection",
        S::GrpcJs | S::Core => "grpc.max_concurrent_streams",
        S::Rust | S::Envoy => "max_concurrent_streams",
        S::NetHttp => "http2.Server.MaxConcurrentStreams",
        S::Node => "settings.maxConcurrentStreams",
        S::Kestrel => "Limits.Http2.MaxStreamsPerConnection",
        S::Nginx => "http2_max_concurrent_streams",
        S::HaProxy => "tune.h2.fe.max-concurrent-streams",
        S::Httpd => "H2MaxSessionStreams",
        S::Other => "MAX_CONCURRENT_STREAMS",
        S::Caddy | S::Alb => return None,
    })
}

const fn ping_minimum(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "keepalive.EnforcementPolicy.MinTime",
        S::GrpcJava => "permitKeepAliveTime",
        S::Core => "grpc.http2.min_ping_interval_without_data_ms",
        S::Other => "the server's minimum time between PINGs",
        S::GrpcJs
        | S::Rust
        | S::NetHttp
        | S::Node
        | S::Kestrel
        | S::Nginx
        | S::Envoy
        | S::HaProxy
        | S::Httpd
        | S::Caddy
        | S::Alb => return None,
    })
}

const fn ping_without_calls(stack: ServerStack) -> Option<&'static str> {
    use ServerStack as S;
    Some(match stack {
        S::GrpcGo => "keepalive.EnforcementPolicy.PermitWithoutStream",
        S::GrpcJava => "permitKeepAliveWithoutCalls",
        S::Core => "grpc.keepalive_permit_without_calls",
        S::Other => "the server's permission for PINGs without calls",
        S::GrpcJs
        | S::Rust
        | S::NetHttp
        | S::Node
        | S::Kestrel
        | S::Nginx
        | S::Envoy
        | S::HaProxy
        | S::Httpd
        | S::Caddy
        | S::Alb => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_servers_own_software() {
        assert_eq!(grace(ServerStack::Nginx, false), "worker_shutdown_timeout");
        assert_eq!(
            grace(ServerStack::GrpcGo, true),
            "the time between GracefulStop and Stop"
        );
        assert_eq!(
            grace(ServerStack::Core, false),
            "grpc.max_connection_age_grace_ms"
        );
        assert_eq!(name(ServerStack::Caddy, ServerSetting::Requests), None);
    }

    #[test]
    fn an_unknown_server_is_spoken_of_in_general_terms() {
        let settings = [
            ServerSetting::Age,
            ServerSetting::Idle,
            ServerSetting::Requests,
            ServerSetting::Concurrency,
            ServerSetting::PingMinimum,
            ServerSetting::PingWithoutCalls,
        ];
        for setting in settings {
            let term = name(ServerStack::Other, setting).unwrap();
            assert!(
                term.contains(' ') || term == "MAX_CONCURRENT_STREAMS",
                "{term}"
            );
            assert_eq!(name_or_term(ServerStack::Other, setting), term);
        }
        assert_eq!(
            name_or_term(ServerStack::Caddy, ServerSetting::Requests),
            "the number of requests a connection may carry"
        );
    }
}
