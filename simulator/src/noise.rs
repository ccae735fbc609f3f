//! What looks random and is not: ids, signatures, vectors and pictures, each a function of what was asked.

use crate::prompt_cache::Prefix;

/// A stream of numbers from a seed, by SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Noise(u64);

impl Iterator for Noise {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

/// The numbers that belong to these parts; other parts have others.
pub(crate) fn noise(parts: &[impl AsRef<[u8]>]) -> Noise {
    Noise(seed(parts))
}

pub(crate) fn seed(parts: &[impl AsRef<[u8]>]) -> u64 {
    let mut prefix = Prefix::new();
    parts.iter().for_each(|part| prefix.add(part.as_ref()));
    prefix.hash()
}

/// So many letters and digits from a seed.
pub(crate) fn characters(seed: u64, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let character = |number: u64| {
        let index = usize::try_from(number % 62).unwrap_or_default();
        char::from(ALPHABET[index])
    };
    Noise(seed).take(length).map(character).collect()
}

/// An id shaped like a version 4 UUID.
pub(crate) fn uuid(parts: &[impl AsRef<[u8]>]) -> String {
    let mut noise = noise(parts);
    let mut number = || noise.next().unwrap_or_default();
    let (high, low) = (number(), number());
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
    format!("{a:08x}-{b:04x}-4{c:03x}-8{:03x}-{:012x}", low >> 52, low & 0xffff_ffff_ffff)
}
