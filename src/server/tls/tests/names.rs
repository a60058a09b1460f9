use super::*;

#[tokio::test]
async fn the_name_that_a_client_calls_chooses_the_certificate() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let first = ca.issue(&["first.example", "Also.First.example"]);
    let second = ca.issue(&["second.example"]);
    let certificates = Certificates::load(folder.tls(&[&first, &second])).unwrap();
    for (name, expected) in [
        ("first.example", &first),
        ("also.first.example", &first),
        ("second.example", &second),
        ("SECOND.example", &second),
    ] {
        let met = meet(&certificates, ca.client(), name).await.unwrap();
        assert_eq!(met.certificate, expected.chain[0], "{name}");
        assert_eq!(met.server_name, Some(name.to_lowercase()));
    }
}

#[tokio::test]
async fn a_wildcard_stands_for_one_label_and_after_the_name_itself() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let fallback = ca.issue(&["fallback.example"]);
    let wild = ca.issue(&["*.apps.example"]);
    let exact = ca.issue(&["one.apps.example"]);
    let certificates = Certificates::load(folder.tls(&[&fallback, &wild, &exact])).unwrap();
    for (name, expected) in [("two.apps.example", &wild), ("one.apps.example", &exact)] {
        let met = meet(&certificates, ca.client(), name).await.unwrap();
        assert_eq!(met.certificate, expected.chain[0], "{name}");
    }
    for name in ["apps.example", "a.two.apps.example", "example"] {
        let error = meet(&certificates, ca.client(), name).await.unwrap_err();
        assert!(error.contains("fallback.example"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_client_that_calls_no_name_gets_the_first_certificate() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let (first, second) = (ca.issue(&["first.example"]), ca.issue(&["second.example"]));
    let certificates = Certificates::load(folder.tls(&[&first, &second])).unwrap();
    let mut silent = ca.client();
    silent.enable_sni = false;
    let met = meet(&certificates, silent, "first.example").await.unwrap();
    assert_eq!((met.certificate, met.server_name), (first.chain[0].clone(), None));
}

#[tokio::test]
async fn of_two_certificates_for_a_name_the_first_is_shown() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let (one, two) = (ca.issue(&["a.example"]), ca.issue(&["b.example", "a.example"]));
    let certificates = Certificates::load(folder.tls(&[&one, &two])).unwrap();
    let met = meet(&certificates, ca.client(), "a.example").await.unwrap();
    assert_eq!(met.certificate, one.chain[0]);
}

#[tokio::test]
async fn http2_is_spoken_where_both_want_it() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let mut settings = folder.tls(&[&ca.issue(&["a.example"])]);
    for (http2, wanted, expected) in [
        (true, &["h2", "http/1.1"][..], Some(ALPN::H2)),
        (true, &["http/1.1", "h2"], Some(ALPN::H2)),
        (true, &["http/1.1"], Some(ALPN::H1)),
        (true, &[], None),
        (false, &["h2", "http/1.1"], Some(ALPN::H1)),
    ] {
        settings.http2 = http2;
        let certificates = Certificates::load(settings.clone()).unwrap();
        let mut client = ca.client();
        client.alpn_protocols = wanted.iter().map(|name| name.as_bytes().to_vec()).collect();
        let met = meet(&certificates, client, "a.example").await.unwrap();
        assert_eq!(met.alpn, expected, "{http2} {wanted:?}");
    }
}

#[tokio::test]
async fn a_client_that_wants_only_what_is_not_spoken_is_turned_away() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let settings = TlsSettings { http2: false, ..folder.tls(&[&ca.issue(&["a.example"])]) };
    let certificates = Certificates::load(settings).unwrap();
    let mut client = ca.client();
    client.alpn_protocols = vec![b"h2".to_vec()];
    assert!(meet(&certificates, client, "a.example").await.is_err());
}

#[tokio::test]
async fn tls_is_1_2_or_1_3() {
    use rustls::version::{TLS12, TLS13};
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let certificates = Certificates::load(folder.tls(&[&ca.issue(&["a.example"])])).unwrap();
    for version in [&TLS12, &TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(ca.0.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let met = meet(&certificates, client, "a.example").await.unwrap();
        assert_eq!(met.version, version.version);
    }
}
