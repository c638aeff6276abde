//! Wireshark's numbers for connections that were counted in parts.
//!
//! In: where the connections of each part began. Out: which place each has among all.

/// Where the TCP connections of all parts stand among those of the capture.
#[derive(Debug)]
pub struct TcpStreams {
    /// How many packets came before each connection, by part.
    of_part: Vec<Vec<u64>>,
    /// The same of all connections, in order.
    all: Vec<u64>,
}

impl TcpStreams {
    pub(super) fn of(of_part: Vec<Vec<u64>>) -> Self {
        let mut all = of_part.concat();
        all.sort_unstable();
        Self { of_part, all }
    }

    /// Wireshark's `tcp.stream` of a connection, by the two numbers that it was recognised with.
    #[must_use]
    pub fn place(&self, number: u32, tcp_stream: u32) -> u32 {
        let part = usize::try_from(number).ok().and_then(|number| {
            let part = number.checked_rem(self.of_part.len())?;
            self.of_part.get(part)
        });
        let place = part
            .zip(usize::try_from(tcp_stream).ok())
            .and_then(|(part, index)| {
                let begin = part.get(index)?;
                u32::try_from(self.all.partition_point(|other| other < begin)).ok()
            });
        place.unwrap_or(tcp_stream)
    }
}
