//! What `[store]` may say.

use super::*;
use crate::store;

fn mistakes(store: &str) -> String {
    mistakes_of(&format!("[store]\n{store}"))
}

#[test]
fn an_authority_is_for_redis_by_tls_alone() {
    let authority = rcgen::generate_simple_self_signed(vec!["redis".to_owned()]).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.cert.pem()).unwrap();
    let file = format!("ca_file = \"{}\"\n", file.display());
    for scheme in ["rediss", "rediss+cluster"] {
        let text = format!("[store]\nurl = \"{scheme}://h\"\n{file}");
        let config = Config::load(&Written::file(&text).source);
        let store::Settings::Redis { authorities, .. } = config.unwrap().store else { panic!() };
        assert!(authorities.is_some_and(|pem| pem.starts_with(b"-----BEGIN CERTIFICATE")));
    }
    let without_tls = mistakes(&format!("url = \"redis://h\"\n{file}"));
    assert!(without_tls.contains("store.ca_file: has no use without TLS"), "{without_tls}");
    let of_a_file = mistakes(&file);
    assert!(of_a_file.contains("store.ca_file: is for Redis"), "{of_a_file}");
    let missing = mistakes("url = \"rediss://h\"\nca_file = \"/nowhere\"\n");
    assert!(missing.contains("store.ca_file: \"/nowhere\" cannot be read"), "{missing}");
}

#[test]
fn a_grace_may_be_none() {
    let grace = |text: &str| {
        let config = Config::load(&Written::file(&format!("[store]\n{text}")).source).unwrap();
        config.auth.cache.outage_grace.as_secs()
    };
    assert_eq!(["", "outage_grace = \"0s\"", "outage_grace = \"1m\""].map(grace), [0, 0, 60]);
}
