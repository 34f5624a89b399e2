//! Which signatures of requests were used, so that none is used twice.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::time::SystemTime;

use super::remembered::ByFingerprint;

/// Into how many parts the room is divided: who has more than one of them is who waits when there is none left.
const SHARES: usize = 8;

/// The proofs that are remembered, each at least for as long as it is good, unless there are too many of several keys.
#[derive(Debug)]
pub(super) struct Proofs {
    limit: usize,
    /// In the order in which they came, which is that in which they lapse but for what clocks differ.
    order: VecDeque<Noted>,
    used: ByFingerprint<()>,
    /// How many there are of each key.
    by_key: ByFingerprint<usize>,
}

#[derive(Debug)]
struct Noted {
    key: u128,
    proof: u128,
    until: SystemTime,
}

/// Why a proof is not noted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unnoted {
    UsedBefore,
    /// There is no room, and who asks has taken more of it than others.
    Full,
}

impl Proofs {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, order: VecDeque::new(), used: ByFingerprint::default(), by_key: ByFingerprint::default() }
    }

    /// Notes that a proof of a key was used, which is good until then.
    pub(super) fn note(&mut self, key: u128, proof: u128, until: SystemTime, now: SystemTime) -> Result<(), Unnoted> {
        if self.used.contains_key(&proof) {
            return Err(Unnoted::UsedBefore);
        }
        // By the clock that says whether a proof is good: when that is set back, nothing is forgotten.
        while self.order.front().is_some_and(|first| first.until < now) {
            self.forget_first();
        }
        if self.order.len() >= self.limit {
            // Whoever signs that many requests keeps nobody else out.
            if self.by_key.get(&key).is_some_and(|count| *count >= self.limit.div_ceil(SHARES)) {
                return Err(Unnoted::Full);
            }
            self.forget_first();
        }
        self.used.insert(proof, ());
        *self.by_key.entry(key).or_default() += 1;
        self.order.push_back(Noted { key, proof, until });
        Ok(())
    }

    fn forget_first(&mut self) {
        let Some(first) = self.order.pop_front() else { return };
        self.used.remove(&first.proof);
        if let Entry::Occupied(mut count) = self.by_key.entry(first.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ADA: u128 = 1;
    const EVE: u128 = 2;

    #[test]
    fn who_signs_too_many_requests_waits_and_nobody_else_does() {
        let (now, mut proofs) = (SystemTime::now(), Proofs::new(16));
        let until = now + Duration::from_secs(60);
        for proof in 0..16 {
            assert_eq!(proofs.note(EVE, proof, until, now), Ok(()));
        }
        assert_eq!(proofs.note(EVE, 100, until, now), Err(Unnoted::Full));
        for proof in 16..18 {
            assert_eq!(proofs.note(ADA, proof, until, now), Ok(()));
            assert_eq!(proofs.note(ADA, proof, until, now), Err(Unnoted::UsedBefore));
        }
        assert_eq!(proofs.note(ADA, 18, until, now), Err(Unnoted::Full), "two are her part of sixteen");
        assert_eq!((proofs.order.len(), proofs.used.len(), proofs.by_key[&EVE]), (16, 16, 14));
        // The oldest went, and only as many as had to.
        assert_eq!(proofs.note(EVE, 2, until, now), Err(Unnoted::UsedBefore));
    }

    #[test]
    fn a_proof_is_forgotten_once_it_is_too_old_to_be_used() {
        let (now, mut proofs) = (SystemTime::now(), Proofs::new(2));
        let second = Duration::from_secs(1);
        assert_eq!(proofs.note(ADA, 1, now + second, now), Ok(()));
        assert_eq!(proofs.note(ADA, 2, now + second, now), Ok(()));
        assert_eq!(proofs.note(ADA, 3, now + second * 9, now + second), Err(Unnoted::Full));
        assert_eq!(proofs.note(ADA, 3, now + second * 9, now + second * 2), Ok(()));
        assert_eq!((proofs.order.len(), proofs.used.len(), proofs.by_key[&ADA]), (1, 1, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_proof_forgotten() {
        let (now, mut proofs) = (SystemTime::now(), Proofs::new(8));
        let hour = Duration::from_secs(3600);
        assert_eq!(proofs.note(ADA, 1, now, now), Ok(()));
        assert_eq!(proofs.note(ADA, 2, now - hour, now - hour), Ok(()));
        assert_eq!(proofs.note(ADA, 1, now, now - hour), Err(Unnoted::UsedBefore));
    }
}
