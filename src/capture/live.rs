//! Packets from an interface, as they pass.
//!
//! In: an interface's name, and a filter. Out: [`LiveEvent`]s, until a [`Waker`] stops it.
//!
//! libpcap's read blocks until a packet comes, on an idle interface for ever. What wakes it is the
//! [`Waker`], from another thread; the read then returns empty-handed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use pcap::{Active, BreakLoop, Linktype, PacketHeader, Precision};

use super::{CaptureError, Interface, LinkType, Resolution, Timestamp};

/// How long the kernel may hold packets back to hand them over together: short enough to be seen at
/// once, long enough that a busy interface wakes us a hundred times a second and no more.
const HAND_OVER: Duration = Duration::from_millis(10);

/// How often an interface that went away is looked for.
const LOOK_FOR: Duration = Duration::from_millis(200);

/// Linux's own number for raw IP, which is not the registry's.
const DLT_RAW: u32 = 12;

/// What to capture.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// The interface; `any` stands for all of them.
    pub interface: String,
    /// Which packets, in the syntax of pcap-filter(7).
    pub filter: Option<String>,
    /// Whether to see packets that are not for this host.
    pub promiscuous: bool,
    /// Bytes of a packet to capture at most. On a loopback interface, and where the network card
    /// splits and joins segments, one has up to 64 KiB.
    pub snap_length: u32,
    /// Bytes that the kernel keeps for us.
    pub ring: usize,
}

/// What happened on an interface.
#[derive(Debug)]
pub enum LiveEvent<'a> {
    /// A packet was captured.
    Packet {
        /// When the kernel saw it.
        time: Timestamp,
        /// Its length on the wire.
        original_length: u32,
        /// The captured bytes.
        data: &'a [u8],
    },
    /// No packet for a while, or a wake-up: what the kernel counted so far.
    Pause(KernelCounts),
    /// The interface went down or away, with the operating system's words.
    Gone(String),
    /// The interface can be captured on again.
    Back,
}

/// What the kernel counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelCounts {
    /// Packets that passed the filter.
    pub received: u64,
    /// Packets dropped because its ring was full.
    pub dropped: u64,
    /// Packets dropped by the interface or its driver.
    pub interface_dropped: u64,
}

/// An interface that is open for capturing.
pub struct LiveCapture {
    options: LiveOptions,
    handle: pcap::Capture<Active>,
    link_type: LinkType,
    waker: Waker,
    /// What was counted so far, by this handle and by those that were closed since.
    counted: KernelCounts,
    /// The same as this handle had it last: numbers that begin anew after 2^32.
    last: pcap::Stat,
    /// How many packets handles gave, and how many were counted and never given by those that were closed since.
    given: u64,
}

/// Wakes a capture that waits for packets, and stops it.
#[derive(Clone)]
pub struct Waker {
    stopped: Arc<AtomicBool>,
    handle: Arc<Mutex<BreakLoop>>,
}

impl Waker {
    /// Lets the capture count its drops.
    pub fn wake(&self) {
        lock(&self.handle).breakloop();
    }

    /// Ends the capture.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl LiveCapture {
    /// Opens an interface.
    ///
    /// # Errors
    /// If there is no such interface, if it is down, if we lack the right, or if the filter is wrong.
    pub fn open(options: LiveOptions) -> Result<Self, CaptureError> {
        let mut handle = open(&options)?;
        let waker = Waker {
            stopped: Arc::default(),
            handle: Arc::new(Mutex::new(handle.breakloop_handle())),
        };
        Ok(Self {
            link_type: link_type(&handle),
            options,
            handle,
            waker,
            counted: KernelCounts::default(),
            last: NOTHING,
            given: 0,
        })
    }

    /// What wakes and stops it.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The interface as a capture file describes it.
    #[must_use]
    pub fn interface(&self) -> Interface {
        Interface {
            name: Some(self.options.interface.clone()),
            link_type: self.link_type,
            snap_length: self.options.snap_length,
            resolution: Resolution::PowerOfTen(9),
        }
    }

    /// What the kernel counted so far.
    pub fn counts(&mut self) -> KernelCounts {
        // A handle whose interface is gone gives no counts any more.
        if let Ok(now) = self.handle.stats() {
            let last = std::mem::replace(&mut self.last, now);
            self.counted.received += increase(last.received, now.received);
            self.counted.dropped += increase(last.dropped, now.dropped);
            self.counted.interface_dropped += increase(last.if_dropped, now.if_dropped);
        }
        self.counted
    }

    /// How many packets the kernel has given, or has ready.
    const fn ready(&self) -> u64 {
        self.counted.received.saturating_sub(self.counted.dropped)
    }

