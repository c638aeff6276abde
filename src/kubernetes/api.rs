//! The API server as a pod reaches it (kubernetes.io, "Accessing the Kubernetes API from a Pod").

use std::env;
use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use h2sniff::capture::Timestamp;
use h2sniff::names::{ClusterChange, NamedObject, ObjectKind, ObjectStream, StreamedPart};
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::KubernetesError;

/// The kinds that are asked for.
pub(super) const KINDS: [ObjectKind; 3] = [
    ObjectKind::Pod,
    ObjectKind::Service,
    ObjectKind::EndpointSlice,
];

/// Where a pod finds its token and the certificate authority of the API server.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How many objects a page of a list has.
const PAGE: usize = 500;

/// How much of one answer is read at most: objects have 1.5 MiB at most, and most have a hundredth of it.
const MAX_ANSWER: u64 = 1 << 30;

/// How long a watch goes on until the server ends it. What is lost of a connection shows no later.
const WATCH_FOR: Duration = Duration::from_secs(290);

/// How long connecting, or the beginning of an answer, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An API server.
#[derive(Debug)]
pub(super) struct ApiServer {
    agent: Agent,
    base: String,
    /// Where the token stands; it is replaced now and then.
    token: Option<PathBuf>,
}

/// What a watch has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All, until the server ended it: the next goes on from this version.
    UntilEnd(String),
    /// Whoever took the changes wants no more.
    Enough,
}

