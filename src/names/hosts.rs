//! Hosts files, as hosts(5) has them: an address, its name, and other names.

use std::net::IpAddr;

/// The addresses of a line, with the name of each: the first one, as resolvers take it. `None` for what is no entry.
///
/// ```text
/// 10.0.1.7   orders-1.shop   orders   # the rest is a comment
/// ```
pub(super) fn entry(line: &str) -> Option<(IpAddr, &str)> {
    let mut words = line.split('#').next()?.split_whitespace();
    let address: IpAddr = words.next()?.parse().ok()?;
    let name = words.next()?;
    (!address.is_unspecified()).then_some((address, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_an_address_is_its_name() {
        let named = |line| entry(line).map(|(address, name)| format!("{address} {name}"));
        assert_eq!(
            named("10.0.1.7\torders-1.shop orders # rack 4").as_deref(),
            Some("10.0.1.7 orders-1.shop")
        );
        assert_eq!(named(" fe80::1 router").as_deref(), Some("fe80::1 router"));
        for nothing in [
            "",
            "# 10.0.0.1 a",
            "10.0.0.1",
            "10.0.0.1 # a",
            "0.0.0.0 ads.example",
            "orders 10.0.0.1",
        ] {
            assert_eq!(named(nothing), None, "{nothing}");
        }
    }
}
