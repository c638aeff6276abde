//! From when until when a holder had an address.

use crate::capture::Timestamp;

/// From when until when something had an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// From when it can have had it; `None` for ever.
    pub(super) from: Option<Timestamp>,
    /// Whether it had it from that moment on, rather than from some later one: a pod exists before it has its address.
    pub(super) from_is_exact: bool,
    /// When it had it no more; `None` while it is not known to have ended.
    pub(super) until: Option<Timestamp>,
}

impl Lifetime {
    fn contains(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// Who of those that can have had an address had it at a moment: the one that came last. But where it is only known that the
/// last one existed, whoever is known to have had to leave first was still there.
pub(super) fn holder<'a, T>(
    all: impl Iterator<Item = (Lifetime, &'a T)>,
    at: Timestamp,
) -> Option<&'a T> {
    let mut latest: Option<(Lifetime, &T)> = None;
    let mut leaves_first: Option<(Lifetime, &T)> = None;
    for (life, holder) in all.filter(|(life, _)| life.contains(at)) {
        if latest.is_none_or(|(known, _)| known.from <= life.from) {
            latest = Some((life, holder));
        }
        let leaves = |life: Lifetime| life.until.unwrap_or(Timestamp::from_nanos(i64::MAX));
        if life.until.is_some()
            && leaves_first.is_none_or(|(known, _)| leaves(life) < leaves(known))
        {
            leaves_first = Some((life, holder));
        }
    }
    let (life, last) = latest?;
    match leaves_first {
        Some((_, holder)) if !life.from_is_exact => Some(holder),
        _ => Some(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    fn life(from: i64, until: Option<i64>) -> Lifetime {
        Lifetime {
            from: Some(at(from)),
            from_is_exact: false,
            until: until.map(at),
        }
    }

    fn holder_at(all: &[(Lifetime, &'static str)], second: i64) -> Option<&'static str> {
        let all = all.iter().map(|(life, name)| (*life, name));
        holder(all, at(second)).copied()
    }

    #[test]
    fn an_address_is_one_holders_after_the_other() {
        let all = [(life(0, Some(10)), "first"), (life(12, None), "second")];
        for (second, expected) in [
            (-1, None),
            (0, Some("first")),
            (9, Some("first")),
            (10, None),
            (12, Some("second")),
            (90, Some("second")),
        ] {
            assert_eq!(holder_at(&all, second), expected, "{second}");
        }
    }

    #[test]
    fn who_exists_but_waits_for_the_address_does_not_have_it() {
        let all = [(life(5, None), "second"), (life(0, Some(10)), "first")];
        assert_eq!(holder_at(&all, 7), Some("first"));
        assert_eq!(holder_at(&all, 10), Some("second"));
    }

    #[test]
    fn who_is_known_to_have_it_does() {
        let mut second = life(5, None);
        second.from_is_exact = true;
        let all = [(second, "second"), (life(0, Some(10)), "first")];
        assert_eq!(holder_at(&all, 4), Some("first"));
        assert_eq!(holder_at(&all, 7), Some("second"));
    }

    #[test]
    fn of_two_that_never_ended_it_is_the_later_one() {
        let all = [(life(5, None), "second"), (life(0, None), "first")];
        assert_eq!(holder_at(&all, 4), Some("first"));
        assert_eq!(holder_at(&all, 6), Some("second"));
    }
}
