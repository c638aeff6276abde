//! Captures decoded, and no more.
//!
//! In: captures. Out: the events of their connections, to a listener.

use super::SHOWN_EVERY;
use super::embedded::Embedded;
use crate::capture::{Capture, CaptureError, Stamp};
use crate::decode::{self, Decoder, Listener};

/// Reads captures to their end for a `listener`, which is shown to `each` before every packet, with the
/// packet's stamp, and once more at the end.
///
/// # Errors
///
/// Those of [`Capture::next_packet`], and whatever `each` returns.
pub fn decode<L: Listener, E: From<CaptureError>>(
    capture: &mut Capture,
    options: decode::Options,
    listener: &mut L,
    each: impl FnMut(&mut L, Option<Stamp>) -> Result<(), E>,
) -> Result<Decoder<L::Connection>, E> {
    decode_watched(capture, options, listener, each, |_, _| {})
}

/// The same; `watch` is shown now and then how far it has come: the capture, and how many packets of it.
///
/// # Errors
///
/// Those of [`decode`].
pub fn decode_watched<L: Listener, E: From<CaptureError>>(
    capture: &mut Capture,
    options: decode::Options,
    listener: &mut L,
    mut each: impl FnMut(&mut L, Option<Stamp>) -> Result<(), E>,
    mut watch: impl FnMut(&Capture, u64),
) -> Result<Decoder<L::Connection>, E> {
    let mut decoder = Decoder::new(options);
    let mut secrets = Embedded::default();
    for packets in 1_u64.. {
        secrets.take(capture, |key_log| decoder.read_keys(key_log));
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        each(listener, Some(packet.stamp))?;
        decoder.push(&packet, listener);
        if packets.is_multiple_of(SHOWN_EVERY) {
            watch(capture, packets);
        }
    }
    decoder.finish(listener);
    each(listener, None)?;
    Ok(decoder)
}