impl ApiServer {
    /// The server at a URL, or where it is empty that of the cluster this runs in.
    pub(super) fn open(url: &str) -> Result<Self, KubernetesError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(WATCH_FOR + PATIENCE));
        if !url.is_empty() {
            return Ok(Self {
                agent: config.build().into(),
                base: url.trim_end_matches('/').to_owned(),
                token: None,
            });
        }
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let host = variable("KUBERNETES_SERVICE_HOST").ok_or(KubernetesError::NotInCluster)?;
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host,
        };
        let port = variable("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
        let folder = Path::new(SERVICE_ACCOUNT);
        let roots = certificates(&folder.join("ca.crt"))?;
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
        let server = Self {
            agent: config.tls_config(tls.build()).build().into(),
            base: format!("https://{host}:{port}"),
            token: Some(folder.join("token")),
        };
        server.token()?;
        Ok(server)
    }

    fn token(&self) -> Result<Option<String>, KubernetesError> {
        let Some(path) = &self.token else {
            return Ok(None);
        };
        let token = fs::read_to_string(path).map_err(|source| KubernetesError::Credentials {
            path: path.clone(),
            source,
        })?;
        Ok(Some(token.trim().to_owned()))
    }

    /// Lists all objects of a kind; gives from which version on a watch goes on. `sink` says whether it wants more.
    pub(super) fn list(
        &self,
        kind: ObjectKind,
        sink: &mut dyn FnMut(ClusterChange) -> bool,
    ) -> Result<Told, KubernetesError> {
        let began = now();
        let mut page = String::new();
        if !sink(ClusterChange::ListBegin(kind)) {
            return Ok(Told::Enough);
        }
        loop {
            let query = match page.as_str() {
                "" => format!("limit={PAGE}"),
                page => format!("limit={PAGE}&continue={page}"),
            };
            let mut objects = self.get(kind, "list", &query)?;
            let mut wants_more = true;
            let mut end = None;
            let read = objects.next(&mut |part| match part {
                StreamedPart::Object(object) => {
                    if let Some(object) = NamedObject::of(&object).filter(|_| wants_more) {
                        wants_more = sink(ClusterChange::Exists(object));
                    }
                }
                StreamedPart::ListEnd {
                    resource_version,
                    next_page,
                } => end = Some((resource_version, next_page)),
                StreamedPart::Event(..) => {}
            });
            read.map_err(|source| answer(kind, source))?;
            if !wants_more {
                return Ok(Told::Enough);
            }
            match end {
                Some((_, Some(next))) => page = escaped(&next),
                Some((version, None)) => {
                    return Ok(match sink(ClusterChange::ListEnd(kind, began)) {
                        true => Told::UntilEnd(version.unwrap_or_default()),
                        false => Told::Enough,
                    });
                }
                None => return Err(answer(kind, std::io::ErrorKind::InvalidData.into())),
            }
        }
    }

    /// Tells what changes after a version, until the server has enough of it. `version` follows.
    #[cfg(feature = "live")]
    pub(super) fn watch(
        &self,
        kind: ObjectKind,
        version: &mut String,
        sink: &mut dyn FnMut(ClusterChange) -> bool,
    ) -> Result<Told, KubernetesError> {
        let seconds = WATCH_FOR.as_secs();
        let query = format!(
            "watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={}",
            escaped(version)
        );
        let mut events = self.get(kind, "watch", &query)?;
        let mut wants_more = true;
        let mut refused = None;
        loop {
            let next = events.next(&mut |part| {
                let StreamedPart::Event(event, object) = part else {
                    return;
                };
                if event == "ERROR" {
                    let status = object.get("code").and_then(Value::as_u64);
                    refused = Some(
                        status
                            .and_then(|code| u16::try_from(code).ok())
                            .unwrap_or(500),
                    );
                    return;
                }
                let after = object.pointer("/metadata/resourceVersion");
                if let Some(after) = after.and_then(Value::as_str) {
                    after.clone_into(version);
                }
                // A bookmark says how far the watch has come, and of no object anything.
                let object = NamedObject::of(&object).filter(|_| event != "BOOKMARK");
                if let Some(object) = object {
                    wants_more = sink(match event.as_str() {
                        "DELETED" => ClusterChange::Gone(object, Some(now())),
                        _ => ClusterChange::Exists(object),
                    });
                }
            });
            let more = next.map_err(|source| answer(kind, source))?;
            if let Some(status) = refused {
                let (verb, resource) = ("watch", resource(kind).1);
                return Err(KubernetesError::Refused {
                    verb,
                    resource,
                    status,
                });
            }
            match (wants_more, more) {
                (false, _) => return Ok(Told::Enough),
                (true, false) => return Ok(Told::UntilEnd(version.clone())),
                (true, true) => {}
            }
        }
    }

    fn get(
        &self,
        kind: ObjectKind,
        verb: &'static str,
        query: &str,
    ) -> Result<ObjectStream<impl std::io::BufRead + use<>>, KubernetesError> {
        let (group, resource) = resource(kind);
        let url = format!("{}/{group}/{resource}?{query}", self.base);
        let mut request = self.agent.get(url).header("Accept", "application/json");
        if let Some(token) = self.token()? {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let response = request.call().map_err(|source| KubernetesError::Request {
            resource,
            source: Box::new(source),
        })?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(KubernetesError::Refused {
                verb,
                resource,
                status,
            });
        }
        let body = response.into_body().into_reader().take(MAX_ANSWER);
        Ok(ObjectStream::new(BufReader::with_capacity(1 << 16, body)))
    }
}

/// Where the objects of a kind stand: the group with its version, and the resource.
const fn resource(kind: ObjectKind) -> (&'static str, &'static str) {
    match kind {
        ObjectKind::Pod => ("api/v1", "pods"),
        ObjectKind::Service => ("api/v1", "services"),
        ObjectKind::EndpointSlice => ("apis/discovery.k8s.io/v1", "endpointslices"),
        ObjectKind::Node => ("api/v1", "nodes"),
    }
}

/// What watches call a kind.
#[cfg(feature = "live")]
pub(super) const fn called(kind: ObjectKind) -> &'static str {
    resource(kind).1
}

fn answer(kind: ObjectKind, source: std::io::Error) -> KubernetesError {
    let (_, resource) = resource(kind);
    KubernetesError::Answer { resource, source }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, KubernetesError> {
    let pem = fs::read(path).map_err(|source| KubernetesError::Credentials {
        path: path.to_owned(),
        source,
    })?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let certificates: Vec<_> = certificates.collect();
    match certificates.is_empty() {
        true => Err(KubernetesError::NoCertificate {
            path: path.to_owned(),
        }),
        false => Ok(certificates),
    }
}

/// Text as a part of a query: all but letters, digits and a few marks percent-encoded (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The clock that packets are stamped by.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the caller, which passes time to the stages"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = since.unwrap_or_default().as_nanos();
    Timestamp::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
}
