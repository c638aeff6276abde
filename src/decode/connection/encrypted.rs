//! TLS on its way from a hello to what is inside.
//!
//! ```text
//! ClientHello --+-- no TLS, or an alert ----------------> counts as failed
//!               +-- ServerHello, secrets known ---------> decrypted: HTTP/2, or unrelated
//!               +-- ServerHello, secrets never known ---> counts, but is not read
//! ```
//!
//! In: an undecided connection. Out: what it was judged to be. One counts only with a sign of HTTP/2: ALPN, a
//! server or port known for it, or the bytes under the protection.

use super::candidate::{Candidate, recognise};
use super::negotiation::Negotiation;
use super::{ConnectionDecoder, DetectContext, Judged, State, Unrelated};
use super::{ConnectionSink, Http2Events, direction};
use crate::decode::anomaly::Layer;
use crate::decode::carrier::Carrier;
use crate::decode::detect::{self, Detection, Http2, Prefix};
use crate::decode::direction::{Direction, PerSide};
use crate::decode::event::{Event, Guess, Transport, UnexpectedProtocol};
use crate::decode::tcp::{Ended, Ending, Flow, PerEnd, Side};
use crate::decode::tls::{
    self, ClientHello, Facts, Hellos, KeyLog, Reached, ServerFlight, TlsOutput, Undecryptable,
    Version,
};

impl<C> ConnectionDecoder<C> {
    /// TLS: waits for the server's hello and for secrets, for as long as bytes are kept.
    pub(super) fn tls(
        &mut self,
        client: Side,
        hello: &ClientHello,
        flow: &Flow,
        context: &DetectContext<'_>,
        stop: bool,
    ) -> Judged {
        let State::Undecided(undecided) = &mut self.state else {
            return Judged::Wait;
        };
        let server = client.peer();
        let wants_http2 = hello.offers_h2 || context.is_forced(flow, server);
        let counts = wants_http2 || context.is_known(flow, server);
        let of_client = undecided.beginning(client, flow);
        let answer = undecided.beginning(server, flow);
        let flight = ServerFlight::read(answer.bytes);
        let hellos = flight.hello.as_ref().map(|server| Hellos {
            client: hello,
            server,
        });
        let mut facts = hellos.map_or_else(
            || Facts {
                server_name: hello.server_name.clone(),
                offers_h2: hello.offers_h2,
                offers_others: hello.offers_others,
                client_random: Some(Box::new(hello.random)),
                ..Facts::default()
            },
            Hellos::facts,
        );
        if stop && undecided.is_whole(client, flow) {
            let version = facts.version.unwrap_or(Version::TLS_1_3);
            facts.reached = Reached::read(hello, version, of_client.bytes);
        }
        let gave_up = if flight.is_foreign && answer.complete {
            Some((server, detect::instead_of_tls(answer.bytes)))
        } else {
            alert(&flight, server, of_client)
        };
        if let Some((by, instead)) = gave_up {
            if !counts {
                return Judged::Unrelated(Unrelated::Tls);
            }
            let carrier = undecided.last_carrier(by);
            let failure = (direction(by, client), instead, carrier);
            return self.unread(client, facts, Some(failure), None, flow);
        }
        let Some(hellos) = hellos else {
            return match (stop, counts) {
                (false, _) => Judged::Wait,
                (true, true) => self.unread(client, facts, None, None, flow),
                (true, false) => Judged::Unrelated(Unrelated::Tls),
            };
        };
        let chosen = facts.version != Some(Version::TLS_1_3);
        if let Some(instead) = unagreed(&facts, chosen) {
            // Without an answer by ALPN some speak HTTP/2 all the same; what is sent shows it.
            let certain = instead == UnexpectedProtocol::OtherAlpn || hello.offers_others;
            if !wants_http2 {
                return Judged::Unrelated(Unrelated::Tls);
            }
            if certain || (stop && facts.reached == Reached::Unused) {
                let carrier = undecided.first_carrier(server);
                let failure = (Direction::ServerToClient, instead, carrier);
                return self.unread(client, facts, Some(failure), None, flow);
            }
        }
        let reason = match tls::Session::new(hellos, context.keys) {
            Ok(session) => {
                let negotiation = Negotiation::new(client, counts, wants_http2, session);
                self.negotiate(negotiation, context.keys);
                return Judged::Wait;
            }
            Err(Undecryptable::NoSecrets | Undecryptable::SecretsIncomplete) if counts && !stop => {
                return Judged::Wait;
            }
            Err(reason) => reason,
        };
        if !counts {
            return Judged::Unrelated(Unrelated::Tls);
        }
        let carrier = undecided.last_carrier(client);
        if facts.reached == Reached::GivenUp {
            let alert = tls::protected_alert(hellos, context.keys, of_client.bytes);
            let instead = alert.map_or(
                UnexpectedProtocol::ProtectedAlert,
                UnexpectedProtocol::Alert,
            );
            let failure = (Direction::ClientToServer, instead, carrier);
            return self.unread(client, facts, Some(failure), None, flow);
        }
        // Who has not finished a handshake has logged no secrets, and has nothing to hide.
        let expected = context.keys.is_empty() || facts.reached == Reached::Unfinished;
        let reason = match reason {
            Undecryptable::NoSecrets | Undecryptable::SecretsIncomplete if expected => None,
            reason => Some((reason.reason(), carrier)),
        };
        self.unread(client, facts, None, reason, flow)
    }

