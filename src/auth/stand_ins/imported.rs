//! How many users were moved in with which hashes.

use super::super::HashError;
use super::super::hasher::Recipe;
use super::super::issue::random_bytes;
use crate::model::password::PasswordHash;
use crate::store::staging::KindCount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many users came with which hashes, and how many of those have not logged in since.
///
/// Of the names that nobody has as many must be of a kind as of those that somebody has, or the time of a
/// login would tell which is which: `left` of all `users`. Two numbers of a name's own, which only the
/// secret tells, decide it. The first says of which kind it is if of any, as many of each as came with it.
/// The second is compared with how many of those are left, and how many of all users came at all: that
/// share only falls, as users log in, get other passwords or register. So between two imports a name
/// changes at most once, to be like a new one, as a user's does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Imported {
    kinds: Vec<Kind>,
    /// What tells a name's place.
    secret: String,
    /// How many came with hashes that never verify: they cost what their names do.
    troubled: u64,
    /// How many users there were with hashes that can be verified when the last of them had come, and all who
    /// have registered since. Not fewer where some are deleted: no name may change back.
    users: u64,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Kind {
    came: u64,
    /// How many of them are still there.
    left: u64,
    /// What [`super::super::hash_kind`] calls it.
    name: String,
}

impl Imported {
    /// The most kinds that are told apart, the most frequent ones of the first import first.
    const MOST: usize = 32;

    /// Nobody yet, with a new secret.
    pub(super) fn new() -> Result<Self, HashError> {
        Ok(Self { secret: hex::encode(random_bytes::<32>()?), ..Self::default() })
    }

    /// `None` if it cannot be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Adds users of whom there are so many of each kind in their source, of whom so many were added, so
    /// that there are so many now.
    pub(super) fn add(&mut self, counts: &[KindCount], added: u64, users: u64) {
        let all: u64 = counts.iter().map(|count| count.users).sum();
        let part = |number: u64| scaled(number, added.min(all), all);
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.users));
        for KindCount { kind, troubled, users } in counts {
            self.troubled += part(*troubled);
            self.add_kind(kind, part(users.saturating_sub(*troubled)));
        }
        let came = self.kinds.iter().map(|kind| kind.came).sum();
        self.users = users.saturating_sub(self.troubled).max(came);
    }

    fn add_kind(&mut self, name: &str, came: u64) {
        if came == 0 || name.parse::<Recipe>().is_err() {
            return;
        }
        let has_room = self.kinds.len() < Self::MOST;
        match self.kinds.iter_mut().find(|kind| kind.name == name) {
            Some(kind) => {
                kind.came += came;
                kind.left += came;
            }
            None if has_room => {
                self.kinds.push(Kind { came, left: came, name: name.to_owned() });
            }
            None => {}
        }
    }

    /// Of some kinds so many hashes were replaced; says whether that changes anything.
    pub(super) fn forget(&mut self, replaced: &BTreeMap<String, u64>) -> bool {
        let before = self.clone();
        for kind in &mut self.kinds {
            let times = replaced.get(&kind.name).copied().unwrap_or(0);
            kind.left = kind.left.saturating_sub(times);
        }
        *self != before
    }

    /// So many users have registered; says whether that changes anything.
    pub(super) fn grow(&mut self, registered: u64) -> bool {
        let matters = registered > 0 && self.kinds.iter().any(|kind| kind.left > 0);
        self.users = self.users.saturating_add(if matters { registered } else { 0 });
        matters
    }

    /// Whether users have come with such a hash.
    pub(super) fn has(&self, name: &str) -> bool {
        self.kinds.iter().any(|kind| kind.name == name)
    }

    /// For each kind a hash that no password matches.
    pub(super) fn stand_ins(&self) -> Result<Vec<PasswordHash>, HashError> {
        let recipe = |kind: &Kind| kind.name.parse::<Recipe>();
        let unknown = |_| HashError("a kind of hash that is not known".to_owned());
        self.kinds.iter().map(|kind| recipe(kind).map_err(unknown)?.stand_in()).collect()
    }

    /// Which of the kinds a name is of; `None` if it is like a new one.
    pub(super) fn pick(&self, name: &str) -> Option<usize> {
        let [which, whether] = self.numbers(name);
        let came = self.kinds.iter().map(|kind| kind.came).sum();
        let place = scaled(came, which, u64::MAX);
        let mut end = 0_u64;
        let (index, kind) = self.kinds.iter().enumerate().find(|(_, kind)| {
            end = end.saturating_add(kind.came);
            place < end
        })?;
        let is_left = scaled(kind.came.saturating_mul(self.users), whether, u64::MAX)
            < kind.left.saturating_mul(came);
        is_left.then_some(index)
    }

    fn numbers(&self, name: &str) -> [u64; 2] {
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = ring::hmac::sign(&secret, name.as_bytes());
        let number = |from| {
            let bytes = tag.as_ref().iter().skip(from).take(8);
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        [number(0), number(8)]
    }
}

