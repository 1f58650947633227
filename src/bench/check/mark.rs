//! Short stand-ins for texts, so that a journal of millions of notes stays
//! small: two texts with the same mark are taken for the same text.

/// Stands for a user's id, or for a send key of one user.
pub type Mark = u64;
/// Stands for the content of a message.
pub type Digest = u32;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;

/// The mark of some texts, in order. The parts are told apart: ("ab", "c") and
/// ("a", "bc") differ.
pub fn mark(parts: &[&[u8]]) -> Mark {
    let mut hash = SEED;
    for part in parts {
        hash = mixed(hash, part.len() as u64);
        let mut chunks = part.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            hash = mixed(hash, u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = mixed(hash, u64::from_le_bytes(word));
    }
    hash ^ (hash >> 29)
}

/// The mark of a send: keys of different users have nothing to do with each
/// other. `user` is the mark of the user's id.
pub fn send_mark(user: Mark, key: &[u8]) -> Mark {
    mark(&[&user.to_le_bytes(), key])
}

/// The digest of a message: who said what, under which key.
pub fn digest(from: &[u8], key: &[u8], text: &[u8]) -> Digest {
    let mark = mark(&[from, key, text]);
    // Both halves took part in the mixing; 32 bits find a changed text.
    u32::try_from(mark >> 32).unwrap_or_default()
}

const fn mixed(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(FACTOR);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(mark(&[b"ab", b"c"]), mark(&[b"a", b"bc"]));
        assert_ne!(mark(&[b"a"]), mark(&[b"a\0"]));
        assert_eq!(mark(&[b"a", b"b"]), mark(&[b"a", b"b"]));
    }

    #[test]
    fn one_changed_letter_changes_the_digest() {
        assert_ne!(digest(b"u", b"k", b"text a"), digest(b"u", b"k", b"text b"));
    }
}
