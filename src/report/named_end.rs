//! An address with its name before it, as every format prints it.

use std::fmt::Display;

use crate::names::Name;

/// `shop/orders-7d9f8-x2x 10.0.0.2:50051`; the address alone where nobody is known by it.
pub(super) fn named_end(name: Option<&Name>, address: impl Display) -> String {
    match name {
        Some(name) => format!("{} {address}", name.label()),
        None => address.to_string(),
    }
}
