use super::*;

#[test]
fn what_is_said_of_an_upstream_must_fit() {
    let text = r#"
[dns]
servers = ["10.0.0.2"]
[[upstreams]]
name = "shop"
servers = ["a:1", { address = "a:1" }, { address = "b:1", weight = 0 }, { weight = 2 }, { address = "c:1", wait = 1 }]
balance = "hash-header"
protocol = "h2"
retries = 11
eject_after = 1001
health = { host = "a/b", expect = [100] }
tls = { verify = false, ca = "nowhere.pem", client_key = "nowhere.pem" }
[[routes]]
path = "/"
upstream = "shop"
"#;
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:3:12: dns.servers: \"10.0.0.2\" is not a name server; write IP:PORT, \
         such as \"10.0.0.2:53\"\n\
         authgate.toml:4:1: upstreams[0].hash_header: is missing\n\
         authgate.toml:6:19: upstreams[0].servers: \"a:1\" is there already; give it a weight\n\
         authgate.toml:6:40: upstreams[0].servers: weight: 0 is out of bounds; write one from \
         1 to 100\n\
         authgate.toml:6:73: upstreams[0].servers: the `address` of a server is missing\n\
         authgate.toml:6:89: upstreams[0].servers: a server has an `address` and a `weight`, \
         but no `wait`\n\
         authgate.toml:9:11: upstreams[0].retries: 11 is out of bounds; write one from 0 to \
         10\n\
         authgate.toml:10:15: upstreams[0].eject_after: 1001 is out of bounds; write one from \
         0 to 1000\n\
         authgate.toml:11:19: upstreams[0].health.host: \"a/b\" is not a host; write one such \
         as \"app.example.com\"\n\
         authgate.toml:11:19: upstreams[0].health.host: has no use without a path\n\
         authgate.toml:11:35: upstreams[0].health.expect: has no use without a path\n\
         authgate.toml:11:36: upstreams[0].health.expect: 100 is out of bounds; write one \
         from 200 to 599\n\
         authgate.toml:12:7: upstreams[0].tls.client_certificate: is missing; client_key \
         needs it\n\
         authgate.toml:12:18: upstreams[0].tls.verify: is true, or, where anyone may pose as \
         a server, \"insecure-trust-any-server\"\n\
         authgate.toml:12:30: upstreams[0].tls.ca: \"nowhere.pem\" cannot be read: No such \
         file or directory (os error 2)\n\
         authgate.toml:12:58: upstreams[0].tls.client_key: \"nowhere.pem\" cannot be read: No \
         such file or directory (os error 2)"
    );
}

#[test]
fn what_has_no_use_is_a_mistake() {
    let text = r#"
[[upstreams]]
name = "other"
servers = ["https://a:1", "b:1"]
hash_header = "a b"
protocol = "h2c"
total_timeout = "0s"
health = { path = "healthz" }
"#;
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:4:11: upstreams[0].servers: some are https:// and some are not: make them \
         all alike, or two upstreams\n\
         authgate.toml:5:15: upstreams[0].hash_header: \"a b\" is not the name of a header; \
         write one such as \"X-Shard\"\n\
         authgate.toml:5:15: upstreams[0].hash_header: has no use unless balance is \
         \"hash-header\"\n\
         authgate.toml:6:12: upstreams[0].protocol: \"h2c\" has no TLS; write \"h2\"\n\
         authgate.toml:7:17: upstreams[0].total_timeout: must be longer than nothing; for no \
         end write \"never\"\n\
         authgate.toml:8:19: upstreams[0].health.path: \"healthz\" is not a path; write one \
         such as \"/healthz\""
    );
}

fn upstream(line: &str) -> crate::gateway::UpstreamSettings {
    let text = format!("[[upstreams]]\nname = \"a\"\n{line}\n");
    Written::file(&text).load().gateway.upstreams.remove(0)
}

#[test]
fn a_server_may_have_a_weight_and_speak_tls() {
    let servers = |list: &str| {
        let servers = upstream(&format!("servers = [{list}]")).servers.into_iter();
        servers.map(|one| (one.address, one.is_tls, one.weight)).collect::<Vec<_>>()
    };
    let is = |(address, is_tls, weight): (&str, bool, u32)| (address.to_owned(), is_tls, weight);
    let plain = servers(r#""a:1", "http://b:1/", { address = "[::1]:1", weight = 3 }"#);
    assert_eq!(plain, [("a:1", false, 1), ("b:1", false, 1), ("[::1]:1", false, 3)].map(is));
    let secure = servers(r#""https://c:1", { address = "https://[::1]:1", weight = 3 }"#);
    assert_eq!(secure, [("c:1", true, 1), ("[::1]:1", true, 3)].map(is));
}

#[test]
fn a_section_of_tls_is_for_all_servers() {
    let upstream = upstream("servers = [\"a:1\"]\ntls = { server_name = \"b\" }");
    assert!(upstream.servers[0].is_tls && !upstream.tls.is_blind);
    assert_eq!(upstream.tls.server_name.as_deref(), Some("b"));
}

#[test]
fn servers_are_trusted_without_proof_by_their_own_words_alone() {
    let verify = |word: &str| {
        upstream(&format!("servers = [\"a:1\"]\ntls = {{ verify = {word} }}")).tls.is_blind
    };
    assert!(!verify("true"));
    assert!(verify("\"insecure-trust-any-server\""));
}
