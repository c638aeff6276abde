//! Room for connections that come and go.
//!
//! In: a value, for a slot. Out: the value, by its slot, for as long as it stays. A slot is used again once it
//! is free, so that memory is that of the most there were at a time, and nothing is moved as there are more.

use super::FlowSlot;

/// How many slots are made at a time: what fits a few pages.
const CHUNK: usize = 16;

/// Values by slot.
#[derive(Debug)]
pub(super) struct Slots<T> {
    chunks: Vec<Box<[Option<T>]>>,
    free: Vec<FlowSlot>,
    /// How many slots were ever used.
    used: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            used: 0,
        }
    }
}

impl<T> Slots<T> {
    /// How many are occupied.
    pub(super) const fn len(&self) -> usize {
        self.used - self.free.len()
    }

    pub(super) fn get(&self, slot: FlowSlot) -> Option<&T> {
        let chunk = self.chunks.get(slot.0 / CHUNK)?;
        chunk.get(slot.0 % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: FlowSlot) -> Option<&mut T> {
        self.place(slot)?.as_mut()
    }

    pub(super) fn insert(&mut self, value: T) -> FlowSlot {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = FlowSlot(self.used);
            self.used += 1;
            if self.used > self.chunks.len() * CHUNK {
                let chunk = std::iter::repeat_with(|| None).take(CHUNK);
                self.chunks.push(chunk.collect());
            }
            slot
        });
        if let Some(place) = self.place(slot) {
            *place = Some(value);
        }
        slot
    }

    pub(super) fn take(&mut self, slot: FlowSlot) -> Option<T> {
        let value = self.place(slot)?.take()?;
        self.free.push(slot);
        Some(value)
    }

    /// What is there, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FlowSlot, &T)> {
        let places = (0..).zip(self.chunks.iter().flatten());
        places.filter_map(|(slot, value)| Some((FlowSlot(slot), value.as_ref()?)))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten().flatten()
    }

    fn place(&mut self, slot: FlowSlot) -> Option<&mut Option<T>> {
        let chunk = self.chunks.get_mut(slot.0 / CHUNK)?;
        chunk.get_mut(slot.0 % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_what_stays_keeps_its_own() {
        let mut slots = Slots::default();
        let taken: Vec<_> = (0..40).map(|value| slots.insert(value)).collect();
        assert_eq!(slots.len(), 40);
        assert_eq!(slots.take(taken[7]), Some(7));
        assert_eq!(slots.take(taken[7]), None);
        assert_eq!(slots.get(taken[7]), None);
        assert_eq!(slots.len(), 39);
        assert_eq!(slots.insert(70), taken[7]);
        assert_eq!(slots.insert(80), FlowSlot(40));
        *slots.get_mut(taken[39]).unwrap() += 100;
        let held: Vec<_> = slots.iter().map(|(slot, value)| (slot.0, *value)).collect();
        assert_eq!(held.len(), 41);
        assert_eq!(held[7], (7, 70));
        assert_eq!(held[39], (39, 139));
        assert_eq!(slots.values_mut().count(), 41);
    }
}
