use super::*;

fn known_by(folder: &Folder, ca: &Issuer, is_required: bool) -> ClientCa {
    ClientCa { file: folder.write("clients.pem", &ca.0.pem()), is_required }
}

#[tokio::test]
async fn where_a_client_certificate_is_required_no_other_client_gets_in() {
    let (folder, ca, clients) = (Folder::new(), Issuer::new("ca"), Issuer::new("clients"));
    let mut settings = folder.tls(&[&ca.issue(&["a.example"])]);
    settings.client_ca = Some(known_by(&folder, &clients, true));
    let certificates = Certificates::load(settings).unwrap();

    let known = ca.client_with(&clients.issue(&["robot"]));
    meet(&certificates, known, "a.example").await.unwrap();
    for (who, client) in [
        ("nobody", ca.client()),
        ("of another", ca.client_with(&ca.issue(&["robot"]))),
        ("of a namesake", ca.client_with(&Issuer::new("clients").issue(&["robot"]))),
    ] {
        assert!(meet(&certificates, client, "a.example").await.is_err(), "{who}");
    }
}

#[tokio::test]
async fn where_a_client_certificate_is_optional_a_wrong_one_is_refused_all_the_same() {
    let (folder, ca, clients) = (Folder::new(), Issuer::new("ca"), Issuer::new("clients"));
    let mut settings = folder.tls(&[&ca.issue(&["a.example"])]);
    settings.client_ca = Some(known_by(&folder, &clients, false));
    let certificates = Certificates::load(settings).unwrap();

    let known = ca.client_with(&clients.issue(&["robot"]));
    meet(&certificates, known, "a.example").await.unwrap();
    meet(&certificates, ca.client(), "a.example").await.unwrap();
    let namesake = ca.client_with(&Issuer::new("clients").issue(&["robot"]));
    assert!(meet(&certificates, namesake, "a.example").await.is_err());
}

#[tokio::test]
async fn a_client_whose_ca_is_gone_does_not_get_in_by_an_old_session() {
    let (folder, ca, clients) = (Folder::new(), Issuer::new("ca"), Issuer::new("clients"));
    let mut settings = folder.tls(&[&ca.issue(&["a.example"])]);
    settings.client_ca = Some(known_by(&folder, &clients, true));
    let certificates = Certificates::load(settings).unwrap();
    // Its clones share what it remembers of sessions.
    let known = ca.client_with(&clients.issue(&["robot"]));
    meet(&certificates, known.clone(), "a.example").await.unwrap();
    let again = meet(&certificates, known.clone(), "a.example").await.unwrap();
    assert!(again.is_resumed);

    known_by(&folder, &Issuer::new("others"), true);
    let refreshed = certificates.refresh();
    assert!(matches!(&refreshed, Refreshed::Changed(names) if names.is_empty()), "{refreshed:?}");
    assert!(meet(&certificates, known, "a.example").await.is_err());
}