    /// Listens until it is stopped, and gives what the kernel had by then. An interface that goes away is waited for.
    pub fn listen(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) {
        while !self.waker.is_stopped() {
            match self.next(sink) {
                Ok(()) => {}
                Err(pcap::Error::NoMorePackets | pcap::Error::TimeoutExpired) => {
                    sink(LiveEvent::Pause(self.counts()));
                }
                Err(error) => {
                    sink(LiveEvent::Gone(words(&error)));
                    self.reopen(sink);
                }
            }
        }
        self.drain(sink);
        sink(LiveEvent::Pause(self.counts()));
    }

    fn next(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) -> Result<(), pcap::Error> {
        let packet = self.handle.next_packet()?;
        self.given += 1;
        sink(LiveEvent::Packet {
            time: time(packet.header),
            original_length: packet.header.len,
            data: packet.data,
        });
        Ok(())
    }

    /// Gives what the kernel has counted and not given yet. It counts some that it never gives, what a loopback
    /// interface sends among them: two wakes without a packet between them, and there is nothing left.
    fn drain(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) {
        self.counts();
        let mut given = None;
        while self.given < self.ready() {
            match self.next(sink) {
                Ok(()) => {}
                Err(pcap::Error::NoMorePackets | pcap::Error::TimeoutExpired)
                    if given.replace(self.given) != Some(self.given) => {}
                Err(_) => return,
            }
        }
    }

    /// Opens the interface anew as soon as that can be done. Without the right to open it any more,
    /// the handle there is goes on if the interface was only down.
    fn reopen(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) {
        while !self.waker.is_stopped() {
            thread::sleep(LOOK_FOR);
            match open(&self.options) {
                Ok(handle) => {
                    self.counts();
                    self.given = self.ready();
                    self.last = NOTHING;
                    self.handle = handle;
                    let fresh = self.handle.breakloop_handle();
                    let mut known = lock(&self.waker.handle);
                    *known = fresh;
                    drop(known);
                    sink(LiveEvent::Back);
                    return;
                }
                Err(CaptureError::NoRights { .. }) => return,
                Err(_) => {}
            }
        }
    }
}

/// What a handle counts at first.
const NOTHING: pcap::Stat = pcap::Stat {
    received: 0,
    dropped: 0,
    if_dropped: 0,
};

/// How much a number has grown that begins anew after 2^32. One that has become a little smaller has been set back.
const fn increase(last: u32, now: u32) -> u64 {
    match now.wrapping_sub(last) {
        grown @ 0..=0x7fff_ffff => grown as u64,
        _ => 0,
    }
}

fn lock(handle: &Mutex<BreakLoop>) -> MutexGuard<'_, BreakLoop> {
    handle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(options: &LiveOptions) -> Result<pcap::Capture<Active>, CaptureError> {
    let name = &options.interface;
    let failed = |error: &pcap::Error| refusal(name, error);
    let inactive = pcap::Capture::from_device(name.as_str()).map_err(|error| failed(&error))?;
    let mut handle = inactive
        .promisc(options.promiscuous)
        .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
        .buffer_size(i32::try_from(options.ring).unwrap_or(i32::MAX))
        .timeout(i32::try_from(HAND_OVER.as_millis()).unwrap_or(i32::MAX))
        .precision(Precision::Nano)
        .open()
        .map_err(|error| failed(&error))?;
    if let Some(filter) = &options.filter {
        handle
            .filter(filter, true)
            .map_err(|error| CaptureError::Filter {
                filter: filter.clone(),
                detail: words(&error),
            })?;
    }
    Ok(handle)
}

/// Why an interface could not be opened; libpcap says it in words alone.
fn refusal(name: &str, error: &pcap::Error) -> CaptureError {
    let interface = name.to_owned();
    let detail = words(error);
    if detail.contains("permission") || detail.contains("not permitted") {
        return CaptureError::NoRights { interface, detail };
    }
    if detail.contains("No such device") {
        let known = super::interfaces().unwrap_or_default();
        return CaptureError::NoSuchInterface {
            interface,
            known: known.into_iter().map(|known| known.name).collect(),
        };
    }
    CaptureError::Interface { interface, detail }
}

/// libpcap's words, without the crate's around them.
fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

fn link_type(handle: &pcap::Capture<Active>) -> LinkType {
    let Linktype(number) = handle.get_datalink();
    match number.cast_unsigned() {
        DLT_RAW => LinkType::RAW,
        number => LinkType(number),
    }
}

/// With [`Precision::Nano`] the microseconds are nanoseconds.
fn time(header: &PacketHeader) -> Timestamp {
    let seconds = header.ts.tv_sec.saturating_mul(1_000_000_000);
    Timestamp::from_nanos(seconds.saturating_add(header.ts.tv_usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_where_the_numbers_of_libpcap_begin_anew() {
        assert_eq!(increase(3, 10), 7);
        assert_eq!(increase(u32::MAX - 1, 5), 7);
        assert_eq!(increase(10, 3), 0);
    }
}
