//! Keys for every purpose from the one secret that the two nodes share (HKDF-SHA-256, RFC 5869).

use hkdf::Hkdf;
use sha2::Sha256;

use model::Private;

/// Octets of the pair secret and of every key made from it.
pub const KEY_BYTES: usize = 32;

/// The key for one purpose, the same on both nodes; `label` names the purpose and never changes, e.g.
/// `"tandem pbx nonce 1"`. Keys of different labels say nothing about each other (RFC 5869 section 3.2).
#[must_use]
pub fn derive(pair_secret: &Private<[u8; KEY_BYTES]>, label: &str) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    Hkdf::<Sha256>::new(None, pair_secret.reveal())
        .expand(label.as_bytes(), &mut key)
        .expect("HKDF-SHA-256 gives up to 8160 octets, and 32 are asked for");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5869 section 2: same secret and label, same key; another label or secret, another key.
    #[test]
    fn keys_depend_on_secret_and_label() {
        let secret = Private::new([7; KEY_BYTES]);
        assert_eq!(derive(&secret, "nonce"), derive(&secret, "nonce"));
        assert_ne!(derive(&secret, "nonce"), derive(&secret, "heartbeat"));
        assert_ne!(derive(&secret, "nonce"), derive(&Private::new([8; KEY_BYTES]), "nonce"));
    }

    /// RFC 5869: one known value, made with an independent implementation (extract without salt, expand).
    #[test]
    fn key_has_the_published_value() {
        let key = derive(&Private::new([0x0b; KEY_BYTES]), "tandem");
        assert_eq!(hex::encode(key), KNOWN);
    }
    const KNOWN: &str = "ce9079b36d4e86d3bcbc9f7943501e30a07c80ba04ba1f3b02c2a6784b1c4d78";
}
