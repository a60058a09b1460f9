use super::*;
use rcgen::date_time_ymd;
use std::time::Duration;

/// Why a certificate with these files is refused.
fn problem(certificate: &str, key: &str) -> String {
    let folder = Folder::new();
    let certificate = folder.write("a.pem", certificate);
    let files = CertificateFiles { certificate, key: folder.write("a.key", key) };
    let error = files.check().unwrap_err().to_string();
    error.replace(&format!("{}/", folder.0.path().display()), "")
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_content() {
    let ca = Issuer::new("ca");
    let good = ca.issue(&["a.example"]);
    let broken = |pem: &str| pem.replacen('M', "!", 1);
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (certificate, key, expected) in [
        ("", &*good.key, "certificate a.pem holds no certificate in PEM"),
        (&good.key, &good.key, "certificate a.pem holds no certificate in PEM"),
        (&broken(&good.certificate), &good.key, "certificate a.pem is damaged: not PEM throughout"),
        (other, &good.key, "certificate a.pem cannot be used: "),
        (&good.certificate, "", "key a.key holds no private key in PEM"),
        (&good.certificate, &good.certificate, "key a.key holds no private key in PEM"),
        (&good.certificate, &broken(&good.key), "key a.key is damaged: not PEM throughout"),
        (&good.certificate, no_key, "key a.key cannot be used: "),
        (&good.certificate, &encrypted, "key a.key is encrypted; "),
        (&good.certificate, &ca.issue(&["a"]).key, "key a.key does not fit its certificate"),
    ] {
        let problem = problem(certificate, key);
        assert!(problem.starts_with(expected), "{problem:?} {expected:?}");
    }
}

#[test]
fn clients_must_be_known_by_certificates() {
    let folder = Folder::new();
    let key = Issuer::new("ca").issue(&["a"]).key;
    let check = |file| ClientCa { file, is_required: true }.check().unwrap_err().to_string();
    let problem = check(folder.write("ca.pem", &key));
    assert!(problem.ends_with("ca.pem holds no certificate in PEM"), "{problem}");
    let problem = check(folder.0.path().join("none.pem"));
    assert!(problem.contains("none.pem cannot be read: No such file"), "{problem}");
}

#[test]
fn an_operator_is_warned_of_a_certificate_that_has_expired_or_fits_no_name() {
    let (folder, ca) = (Folder::new(), Issuer::new("ca"));
    let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2026, 1, 1);
    let settings = folder.tls(&[&ca.sign(&params), &ca.issue(&["192.0.2.7"])]);
    let certificates = Certificates::load(settings).unwrap();
    let path = folder.0.path().display();
    let nameless = format!("certificate {path}/1.pem names no host");
    let new_year = Timestamp::from_micros(1_767_225_600_000_000);
    let expired = format!("certificate {path}/0.pem has expired");
    assert_eq!(
        certificates.warnings(new_year.plus(Duration::from_micros(1))),
        [&*expired, &*nameless]
    );
    assert_eq!(certificates.warnings(new_year), [nameless]);
}
