use super::*;

#[tokio::test]
async fn new_connections_get_the_certificate_that_is_in_the_files_now() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let kept = ca.issue(&["kept.example"]);
    let certificates = Certificates::load(folder.tls(&[&kept, &ca.issue(&["a.example"])])).unwrap();
    assert!(matches!(certificates.refresh(), Refreshed::Unchanged));

    let renewed = ca.issue(&["a.example", "b.example"]);
    folder.put("1", &renewed);
    let refreshed = certificates.refresh();
    let Refreshed::Changed(names) = refreshed else { panic!("{refreshed:?}") };
    assert_eq!(names, ["a.example", "b.example"]);
    assert!(matches!(certificates.refresh(), Refreshed::Unchanged));
    for (name, expected) in
        [("a.example", &renewed), ("b.example", &renewed), ("kept.example", &kept)]
    {
        let met = meet(&certificates, ca.client(), name).await.unwrap();
        assert_eq!(met.certificate, expected.chain[0], "{name}");
    }
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_certificate_and_is_told_once() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let old = ca.issue(&["a.example"]);
    let certificates = Certificates::load(folder.tls(&[&old])).unwrap();
    let renewed = ca.issue(&["a.example"]);
    let kept = |expected: &str| {
        let refreshed = certificates.refresh();
        let Refreshed::Kept(error) = refreshed else { panic!("{refreshed:?}") };
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(matches!(certificates.refresh(), Refreshed::Unchanged));
    };

    folder.write("0.pem", "nothing");
    kept("0.pem holds no certificate in PEM");
    std::fs::remove_file(folder.0.path().join("0.pem")).unwrap();
    kept("0.pem cannot be read: No such file or directory (os error 2)");
    // Between the two files of a renewal they do not fit each other.
    folder.write("0.pem", &renewed.certificate);
    kept("0.key does not fit its certificate");
    let met = meet(&certificates, ca.client(), "a.example").await.unwrap();
    assert_eq!(met.certificate, old.chain[0]);

    folder.write("0.key", &renewed.key);
    assert!(matches!(certificates.refresh(), Refreshed::Changed(_)));
    let met = meet(&certificates, ca.client(), "a.example").await.unwrap();
    assert_eq!(met.certificate, renewed.chain[0]);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_a_change() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let (old, renewed) = (ca.issue(&["a.example"]), ca.issue(&["a.example"]));
    let (settings, path) = (folder.tls(&[&old]), folder.0.path());
    folder.put("old", &old);
    folder.put("renewed", &renewed);
    let point_to = |version: &str| {
        for kind in ["pem", "key"] {
            let link = path.join(format!("0.{kind}"));
            std::fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(format!("{version}.{kind}"), link).unwrap();
        }
    };
    point_to("old");
    let certificates = Certificates::load(settings).unwrap();
    point_to("renewed");
    assert!(matches!(certificates.refresh(), Refreshed::Changed(_)));
    let met = meet(&certificates, ca.client(), "a.example").await.unwrap();
    assert_eq!(met.certificate, renewed.chain[0]);
}
