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

impl KernelCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            dropped: self.dropped + other.dropped,
            interface_dropped: self.interface_dropped + other.interface_dropped,
        }
    }
}

/// An interface that is open for capturing.
pub struct LiveCapture {
    options: LiveOptions,
    handle: pcap::Capture<Active>,
    link_type: LinkType,
    waker: Waker,
    /// What handles counted that were closed since.
    before: KernelCounts,
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
            before: KernelCounts::default(),
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
        let Ok(counts) = self.handle.stats() else {
            return self.before;
        };
        self.before.plus(KernelCounts {
            received: counts.received.into(),
            dropped: counts.dropped.into(),
            interface_dropped: counts.if_dropped.into(),
        })
    }

    /// Listens until it is stopped. An interface that goes away is waited for.
    pub fn listen(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) {
        while !self.waker.is_stopped() {
            match self.handle.next_packet() {
                Ok(packet) => sink(LiveEvent::Packet {
                    time: time(packet.header),
                    original_length: packet.header.len,
                    data: packet.data,
                }),
                Err(pcap::Error::NoMorePackets | pcap::Error::TimeoutExpired) => {
                    sink(LiveEvent::Pause(self.counts()));
                }
                Err(error) => {
                    sink(LiveEvent::Gone(words(&error)));
                    self.reopen(sink);
                }
            }
        }
        sink(LiveEvent::Pause(self.counts()));
    }

    /// Opens the interface anew as soon as that can be done. Without the right to open it any more,
    /// the handle there is goes on if the interface was only down.
    fn reopen(&mut self, sink: &mut impl FnMut(LiveEvent<'_>)) {
        while !self.waker.is_stopped() {
            thread::sleep(LOOK_FOR);
            match open(&self.options) {
                Ok(handle) => {
                    self.before = self.counts();
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
