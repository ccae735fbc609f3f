//! API keys: `bgk_`, a public half by which a key is found, and a secret half.
//!
//! The configuration has the public half and the SHA-256 of the whole key. A key has 256 random bits, so its hash needs no salt
//! and no slow function: nobody can try all keys.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;

use super::identity::{IdentityPattern, PUBLIC_DIGITS};

/// The beginning of each key, so that scanners for secrets find keys in files.
pub(crate) const API_KEY_PREFIX: &str = "bgk_";

/// Bytes of the secret half: 256 bits.
const SECRET_BYTES: usize = 32;

/// Length of a key: prefix, public half, `_`, secret half in hexadecimal digits.
const KEY_LENGTH: usize = API_KEY_PREFIX.len() + PUBLIC_DIGITS + 1 + 2 * SECRET_BYTES;

/// A key that has just been created.
pub(crate) struct NewKey {
    /// The key itself.
    pub(crate) key: String,
    /// The identity for the configuration.
    pub(crate) identity: IdentityPattern,
}

impl NewKey {
    /// Creates a key. `None` without random numbers.
    pub(crate) fn generate() -> Option<Self> {
        let (mut public, mut secret) = ([0; PUBLIC_DIGITS / 2], [0; SECRET_BYTES]);
        rand::fill(&mut public).and_then(|()| rand::fill(&mut secret)).ok()?;
        let public = to_hex(&public);
        let key = format!("{API_KEY_PREFIX}{public}_{}", to_hex(&secret));
        let identity = IdentityPattern::Key { public, hash: hash_key(&key) };
        Some(Self { key, identity })
    }
}

/// The public half of a text that has the form of a key.
pub(super) fn public_half(key: &str) -> Option<&str> {
    let rest = key.strip_prefix(API_KEY_PREFIX).filter(|_| key.len() == KEY_LENGTH)?;
    let (public, secret) = rest.split_once('_')?;
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    (public.len() == PUBLIC_DIGITS && is_hex(public) && is_hex(secret)).then_some(public)
}

/// Whether the key has this hash. The time does not depend on where they differ.
pub(super) fn matches_hash(key: &str, hash: &[u8; 32]) -> bool {
    verify_slices_are_equal(&hash_key(key), hash).is_ok()
}

/// Does the same work as [`matches_hash`] for a key that is not configured, so that the time does not show which public halves
/// exist.
pub(super) fn compare_with_nothing(key: &str) {
    std::hint::black_box(matches_hash(key, &[0; 32]));
}

fn hash_key(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    hash
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_key_matches_its_own_hash_and_no_other() {
        let (one, two) = (NewKey::generate().unwrap(), NewKey::generate().unwrap());
        let IdentityPattern::Key { public, hash } = &one.identity else { panic!("{:?}", one.identity) };
        assert_eq!(public_half(&one.key), Some(public.as_str()));
        assert!(matches_hash(&one.key, hash));
        assert!(!matches_hash(&two.key, hash));
        assert_eq!(one.identity.to_string().parse(), Ok(one.identity));
    }

    #[test]
    fn text_without_the_form_of_a_key_has_no_public_half() {
        let key = NewKey::generate().unwrap().key;
        for text in ["", "bgk_", &key[1..], &key[..key.len() - 1], &format!("{key}0"), &key.replace('_', "-")] {
            assert_eq!(public_half(text), None, "{text}");
        }
    }
}
