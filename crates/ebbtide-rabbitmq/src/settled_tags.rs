use std::collections::BTreeMap;

/// The deliveries of a channel that are known to be settled, so that one acknowledgement can cover several.
///
/// RabbitMQ numbers the deliveries of a channel from 1, without a gap. An acknowledgement of several covers all
/// numbers up to one. It is allowed only if each delivery below is acknowledged by it, or is known to be settled. A
/// settlement without a response yet is not known: an acknowledgement of the same delivery must not overtake a
/// requeue on its way.
#[derive(Debug)]
pub(super) struct SettledTags {
    /// The first and the last number of each run without a gap. The first run begins with 0, which is never used. The
    /// number of runs is at most that of the unsettled deliveries plus one: a job that never ends costs no memory for
    /// those after it.
    runs: BTreeMap<u64, u64>,
}

impl Default for SettledTags {
    fn default() -> Self {
        Self { runs: BTreeMap::from([(0, 0)]) }
    }
}

/// One acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) tag: u64,
    /// Whether it covers all deliveries up to this one.
    pub(super) multiple: bool,
}

impl SettledTags {
    /// Returns the acknowledgements that cover exactly these deliveries, none of which is settled otherwise.
    pub(super) fn words(&self, mut tags: Vec<u64>) -> Vec<Word> {
        tags.sort_unstable();
        let (mut next, mut together) = (Some(0), 0);
        while let Some(tag) = next {
            let last = if tags.get(together) == Some(&tag) {
                together += 1;
                tag
            } else if let Some(last) = self.runs.get(&tag) {
                *last
            } else {
                break;
            };
            next = last.checked_add(1);
        }
        // For a single delivery the plain acknowledgement has the same effect, and needs no proof.
        let single = if together < 2 { 0 } else { together };
        let several = single.checked_sub(1).and_then(|last| tags.get(last));
        let several = several.map(|tag| Word { tag: *tag, multiple: true });
        let rest = tags.iter().skip(single).map(|tag| Word { tag: *tag, multiple: false });
        several.into_iter().chain(rest).collect()
    }

    /// Notes that the server has settled these.
    pub(super) fn note(&mut self, tags: impl IntoIterator<Item = u64>) {
        for tag in tags {
            let before = self.runs.range(..=tag).next_back().map(|(first, last)| (*first, *last));
            let first = match before {
                Some((_, last)) if last >= tag => continue,
                Some((first, last)) if tag - last == 1 => first,
                _ => tag,
            };
            let behind = tag.checked_add(1).and_then(|next| self.runs.remove(&next));
            self.runs.insert(first, behind.unwrap_or(tag));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn word(tag: u64, multiple: bool) -> Word {
        Word { tag, multiple }
    }

    #[test]
    fn deliveries_next_to_settled_ones_share_one_acknowledgement() {
        let mut settled = SettledTags::default();
        assert_eq!(settled.words(vec![3, 1, 2]), [word(3, true)]);
        assert_eq!(settled.words(vec![1, 2, 4, 5]), [word(2, true), word(4, false), word(5, false)]);
        assert_eq!(settled.words(vec![2, 3]), [word(2, false), word(3, false)], "1 may still run");
        assert_eq!(settled.words(vec![1]), [word(1, false)]);
        settled.note([2, 4]);
        assert_eq!(settled.words(vec![1, 3, 5, 7]), [word(5, true), word(7, false)]);
        settled.note([1]);
        assert_eq!(settled.runs, BTreeMap::from([(0, 2), (4, 4)]));
        settled.note([3, 3, 1]);
        assert_eq!(settled.runs, BTreeMap::from([(0, 4)]));
        assert_eq!(settled.words(vec![]), []);
    }

    proptest! {
        /// A server that tracks unsettled deliveries, and a client that settles in any order, some of it by other
        /// commands.
        #[test]
        fn each_delivery_is_acknowledged_once_and_no_other(
            batches in proptest::collection::vec(proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..12), 1..30),
        ) {
            let mut settled = SettledTags::default();
            let (mut outstanding, mut next) = (BTreeSet::<u64>::new(), 1);
            for batch in batches {
                while outstanding.len() < 20 {
                    outstanding.insert(next);
                    next += 1;
                }
                let mut acked = BTreeSet::new();
                for (index, acks) in batch {
                    let tag = *index.get(&outstanding.iter().copied().collect::<Vec<_>>());
                    if acks {
                        acked.insert(tag);
                    } else if !acked.contains(&tag) {
                        outstanding.remove(&tag);
                        settled.note([tag]);
                    }
                }
                let rest: BTreeSet<u64> = outstanding.difference(&acked).copied().collect();
                for Word { tag, multiple } in settled.words(acked.iter().copied().collect()) {
                    prop_assert!(outstanding.contains(&tag), "a word for what is not outstanding ends the channel");
                    outstanding.retain(|other| *other != tag && !(multiple && *other < tag));
                }
                prop_assert_eq!(&outstanding, &rest);
                settled.note(acked);
            }
            prop_assert!(settled.runs.len() <= outstanding.len() + 1);
        }
    }
}
