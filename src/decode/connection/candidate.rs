//! A connection that is about to count: from its recognition to the listener's value and first events.

use super::output::{Counted, Output};
use super::undecided::Undecided;
use super::{ConnectionDecoder, ConnectionSink, Decision, Http2Events, Keep, State, emit};
use crate::decode::anomaly::Layer;
use crate::decode::carrier::Carrier;
use crate::decode::detect::Http2;
use crate::decode::direction::{Direction, PerSide};
use crate::decode::event::{
    Event, Place, Recognition, RecognitionOrder, Transport, UnexpectedProtocol,
};
use crate::decode::listener::Listener;
use crate::decode::tcp::{Flow, PerEnd, Side};
use crate::decode::tls;

/// A connection that is about to count, with what it takes to emit its events from the beginning.
pub(super) struct Candidate {
    pub(super) recognition: Recognition,
    pub(super) reading: Option<Http2>,
    pub(super) client: Side,
    pub(super) keep: Keep,
    pub(super) undecided: Undecided,
    /// What decrypts it.
    pub(super) tls: Option<Box<tls::Session>>,
    /// How it turned out not to speak HTTP/2.
    pub(super) failure: Option<(Direction, UnexpectedProtocol, Carrier)>,
    /// What was odd so far.
    pub(super) oddities: Vec<(String, Carrier)>,
}

impl Candidate {
    /// One whose bytes are not read.
    pub(super) fn unread(recognition: Recognition, client: Side, undecided: Undecided) -> Self {
        Self {
            recognition,
            reading: None,
            client,
            keep: Keep::default(),
            undecided,
            tls: None,
            failure: None,
            oddities: Vec::new(),
        }
    }
}

impl<C> ConnectionDecoder<C> {
    /// Has the listener make its value, and emits what happened so far.
    pub(super) fn begin<L: Listener<Connection = C>>(
        &mut self,
        candidate: Candidate,
        place: Option<Place>,
        out: &mut Output<'_, L>,
    ) -> Decision {
        let Candidate {
            mut recognition,
            reading,
            client,
            keep,
            undecided,
            tls,
            failure,
            oddities,
        } = candidate;
        let number = out.numbers.take();
        recognition.number = number;
        recognition.order = out.order;
        recognition.place = place;
        let beginning_seen = recognition.beginning_seen;
        // One that takes TLS with ALPN h2 does so inside.
        let transport = recognition.transport;
        let speaks_http2 = transport.is_http2() || transport == Transport::Tls;
        let speaks_http2 = speaks_http2.then_some(recognition.server);
        let mut counted = Counted {
            listening: out.listener.recognised(recognition),
            number,
            client,
        };
        let mut emitter = counted.emitter(out);
        for (text, carrier) in oddities {
            emitter.anomaly(Layer::Tls, text, carrier);
        }
        if let Some((by, instead, carrier)) = failure {
            emitter.event(&Event::Failed {
                by,
                instead,
                carrier,
            });
        }
        let Some(http2) = reading else {
            undecided.replay(PerEnd::default(), |signal| {
                emit(signal, client, None, &mut emitter);
            });
            self.state = State::Unread(counted);
            return Decision::Recognised { speaks_http2 };
        };
        if let Some(request) = &http2.upgraded {
            let carrier = undecided.first_carrier(client);
            emitter.event(&Event::Upgraded { request, carrier });
        }
        let begun = match beginning_seen || http2.upgraded.is_some() {
            true => PerSide {
                client: http2.frames_at[client].is_some(),
                server: http2.frames_at[client.peer()].is_some(),
            },
            false => PerSide::default(),
        };
        let mut events = Box::new(Http2Events::new(begun, keep));
        undecided.replay(http2.frames_at, |signal| {
            emit(signal, client, Some(&mut events), &mut emitter);
        });
        self.state = State::Http2 {
            counted,
            events,
            tls,
        };
        Decision::Recognised { speaks_http2 }
    }
}

/// What is known of a connection as it is recognised; the decoder adds its number and place.
pub(super) fn recognise(flow: &Flow, client: Side, transport: Transport) -> Recognition {
    Recognition {
        number: 0,
        place: None,
        order: RecognitionOrder::default(),
        tcp_stream: flow.index(),
        client: flow.address(client),
        server: flow.address(client.peer()),
        transport,
        preface_seen: false,
        beginning_seen: false,
        opened: flow.opened(),
        handshake: flow.handshake(),
        recognised: flow.last_seen(),
        guess: None,
        tls: None,
    }
}
