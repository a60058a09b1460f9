//! Which of an upstream's servers gets a request.

use super::server::{Lease, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The servers of an upstream as they are now.
#[derive(Default)]
pub(super) struct Pool {
    /// The places of the servers in turns: as often as their weights say, and well mixed.
    order: Vec<usize>,
    servers: Vec<Arc<Server>>,
}

/// How a server is chosen.
pub(super) enum Way {
    /// By a hash of what must always lead to the same server.
    Hash(u64),
    /// Whoever has the fewest requests for its weight.
    Least,
    /// In turns.
    Turns,
}

/// What a request asks of its server.
pub(super) struct Wanted<'a> {
    /// The most requests that a server may have.
    pub most: Option<usize>,
    /// Those that have failed this request already.
    pub tried: &'a [SocketAddr],
    pub way: Way,
}

/// Why there is no server for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nobody {
    /// All have as many requests as they may have.
    Full,
    /// There is none but those that have failed it already.
    Left,
}

impl Pool {
    /// These servers.
    pub(super) fn new(servers: Vec<Arc<Server>>) -> Self {
        let weights: Vec<_> = servers.iter().map(|server| server.weight).collect();
        Self { order: turns(&weights), servers }
    }

    /// The servers.
    pub(super) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Takes a place at one of them. Those that are down are left out unless all are.
    pub(super) fn choose(&self, wanted: &Wanted<'_>, turn: &AtomicUsize) -> Result<Lease, Nobody> {
        let is_new = |server: &Server| !wanted.tried.contains(&server.address);
        let is_up = |server: &Server| is_new(server) && server.is_up();
        let any_up = self.servers.iter().any(|server| is_up(server));
        if !any_up && !self.servers.iter().any(|server| is_new(server)) {
            return Err(Nobody::Left);
        }
        let turn = match wanted.way {
            Way::Hash(_) => 0,
            Way::Least | Way::Turns => turn.fetch_add(1, Ordering::Relaxed),
        };
        loop {
            let has_room = |server: &Server| wanted.most.is_none_or(|most| server.in_use() < most);
            let fits = |server: &Server| {
                has_room(server) && if any_up { is_up(server) } else { is_new(server) }
            };
            let best = match wanted.way {
                Way::Hash(key) => self.nearest(key, fits),
                Way::Least => self.idlest(turn, fits),
                Way::Turns => self.next(turn, fits),
            };
            let best = best.ok_or(Nobody::Full)?;
            // Another thread may have taken the last place meanwhile.
            if let Some(lease) = Lease::take(best, wanted.most) {
                return Ok(lease);
            }
        }
    }

    fn next(&self, turn: usize, fits: impl Fn(&Server) -> bool) -> Option<&Arc<Server>> {
        let (before, after) = self.order.split_at_checked(turn % self.order.len().max(1))?;
        let places = after.iter().chain(before);
        places.filter_map(|place| self.servers.get(*place)).find(|server| fits(server))
    }

    fn idlest(&self, turn: usize, fits: impl Fn(&Server) -> bool) -> Option<&Arc<Server>> {
        let (before, after) = self.servers.split_at_checked(turn % self.servers.len().max(1))?;
        let fit = after.iter().chain(before).filter(|server| fits(server));
        // Of equals the first: they take turns.
        fit.reduce(|best, other| if is_idler(other, best) { other } else { best })
    }

    /// Rendezvous hashing: where a server goes, only its own keys move.
    fn nearest(&self, key: u64, fits: impl Fn(&Server) -> bool) -> Option<&Arc<Server>> {
        let fit = self.servers.iter().filter(|server| fits(server));
        fit.max_by(|one, other| score(key, one).total_cmp(&score(key, other)))
    }
}

fn is_idler(one: &Server, other: &Server) -> bool {
    let load = |server: &Server, weight: u32| server.in_use() as u64 * u64::from(weight);
    load(one, other.weight) < load(other, one.weight)
}

#[expect(clippy::cast_precision_loss, reason = "a hash has bits to spare")]
fn score(key: u64, server: &Server) -> f64 {
    let hash = mix(key ^ hash(&bits(server.address)));
    let share = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(server.weight) / share.ln()
}

fn bits(address: SocketAddr) -> [u8; 18] {
    let ip = match address {
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped(),
        SocketAddr::V6(address) => *address.ip(),
    };
    let mut bits = [0; 18];
    let (left, right) = bits.split_at_mut(16);
    left.copy_from_slice(&ip.octets());
    right.copy_from_slice(&address.port().to_be_bytes());
    bits
}

