//! Tags, branches, Call-IDs: what has to be unique or hard to guess, from the seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// Letters of a token: legal in every place where SIP wants a token (RFC 3261 section 25.1).
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Letters in a tag, branch or Call-ID: 80 bits, more than the 32 of RFC 3261 section 19.3.
const TOKEN_LETTERS: usize = 16;

/// The cookie that starts every branch of RFC 3261 (section 8.1.1.7).
pub(crate) const BRANCH_COOKIE: &str = "z9hG4bK";

/// The source of randomness of an exchange.
#[derive(Debug)]
pub(crate) struct Tokens {
    generator: ChaCha12Rng,
}

impl Tokens {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Tokens { generator: ChaCha12Rng::from_seed(seed) }
    }

    /// A number that nobody can guess.
    pub(crate) fn number(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A tag of a dialog or a Call-ID.
    pub(crate) fn token(&mut self) -> String {
        let mut bits = (u128::from(self.generator.next_u64()) << 64) | u128::from(self.generator.next_u64());
        let mut text = String::with_capacity(TOKEN_LETTERS);
        for _ in 0..TOKEN_LETTERS {
            text.push(char::from(LETTERS[(bits & 31) as usize]));
            bits >>= 5;
        }
        text
    }

    /// The branch of a new client transaction.
    pub(crate) fn branch(&mut self) -> String {
        format!("{BRANCH_COOKIE}{}", self.token())
    }
}
