//! The console where the store is a Redis Cluster.

use super::{Browser, make_operator};
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::upstream::Upstream;

#[test]
fn clients_and_operators_are_served_where_the_store_is_a_cluster() {
    let (upstream, cluster) = (Upstream::start(), RedisCluster::start(3, 0));
    let settings = upstream.settings() + ROUTES + &cluster.settings();
    let gateways = [(); 2].map(|()| Gateway::metered(&settings));
    let [one, other] = &gateways;
    for name in ["alice", "bob", "carol", "dave"] {
        let token = one.register(name);
        assert_eq!(other.status_of(&token), 200, "{name}");
        assert_eq!(other.send(&Request::post("/api/logoutall/").token(&token)).status, 204);
        assert_eq!(one.status_of(&token), 401, "{name}");
    }
    make_operator(one, "ada");
    let mut browser = Browser::of(other);
    for _ in 0..2 {
        assert_eq!(browser.try_sign_in("ada", "wrong").status, 401);
    }
    browser.sign_in("ada");
    for page in ["", "users/", "tokens/", "limits/", "events/", "routes/", "settings/"] {
        assert_eq!(browser.get(&format!("/admin/{page}")).status, 200, "{page}");
    }
    let limits = browser.get("/admin/limits/").text();
    assert!(limits.contains("ada"), "{limits}");
}
