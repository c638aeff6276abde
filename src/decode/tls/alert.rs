//! Alerts (RFC 8446, section 6): why a side gave up, or that it is done.

use std::fmt;

/// An alert's description, unknown ones kept. Displays as its RFC name or `alert N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alert(pub u8);

/// Names each alert twice: as the RFC does, and in a sentence.
macro_rules! alerts {
    ($($number:literal $name:literal),+ $(,)?) => {
        impl Alert {
            /// The RFC's name, if it has one there.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)+
                    _ => None,
                }
            }

            /// What to call it in a sentence.
            #[must_use]
            pub const fn in_words(self) -> &'static str {
                match self.0 {
                    $($number => concat!("the TLS alert ", $name),)+
                    _ => "an unknown TLS alert",
                }
            }
        }
    };
}

alerts! {
    0 "close_notify",
    10 "unexpected_message",
    20 "bad_record_mac",
    21 "decryption_failed",
    22 "record_overflow",
    30 "decompression_failure",
    40 "handshake_failure",
    41 "no_certificate",
    42 "bad_certificate",
    43 "unsupported_certificate",
    44 "certificate_revoked",
    45 "certificate_expired",
    46 "certificate_unknown",
    47 "illegal_parameter",
    48 "unknown_ca",
    49 "access_denied",
    50 "decode_error",
    51 "decrypt_error",
    60 "export_restriction",
    70 "protocol_version",
    71 "insufficient_security",
    80 "internal_error",
    86 "inappropriate_fallback",
    90 "user_canceled",
    100 "no_renegotiation",
    109 "missing_extension",
    110 "unsupported_extension",
    111 "certificate_unobtainable",
    112 "unrecognized_name",
    113 "bad_certificate_status_response",
    114 "bad_certificate_hash_value",
    115 "unknown_psk_identity",
    116 "certificate_required",
    120 "no_application_protocol",
}

impl Alert {
    /// Its record's payload: level and description.
    pub(super) const LENGTH: usize = 2;

    /// Its sender sends no more (RFC 8446, section 6.1).
    pub const CLOSE_NOTIFY: Self = Self(0);

    /// None of the client's application protocols is one of the server's (RFC 7301, section 3.2).
    pub const NO_APPLICATION_PROTOCOL: Self = Self(120);

    /// Reads an alert's payload; `None` for a warning that the handshake outlives.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        const UNRECOGNIZED_NAME: u8 = 112;
        const WARNING: u8 = 1;
        let [level, description] = *payload.first_chunk::<{ Self::LENGTH }>()?;
        // Servers sent this for a name they do not know, and went on (RFC 6066, section 3).
        let outlived = level == WARNING && description == UNRECOGNIZED_NAME;
        (!outlived).then_some(Self(description))
    }

    /// Whether it ends a connection in good order (RFC 8446, section 6.1).
    #[must_use]
    pub const fn is_closure(self) -> bool {
        matches!(self.0, 0 | 90)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "alert {}", self.0),
        }
    }
}
