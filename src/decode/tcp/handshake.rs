//! How long a handshake took, and how that tells where the capture was made.

/// The three-way handshake of a connection (RFC 9293, section 3.5), as it passed the capture.
///
/// ```text
///    client           capture                     server
///       | ---- SYN ------> | ----------------------> |    \
///       | <--------------- | <------- SYN-ACK ------ |     } beyond  \
///       | ---- ACK ------> |                                          } nanos
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Nanoseconds from the SYN to the acknowledgement of the SYN-ACK: one round trip, wherever the
    /// capture was made.
    pub nanos: i64,
    /// Nanoseconds from the SYN to the SYN-ACK: the part of it between the capture and the server;
    /// `None` where the SYN-ACK was not captured.
    pub beyond_nanos: Option<i64>,
}

impl Handshake {
    /// How long a segment of the server had been under way when it was captured: half of what lies
    /// beyond. A guess, as good as the path is symmetric.
    #[must_use]
    pub fn server_share_nanos(self) -> Option<i64> {
        let beyond = self.beyond_nanos?;
        (0..=self.nanos).contains(&beyond).then_some(beyond / 2)
    }

    /// How long it then took to the client.
    #[must_use]
    pub fn client_share_nanos(self) -> Option<i64> {
        let beyond = self.beyond_nanos?;
        (0..=self.nanos)
            .contains(&beyond)
            .then_some((self.nanos - beyond) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_round_trip_say_where_the_capture_was_made() {
        let at_client = Handshake {
            nanos: 50,
            beyond_nanos: Some(50),
        };
        assert_eq!(
            (
                at_client.server_share_nanos(),
                at_client.client_share_nanos()
            ),
            (Some(25), Some(0))
        );
        let at_server = Handshake {
            nanos: 50,
            beyond_nanos: Some(0),
        };
        assert_eq!(
            (
                at_server.server_share_nanos(),
                at_server.client_share_nanos()
            ),
            (Some(0), Some(25))
        );
    }

    #[test]
    fn a_handshake_out_of_order_says_nothing() {
        let odd = Handshake {
            nanos: 50,
            beyond_nanos: Some(70),
        };
        assert_eq!(
            (odd.server_share_nanos(), odd.client_share_nanos()),
            (None, None)
        );
        let without = Handshake {
            nanos: 50,
            beyond_nanos: None,
        };
        assert_eq!(without.server_share_nanos(), None);
    }
}
