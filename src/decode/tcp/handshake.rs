//! How long a handshake took, and how that tells where the capture was made.

use crate::capture::TimeDelta;

/// The three-way handshake of a connection (RFC 9293, section 3.5), as it passed the capture.
///
/// ```text
///    client           capture                     server
///       | ---- SYN ------> | ----------------------> |    \
///       | <--------------- | <------- SYN-ACK ------ |     } beyond  \
///       | ---- ACK ------> |                                          } round_trip
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// From the SYN, the last one where it was repeated, to the acknowledgement of the SYN-ACK, wherever the
    /// capture was made.
    pub round_trip: TimeDelta,
    /// From the SYN to the SYN-ACK: the part of it between the capture and the server;
    /// `None` where the SYN-ACK was not captured.
    pub beyond: Option<TimeDelta>,
}

impl Handshake {
    /// How long a segment of the server had been under way when it was captured: half of what lies
    /// beyond. A guess, as good as the path is symmetric.
    #[must_use]
    pub fn server_share(self) -> Option<TimeDelta> {
        let beyond = self.beyond?;
        (TimeDelta::ZERO..=self.round_trip)
            .contains(&beyond)
            .then_some(beyond / 2)
    }

    /// How long it then took to the client.
    #[must_use]
    pub fn client_share(self) -> Option<TimeDelta> {
        let beyond = self.beyond?;
        (TimeDelta::ZERO..=self.round_trip)
            .contains(&beyond)
            .then_some((self.round_trip - beyond) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(nanoseconds: i64) -> TimeDelta {
        TimeDelta::from_nanos(nanoseconds)
    }

    #[test]
    fn the_shares_of_a_round_trip_say_where_the_capture_was_made() {
        let at_client = Handshake {
            round_trip: nanos(50),
            beyond: Some(nanos(50)),
        };
        assert_eq!(
            (at_client.server_share(), at_client.client_share()),
            (Some(nanos(25)), Some(nanos(0)))
        );
        let at_server = Handshake {
            round_trip: nanos(50),
            beyond: Some(nanos(0)),
        };
        assert_eq!(
            (at_server.server_share(), at_server.client_share()),
            (Some(nanos(0)), Some(nanos(25)))
        );
    }

    #[test]
    fn a_handshake_out_of_order_says_nothing() {
        let odd = Handshake {
            round_trip: nanos(50),
            beyond: Some(nanos(70)),
        };
        assert_eq!((odd.server_share(), odd.client_share()), (None, None));
        let without = Handshake {
            round_trip: nanos(50),
            beyond: None,
        };
        assert_eq!(without.server_share(), None);
    }
}
