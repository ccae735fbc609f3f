//! The prompt cache, keyed on the exact bytes before a cachePoint.

use std::collections::{HashSet, VecDeque};

const MAX_PREFIXES: usize = 10_000;

/// Prefixes seen so far, oldest forgotten first. They do not expire: the simulator has no clock in its answers.
#[derive(Debug, Default)]
pub(crate) struct PromptCache {
    known: HashSet<Prefix>,
    order: VecDeque<Prefix>,
}

/// The bytes of a prefix, as a hash of them (64-bit FNV-1a) and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix {
    hash: u64,
    length: usize,
}

impl Prefix {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, length: 0 }
    }

    /// Adds a part and a mark after it, so that two parts never look like one.
    pub(crate) fn add(&mut self, part: &[u8]) {
        for byte in part.iter().chain(&[0]) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.length += part.len() + 1;
    }

    pub(crate) fn hash(self) -> u64 {
        self.hash
    }
}

impl PromptCache {
    pub(crate) fn contains(&self, prefix: Prefix) -> bool {
        self.known.contains(&prefix)
    }

    pub(crate) fn insert(&mut self, prefix: Prefix) {
        if !self.known.insert(prefix) {
            return;
        }
        self.order.push_back(prefix);
        if self.order.len() > MAX_PREFIXES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(parts: &[&str]) -> Prefix {
        let mut prefix = Prefix::new();
        parts.iter().for_each(|part| prefix.add(part.as_bytes()));
        prefix
    }

    #[test]
    fn one_byte_makes_another_prefix() {
        let mut cache = PromptCache::default();
        cache.insert(prefix(&["model", "a b"]));
        assert!(cache.contains(prefix(&["model", "a b"])));
        assert!(!cache.contains(prefix(&["model", "a  b"])));
        assert!(!cache.contains(prefix(&["modela b"])));
    }

    #[test]
    fn it_is_bounded() {
        let mut cache = PromptCache::default();
        (0..=MAX_PREFIXES).for_each(|n| cache.insert(prefix(&[&n.to_string()])));
        assert_eq!(cache.known.len(), MAX_PREFIXES);
        assert!(!cache.contains(prefix(&["0"])));
    }
}
