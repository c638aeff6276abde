//! What only one of two captures has, in words: one by one, or many alike in a line.

use super::events::TimelineEvent;
use super::ways::{self, WayFate};
use crate::decode::{Direction, TransitFate};
use crate::inspect::Crossing;
use crate::units::{count, counted, duration};

/// What did not come alike: of one side, and with one fate.
pub(super) struct AstrayGroup<'a> {
    from: Direction,
    fate: WayFate,
    events: Vec<(TimelineEvent<'a>, &'a Crossing)>,
}

/// Gathers something with what did not come alike.
pub(super) fn gather<'a>(
    groups: &mut Vec<AstrayGroup<'a>>,
    event: TimelineEvent<'a>,
    crossing: &'a Crossing,
) {
    let fate = WayFate::of(crossing);
    let mut alike = groups
        .iter_mut()
        .filter(|group| group.from == crossing.from && group.fate == fate);
    match alike.next() {
        Some(group) => group.events.push((event, crossing)),
        None => groups.push(AstrayGroup {
            from: crossing.from,
            fate,
            events: vec![(event, crossing)],
        }),
    }
}

impl<'a> AstrayGroup<'a> {
    /// Lines with their moments: one for each, or one for all where there are more than `limit`.
    pub(super) fn lines(&self, limit: usize) -> Vec<(TimelineEvent<'a>, String)> {
        if self.events.len() <= limit.max(1) {
            let events = self.events.iter();
            return events
                .map(|(event, crossing)| (*event, self.one(event, crossing)))
                .collect();
        }
        let Some((first, _)) = self.events.first() else {
            return Vec::new();
        };
        let named = self.events.iter().take(limit);
        let named: Vec<_> = named
            .map(|(_, crossing)| ways::name(crossing.what))
            .collect();
        let rest = match self.events.len() - named.len() {
            0 => String::new(),
            rest => format!(" … {} more", count(rest as u64)),
        };
        let text = format!(
            "{} sent by the {}: {} ({}{rest})",
            counted(self.packets(), "packet"),
            self.from.sender(),
            self.fate.words_of_several(),
            named.join(", "),
        );
        vec![(*first, text)]
    }

    /// How many packets they are of: those of one moment are of one.
    fn packets(&self) -> u64 {
        let moments = self.events.iter().map(|(_, crossing)| crossing.known());
        let mut last = None;
        let apart = moments.filter(|moment| last.replace(*moment) != Some(*moment));
        apart.count() as u64
    }

    fn one(&self, event: &TimelineEvent<'_>, crossing: &Crossing) -> String {
        let later = match (crossing.fate, crossing.sent) {
            (TransitFate::Lost(Some(copy)), Some(sent)) => {
                format!(", {} later", duration(copy - sent.time))
            }
            (TransitFate::Uncaptured, _) => acknowledged(event, crossing).unwrap_or_default(),
            _ => String::new(),
        };
        format!(
            "{}, sent by the {}: {}{later}",
            ways::name(crossing.what),
            self.from.sender(),
            self.fate.words()
        )
    }
}

/// The packet that acknowledges it.
fn acknowledged(event: &TimelineEvent<'_>, crossing: &Crossing) -> Option<String> {
    let file = event.record.both_ends.as_deref()?.file;
    let packet = crossing.acknowledged?.packet?;
    Some(format!(" (acknowledged by packet {packet} of file {file})"))
}