    /// Goes on with what the records protect.
    fn negotiate(&mut self, mut negotiation: Negotiation, keys: &KeyLog) {
        self.take_undecided()
            .replay(PerEnd::default(), |signal| negotiation.take(signal, keys));
        self.state = State::Negotiating(Box::new(negotiation));
    }

    /// Judges a connection by what was decrypted of it.
    pub(super) fn judge_decrypted(
        &mut self,
        flow: &Flow,
        context: &DetectContext<'_>,
        last: bool,
    ) -> Judged {
        let State::Negotiating(negotiation) = &mut self.state else {
            return Judged::Wait;
        };
        let undecided = &mut negotiation.undecided;
        if !undecided.fresh && !last {
            return Judged::Wait;
        }
        undecided.fresh = false;
        let stop = last || undecided.is_full();
        let silent = undecided.is_silent();
        let verdict = detect::detect([
            undecided.beginning(Side::First, flow),
            undecided.beginning(Side::Second, flow),
        ]);
        let stop = stop || negotiation.session.has_stopped();
        let chose_h2 = negotiation.session.alpn() == Some(b"h2");
        // Of one that was not seen from its beginning nobody knows what was chosen: its frames tell.
        let joined = negotiation.session.is_joined();
        let expected = chose_h2 || (joined && negotiation.counts);
        let reading = match verdict {
            Detection::Http2(http2) if http2.preface || chose_h2 || joined => Some(http2),
            _ if expected && stop && negotiation.failure.is_none() => {
                // A server may have begun, with a client that never did.
                let server = negotiation.client.peer();
                let of_server = negotiation.undecided.beginning(server, flow);
                Some(Http2::without_preface(negotiation.client, of_server))
            }
            Detection::Undecided | Detection::Http2(_)
                if !stop && negotiation.failure.is_none() =>
            {
                return Judged::Wait;
            }
            _ => None,
        };
        let State::Negotiating(negotiation) = std::mem::take(&mut self.state) else {
            return Judged::Wait;
        };
        match reading {
            Some(http2) => speak_decrypted(http2, *negotiation, flow, context),
            None => self.without_http2(*negotiation, silent, flow),
        }
    }

    /// Takes a connection that was decrypted, or could not be, for none in HTTP/2.
    fn without_http2(&self, negotiation: Negotiation, silent: bool, flow: &Flow) -> Judged {
        let Negotiation {
            client,
            counts,
            wants_http2,
            session,
            undecided,
            answered,
            failure,
            oddities,
        } = negotiation;
        let facts = session.facts();
        let alert =
            failure.map(|(by, alert, carrier)| (by, UnexpectedProtocol::Alert(alert), carrier));
        let unagreed = unagreed(&facts, session.has_chosen()).filter(|_| wants_http2);
        let unagreed = unagreed.map(|instead| (Direction::ServerToClient, instead, answered));
        let failure = alert.filter(|_| silent).or(unagreed);
        let hidden = silent && (counts || facts.alpn.is_some());
        if failure.is_none() && !hidden {
            return Judged::Unrelated(Unrelated::Tls);
        }
        let mut candidate =
            Candidate::unread(recognise(flow, client, Transport::Tls), client, undecided);
        candidate.oddities = oddities;
        if failure.is_none() && !session.has_opened() && facts.reached != Reached::Unfinished {
            let text =
                "no application data opens with its secrets in the key log: it stays encrypted";
            let carrier = candidate.undecided.last_carrier(client);
            candidate.oddities.push((text.to_owned(), carrier));
        }
        candidate.recognition.tls = Some(facts);
        candidate.failure = failure;
        Judged::Counts(Box::new(candidate))
    }

    /// A connection that counts, though its bytes are not read.
    fn unread(
        &mut self,
        client: Side,
        facts: Facts,
        failure: Option<(Direction, UnexpectedProtocol, Carrier)>,
        oddity: Option<(String, Carrier)>,
        flow: &Flow,
    ) -> Judged {
        let recognition = recognise(flow, client, Transport::Tls);
        let mut candidate = Candidate::unread(recognition, client, self.take_undecided());
        candidate.recognition.tls = Some(facts);
        candidate.failure = failure;
        candidate.oddities.extend(oddity);
        Judged::Counts(Box::new(candidate))
    }

