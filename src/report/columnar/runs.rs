//! Small numbers, those that repeat as runs and the others packed to their bits.
//!
//! In: numbers, and how many bits each has. Out: Parquet's hybrid of both (Parquet format, "Run Length Encoding /
//! Bit-Packing Hybrid").

/// Of each cell a yes or a no: mostly the same as of the cell before.
#[derive(Debug, Default)]
pub(super) struct Levels {
    runs: Vec<(bool, u32)>,
}

impl Levels {
    #[inline]
    pub(super) fn push_many(&mut self, level: bool, times: usize) {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        match self.runs.last_mut() {
            Some((last, count)) if *last == level => *count += times,
            _ if times == 0 => {}
            _ => self.runs.push((level, times)),
        }
    }

    /// Of each cell, as numbers.
    pub(super) fn all(&self) -> Vec<i16> {
        let runs = self.runs.iter();
        runs.flat_map(|(level, count)| std::iter::repeat_n(i16::from(*level), *count as usize))
            .collect()
    }
}

/// How many numbers are packed together.
const GROUP: usize = 8;

/// From how many on a run is shorter than its numbers packed, however few bits they have.
const LONG: usize = 2 * GROUP;

/// Appends `values`, of which `number` says the number, none of which has more than `bits` bits.
pub(super) fn encode<T: Copy + PartialEq>(
    values: &[T],
    number: impl Fn(T) -> u32,
    bits: u8,
    out: &mut Vec<u8>,
) {
    let mut rest = values;
    while let Some(first) = rest.first() {
        let run = run(rest, usize::MAX);
        if run >= LONG || run == rest.len() {
            length(run << 1, out);
            let bytes = usize::from(bits.div_ceil(8));
            let value = number(*first).to_le_bytes();
            out.extend_from_slice(value.get(..bytes).unwrap_or(&value));
            rest = rest.get(run..).unwrap_or_default();
            continue;
        }
        let mut until = GROUP;
        while let Some(next) = rest.get(until..).filter(|next| !next.is_empty()) {
            if self::run(next, LONG) >= LONG {
                break;
            }
            until += GROUP;
        }
        let (packed, after) = rest.split_at(until.min(rest.len()));
        length(packed.len().div_ceil(GROUP) << 1 | 1, out);
        pack(packed, &number, bits, out);
        rest = after;
    }
}

/// How many numbers are the first one again, counted up to `most`.
fn run<T: Copy + PartialEq>(values: &[T], most: usize) -> usize {
    let Some(first) = values.first() else {
        return 0;
    };
    let same = values.iter().take(most);
    same.take_while(|value| *value == first).count()
}

/// A number of any length, seven bits a byte.
fn length(mut length: usize, out: &mut Vec<u8>) {
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Numbers bit by bit, the last group filled with zeros.
fn pack<T: Copy>(values: &[T], number: impl Fn(T) -> u32, bits: u8, out: &mut Vec<u8>) {
    let padding = values.len().next_multiple_of(GROUP) - values.len();
    let numbers = values.iter().map(|value| number(*value));
    let (mut held, mut count) = (0_u64, 0_u32);
    for number in numbers.chain(std::iter::repeat_n(0, padding)) {
        held |= u64::from(number) << count;
        count += u32::from(bits);
        while count >= 8 {
            out.push(held as u8);
            held >>= 8;
            count -= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[u32], bits: u8) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, |value| value, bits, &mut out);
        out
    }

    #[test]
    fn numbers_that_repeat_are_runs_and_the_others_are_packed() {
        assert!(encoded(&[], 1).is_empty());
        assert_eq!(encoded(&[1; 100], 1), [200, 1, 1]);
        assert_eq!(encoded(&[300; 100], 9), [200, 1, 44, 1]);
        assert_eq!(encoded(&[0; 100], 0), [200, 1]);
        // The format's own example.
        let example = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(
            encoded(&example, 3),
            [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]
        );
        let mut both = example.to_vec();
        both.extend([7; 20]);
        both.extend([1, 2]);
        assert_eq!(encoded(&both, 3)[4..], [40, 7, 3, 0b0001_0001, 0, 0]);
    }
}