/// The part of a number that one is of another.
fn scaled(number: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(number) * u128::from(part);
    u64::try_from(product / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PBKDF2: &str = "pbkdf2_sha256, 1000000 iterations";
    const BCRYPT: &str = "bcrypt, cost 12";

    fn count(kind: &str, users: u64, troubled: u64) -> KindCount {
        KindCount { kind: kind.to_owned(), troubled, users }
    }

    /// 500 of PBKDF2, 300 of bcrypt and 200 of this gateway's own, beside 50 whose hash never verifies.
    fn thousand() -> Imported {
        let mut imported = Imported::new().unwrap();
        let counts = [count(BCRYPT, 300, 0), count("unusable", 50, 50), count(PBKDF2, 500, 0)];
        imported.add(&counts, 850, 1050);
        imported
    }

    /// Of 10,000 names that nobody has: how many per cent are of each kind.
    fn shares(imported: &Imported) -> [usize; 3] {
        let picks: Vec<_> = (0..10_000).map(|n| imported.pick(&format!("nobody{n}"))).collect();
        [Some(0), Some(1), None].map(|kind| {
            let of_kind = picks.iter().filter(|pick| **pick == kind).count();
            (of_kind + 50) / 100
        })
    }

    fn assert_near(shares: [usize; 3], wanted: [usize; 3]) {
        let is_near = shares.iter().zip(wanted).all(|(share, wanted)| share.abs_diff(wanted) <= 2);
        assert!(is_near, "{shares:?} {wanted:?}");
    }

    #[test]
    fn unknown_names_are_of_as_many_kinds_as_users_are() {
        assert_near(shares(&thousand()), [50, 30, 20]);
        assert_near(shares(&Imported::default()), [0, 0, 100]);
    }

    #[test]
    fn a_name_is_always_of_the_same_kind_which_only_the_secret_tells() {
        let (one, other) = (thousand(), thousand());
        let again = Imported::read(&one.text()).unwrap();
        let names = (0..1000).map(|n| format!("nobody{n}"));
        let mut differ = 0;
        for name in names {
            assert_eq!(one.pick(&name), again.pick(&name));
            differ += usize::from(one.pick(&name) != other.pick(&name));
        }
        assert!(differ > 100, "{differ}");
    }

    #[test]
    fn as_users_log_in_unknown_names_become_like_new_ones_and_never_anything_else() {
        let (before, mut after) = (thousand(), thousand());
        after.secret.clone_from(&before.secret);
        assert!(after.forget(&[(PBKDF2.to_owned(), 250)].into()));
        assert!(!after.forget(&[("md5".to_owned(), 1)].into()));
        assert_near(shares(&after), [25, 30, 45]);
        for name in (0..1000).map(|n| format!("nobody{n}")) {
            let (was, is) = (before.pick(&name), after.pick(&name));
            assert!(was == is || (was == Some(0) && is.is_none()), "{name}");
        }
        assert!(after.forget(&[(PBKDF2.to_owned(), u64::MAX)].into()));
        assert_near(shares(&after), [0, 30, 70]);
    }

    #[test]
    fn as_users_register_and_log_in_unknown_names_become_like_new_ones_once() {
        let mut imported = thousand();
        let names: Vec<_> = (0..10_000).map(|n| format!("nobody{n}")).collect();
        let picks = |imported: &Imported| -> Vec<_> {
            names.iter().map(|name| imported.pick(name)).collect()
        };
        let mut before = picks(&imported);
        for (registered, replaced, wanted) in
            [(1000, 0, [25, 15, 60]), (0, 250, [13, 15, 72]), (8000, 50, [2, 3, 95])]
        {
            imported.grow(registered);
            imported.forget(&[(PBKDF2.to_owned(), replaced)].into());
            assert_near(shares(&imported), wanted);
            let after = picks(&imported);
            let has_turned = |(was, is): (&Option<usize>, &Option<usize>)| was != is;
            assert!(before.iter().zip(&after).filter(|pair| has_turned(*pair)).count() > 100);
            let keeps = |(was, is): (&Option<usize>, &Option<usize>)| was == is || is.is_none();
            assert!(before.iter().zip(&after).all(keeps));
            before = after;
        }
    }

    #[test]
    fn who_registers_is_not_counted_where_nobody_came_or_all_have_logged_in() {
        let mut imported = Imported::default();
        assert!(!imported.grow(5) && imported == Imported::default());
        let mut imported = thousand();
        assert!(!imported.grow(0));
        let all = [(PBKDF2.to_owned(), u64::MAX), (BCRYPT.to_owned(), u64::MAX)];
        assert!(imported.forget(&all.into()) && !imported.grow(5));
    }

    #[test]
    fn of_a_source_only_those_count_who_were_added() {
        let mut imported = Imported::new().unwrap();
        imported.add(&[count(PBKDF2, 80, 0), count("md5", 20, 20)], 50, 60);
        imported.add(&[count(PBKDF2, 80, 0), count("md5", 20, 20)], 0, 60);
        let kind = Kind { came: 40, left: 40, name: PBKDF2.to_owned() };
        assert_eq!((imported.kinds, imported.troubled, imported.users), (vec![kind], 10, 50));
    }

    #[test]
    fn more_kinds_than_can_be_told_apart_cost_what_new_ones_do() {
        let counts: Vec<_> = (1..100).map(|n| count(&format!("bcrypt, cost {n}"), n, 0)).collect();
        let mut imported = Imported::new().unwrap();
        imported.add(&counts, u64::MAX, 4950);
        assert_eq!(imported.kinds.len(), Imported::MOST);
        assert!(imported.has("bcrypt, cost 99") && !imported.has("bcrypt, cost 1"));
        assert_eq!(imported.stand_ins().unwrap().len(), Imported::MOST);
    }
}