/// The same in every process, so that gateways agree: FNV-1a, mixed.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Spreads a number over all bits (`SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The places of servers with these weights in turns, such that none comes in a heap.
fn turns(weights: &[u32]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let weights: Vec<_> = weights.iter().map(|weight| i64::from(weight / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut credits = vec![0; weights.len()];
    let turn = |_| {
        for (credit, weight) in credits.iter_mut().zip(&weights) {
            *credit += weight;
        }
        let (place, richest) =
            credits.iter_mut().enumerate().rev().max_by_key(|(_, credit)| **credit)?;
        *richest -= total;
        Some(place)
    };
    (0..total).filter_map(turn).collect()
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn pool(weights: &[u32]) -> Pool {
        let address =
            |place: usize| SocketAddr::from(([10, 0, 0, u8::try_from(place).unwrap()], 80));
        let server =
            |(place, weight): (usize, &u32)| Arc::new(Server::new(address(place), place, *weight));
        Pool::new(weights.iter().enumerate().map(server).collect())
    }

    fn choose(pool: &Pool, way: Way, turn: &AtomicUsize) -> usize {
        let wanted = Wanted { most: None, tried: &[], way };
        pool.choose(&wanted, turn).unwrap().server().place
    }

    fn by_hash(pool: &Pool, key: u64) -> usize {
        choose(pool, Way::Hash(hash(&key.to_be_bytes())), &AtomicUsize::new(0))
    }

    #[test]
    fn turns_are_shared_by_weight_and_well_mixed() {
        assert_eq!(turns(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(turns(&[4, 2]), [0, 1, 0]);
        assert_eq!(turns(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&[]), [0; 0]);
    }

    #[test]
    fn whoever_has_the_fewest_requests_for_its_weight_is_next() {
        let (pool, turn) = (pool(&[1, 3]), AtomicUsize::new(0));
        let mut leases = vec![];
        for _ in 0..8 {
            let wanted = Wanted { most: None, tried: &[], way: Way::Least };
            leases.push(pool.choose(&wanted, &turn).unwrap());
        }
        assert_eq!([pool.servers[0].in_use(), pool.servers[1].in_use()], [2, 6]);
    }

    #[test]
    fn keys_are_spread_by_weight() {
        let pool = pool(&[1, 1, 2]);
        let mut shares = [0; 3];
        (0..8000).for_each(|key| shares[by_hash(&pool, key)] += 1);
        assert!(
            (1800..2200).contains(&shares[0]) && (3700..4300).contains(&shares[2]),
            "{shares:?}"
        );
    }

    #[test]
    fn only_the_keys_of_a_server_that_goes_move() {
        let (before, after) = (pool(&[1, 1, 1, 1]), pool(&[1, 1, 1]));
        let mut moved = BTreeMap::new();
        for key in 0..1000 {
            let (old, new) = (by_hash(&before, key), by_hash(&after, key));
            if old != new {
                *moved.entry(old).or_insert(0) += 1;
            }
        }
        assert_eq!(moved.keys().collect::<Vec<_>>(), [&3]);
    }

    #[test]
    fn the_servers_that_are_down_get_nothing_unless_all_are() {
        let (pool, turn) = (pool(&[1, 1]), AtomicUsize::new(0));
        pool.servers[0].checked(false, [1, 1]);
        assert_eq!([(); 3].map(|()| choose(&pool, Way::Turns, &turn)), [1, 1, 1]);
        pool.servers[1].checked(false, [1, 1]);
        let all: Vec<_> = (0..4).map(|_| choose(&pool, Way::Turns, &turn)).collect();
        assert_eq!(all.iter().filter(|place| **place == 0).count(), 2);
    }

    #[test]
    fn a_request_goes_to_none_that_has_failed_it() {
        let (pool, turn) = (pool(&[1, 1]), AtomicUsize::new(0));
        let tried = [pool.servers[0].address, pool.servers[1].address];
        let choose = |tried| {
            let wanted = Wanted { most: None, tried, way: Way::Turns };
            pool.choose(&wanted, &turn).map(|lease| lease.server().place)
        };
        assert_eq!((choose(&tried[..1]), choose(&tried[..1])), (Ok(1), Ok(1)));
        assert_eq!(choose(&tried), Err(Nobody::Left));
    }

    #[test]
    fn where_all_are_full_there_is_no_place_even_if_others_are_down() {
        let (pool, turn) = (pool(&[1, 1]), AtomicUsize::new(0));
        pool.servers[1].checked(false, [1, 1]);
        let choose = || pool.choose(&Wanted { most: Some(1), tried: &[], way: Way::Turns }, &turn);
        let lease = choose().unwrap();
        assert_eq!(choose().err(), Some(Nobody::Full));
        drop(lease);
        assert!(choose().is_ok());
    }
}
