//! The PROXY protocol header that a load balancer may put before a client's bytes.

const V1: &[u8] = b"PROXY ";
const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest version 1 header, its line end included (PROXY protocol, section 2.1).
const V1_MAX: usize = 107;

/// How many bytes of `bytes` are such a header: 0 without one, `None` while it cannot be told.
///
/// ```text
/// v1  PROXY TCP4 192.0.2.1 192.0.2.2 51854 50051\r\n
/// v2  signature (12)  version, command (1)  family (1)  length (2)  addresses (length)
/// ```
pub(super) fn header_length(bytes: &[u8]) -> Option<usize> {
    if bytes.is_empty() {
        return Some(0);
    }
    if bytes.starts_with(V1) {
        let line = bytes.get(..V1_MAX).unwrap_or(bytes);
        let end = line.windows(2).position(|pair| pair == b"\r\n");
        return match end {
            Some(end) => Some(end + 2),
            None if line.len() < V1_MAX => None,
            None => Some(0),
        };
    }
    if let Some((_, rest)) = bytes
        .split_first_chunk::<12>()
        .filter(|(head, _)| *head == V2)
    {
        let [_, _, high, low] = *rest.first_chunk()?;
        let length = 16 + usize::from(u16::from_be_bytes([high, low]));
        return (bytes.len() >= length).then_some(length);
    }
    let undecided = V1.starts_with(bytes) && bytes.len() < V1.len() && bytes != b"P";
    let undecided = undecided || (V2.starts_with(bytes) && bytes.len() > 4);
    (!undecided).then_some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_measured_and_anything_else_is_none() {
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 51854 50051\r\nPRI";
        assert_eq!(header_length(v1), Some(v1.len() - 3));
        let mut v2 = V2.to_vec();
        v2.extend([0x21, 0x11, 0, 12]);
        v2.extend([0; 12]);
        v2.extend(b"PRI");
        assert_eq!(header_length(&v2), Some(28));
        assert_eq!(header_length(b"PRI * HTTP/2.0\r\n"), Some(0));
        assert_eq!(header_length(b""), Some(0));
    }

    #[test]
    fn an_unfinished_header_is_waited_for_but_not_for_ever() {
        assert_eq!(header_length(b"PROXY TCP4 192"), None);
        assert_eq!(header_length(&V2[..8]), None);
        let mut endless = b"PROXY ".to_vec();
        endless.extend([b'x'; 200]);
        assert_eq!(header_length(&endless), Some(0));
    }
}
