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
use crate::decode::direction::Direction;
use crate::decode::event::{Event, Guess, Transport, UnexpectedProtocol};
use crate::decode::tcp::{Flow, PerEnd, Side};
use crate::decode::tls::{
    self, ClientHello, Facts, Hellos, ServerFlight, TlsOutput, Undecryptable,
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
        let counts =
            hello.offers_h2 || context.is_known(flow, server) || context.is_forced(flow, server);
        let answer = undecided.beginning(server, flow);
        let flight = ServerFlight::read(answer.bytes);
        let instead = if flight.is_foreign && answer.complete {
            Some((server, detect::instead_of_tls(answer.bytes)))
        } else {
            alert(&flight, server, undecided.beginning(client, flow))
        };
        let hellos = flight.hello.as_ref().map(|server| Hellos {
            client: hello,
            server,
        });
        let facts = hellos.map_or_else(
            || Facts {
                server_name: hello.server_name.clone(),
                ..Facts::default()
            },
            Hellos::facts,
        );
        if let Some((by, instead)) = instead {
            if !counts {
                return Judged::Unrelated(Unrelated::Tls);
            }
            let carrier = undecided.last_carrier(by);
            let failure = (direction(by, client), instead, carrier);
            return self.unread(client, facts, Some(failure), None, flow);
        }
        let refused = facts.alpn.as_deref().is_some_and(|alpn| alpn != b"h2");
        let reason = match hellos {
            Some(_) if refused => None,
            Some(hellos) => match tls::Session::new(hellos, context.keys) {
                Ok(session) => {
                    self.negotiate(client, counts, session);
                    return Judged::Wait;
                }
                Err(Undecryptable::NoSecrets) if counts && !stop => return Judged::Wait,
                Err(Undecryptable::NoSecrets) if context.keys.is_empty() => None,
                Err(reason) => Some((reason.reason(), undecided.last_carrier(client))),
            },
            None if !stop => return Judged::Wait,
            None => None,
        };
        if !counts || refused {
            return Judged::Unrelated(Unrelated::Tls);
        }
        self.unread(client, facts, None, reason, flow)
    }

    /// Goes on with what the records protect.
    fn negotiate(&mut self, client: Side, counts: bool, session: tls::Session) {
        let mut negotiation = Negotiation::new(client, counts, session);
        self.take_undecided()
            .replay(PerEnd::default(), |signal| negotiation.take(signal));
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
        let chose_h2 = negotiation.alpn() == Some(b"h2");
        let reading = match verdict {
            Detection::Http2(http2) if http2.preface || chose_h2 => Some(http2),
            _ if chose_h2 && stop && !silent && negotiation.failure.is_none() => {
                Some(Http2::unplaced(negotiation.client))
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
            session,
            undecided,
            failure,
            oddities,
        } = negotiation;
        let facts = session.facts().clone();
        let refused = facts.alpn.as_deref().is_some_and(|alpn| alpn != b"h2");
        if !silent || refused || !(counts || facts.alpn.is_some()) {
            return Judged::Unrelated(Unrelated::Tls);
        }
        let mut candidate =
            Candidate::unread(recognise(flow, client, Transport::Tls), client, undecided);
        candidate.recognition.tls = Some(facts);
        candidate.oddities = oddities;
        match failure {
            Some((by, alert, carrier)) => {
                candidate.failure = Some((by, UnexpectedProtocol::Alert(alert), carrier));
            }
            None if session.has_opened() => {}
            None => {
                let text =
                    "no application data opens with its secrets in the key log: it stays encrypted";
                let carrier = candidate.undecided.last_carrier(client);
                candidate.oddities.push((text.to_owned(), carrier));
            }
        }
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

    /// TLS whose handshake was not captured.
    pub(super) fn under_way(&mut self, flow: &Flow, context: &DetectContext<'_>) -> Judged {
        let opener = flow.opened_by();
        let mut sides = [Side::First, Side::Second].into_iter();
        let server = sides.find(|side| {
            let known = context.is_known(flow, *side) || context.is_forced(flow, *side);
            opener != Some(*side) && known
        });
        let (Some(server), State::Undecided(undecided)) = (server, &self.state) else {
            return Judged::Unrelated(Unrelated::TlsUnderWay);
        };
        let client = server.peer();
        let text = "its TLS handshake was not captured: without the client random no key log fits, and it \
                    stays encrypted";
        let oddity = (text.to_owned(), undecided.last_carrier(client));
        self.unread(client, Facts::default(), None, Some(oddity), flow)
    }
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
    recognition.tls = Some(session.facts().clone());
    recognition.preface_seen = http2.preface;
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
        TlsOutput::Odd { text, carrier } => sink.anomaly(Layer::Tls, text, carrier),
    }
}