    /// TLS whose handshake was not captured: no client random says which secrets are its own, so that they are tried.
    pub(super) fn under_way(
        &mut self,
        flow: &Flow,
        context: &DetectContext<'_>,
        trials: &mut tls::Trials,
    ) -> Judged {
        let opener = flow.opened_by();
        let sides = [Side::First, Side::Second];
        let speaks_http2 = |side: &Side| {
            let known = context.is_known(flow, *side) || context.is_forced(flow, *side);
            opener != Some(*side) && known
        };
        let server = sides.into_iter().find(speaks_http2);
        let State::Undecided(undecided) = &self.state else {
            return Judged::Wait;
        };
        let client = server.map_or_else(|| super::by_ports(flow), Side::peer);
        let joined = match trials.is_spent() || context.keys.is_empty() {
            true => None,
            false => [client, client.peer()].into_iter().find_map(|client| {
                let [of_client, of_server] =
                    [client, client.peer()].map(|side| protected(undecided.beginning(side, flow)));
                let sides = PerSide {
                    client: of_client,
                    server: of_server,
                };
                Some((client, tls::Session::join(sides, context.keys, trials)?))
            }),
        };
        let last = undecided.last_carrier(client);
        if let Some((client, (session, text))) = joined {
            let mut negotiation = Negotiation::new(client, server.is_some(), false, session);
            negotiation.oddities.push((text, last));
            self.negotiate(negotiation, context.keys);
            return Judged::Wait;
        }
        if server.is_none() {
            return Judged::Unrelated(Unrelated::TlsUnderWay);
        }
        let text = match context.keys.connections() {
            0 => "its TLS handshake was not captured: it stays encrypted".to_owned(),
            _ => format!(
                "its TLS handshake was not captured, and {}: it stays encrypted",
                trials.in_vain(context.keys)
            ),
        };
        self.unread(client, Facts::default(), None, Some((text, last)), flow)
    }
}

/// What a side sent, from the segment on that begins with whole records.
fn protected(side: Prefix<'_>) -> &[u8] {
    let from = |offset: &usize| side.bytes.get(*offset..);
    let mut parts = side.segments.iter().filter_map(from);
    let found = parts.find(|bytes| tls::is_protected(bytes));
    found.unwrap_or_default()
}

/// Who gave the handshake up in the clear, with what.
fn alert(
    flight: &ServerFlight,
    server: Side,
    of_client: Prefix<'_>,
) -> Option<(Side, UnexpectedProtocol)> {
    let of_server = flight.alert.map(|alert| (server, alert));
    let of_client = || tls::cleartext_alert(of_client.bytes).map(|alert| (server.peer(), alert));
    let (by, alert) = of_server.or_else(of_client)?;
    (!alert.is_closure()).then_some((by, UnexpectedProtocol::Alert(alert)))
}

/// What the server chose in the place of HTTP/2, where it was seen to choose: TLS 1.3 has that under protection.
fn unagreed(facts: &Facts, chosen: bool) -> Option<UnexpectedProtocol> {
    match facts.alpn.as_deref() {
        Some(b"h2") => None,
        Some(_) => Some(UnexpectedProtocol::OtherAlpn),
        None => chosen.then_some(UnexpectedProtocol::NoAlpn),
    }
}

/// HTTP/2 that was decrypted.
fn speak_decrypted(
    http2: Http2,
    negotiation: Negotiation,
    flow: &Flow,
    context: &DetectContext<'_>,
) -> Judged {
    let Negotiation {
        client,
        session,
        undecided,
        failure,
        oddities,
        ..
    } = negotiation;
    let mut recognition = recognise(flow, client, Transport::H2);
    recognition.tls = Some(session.facts());
    recognition.preface_seen = http2.preface;
    recognition.beginning_seen = http2.preface || undecided.is_whole(client, flow);
    recognition.guess = (!http2.preface).then_some(Guess::Frames);
    let mut candidate = Candidate::unread(recognition, client, undecided);
    candidate.reading = Some(http2);
    candidate.keep = context.keep;
    candidate.tls = Some(Box::new(session));
    candidate.failure =
        failure.map(|(by, alert, carrier)| (by, UnexpectedProtocol::Alert(alert), carrier));
    candidate.oddities = oddities;
    Judged::Counts(Box::new(candidate))
}

/// Turns what was decrypted into events.
pub(super) fn emit(
    output: TlsOutput<'_>,
    by: Direction,
    events: &mut Http2Events,
    sink: &mut impl ConnectionSink,
) {
    match output {
        TlsOutput::Text(chunk) => events.push(by, chunk, sink),
        TlsOutput::Failed { alert, carrier } => sink.event(&Event::Failed {
            by,
            instead: UnexpectedProtocol::Alert(alert),
            carrier,
        }),
        TlsOutput::Closed { position, carrier } => sink.event(&Event::Ended(Ended {
            by,
            ending: Ending::CloseNotify,
            position,
            carrier,
            answers: None,
        })),
        TlsOutput::Odd { text, carrier } => sink.anomaly(Layer::Tls, text, carrier),
    }
}
