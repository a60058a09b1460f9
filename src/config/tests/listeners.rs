use super::*;
use crate::server::listener::{ConnectionLimits, ListenerSettings};
use crate::server::redirect::Redirect;
use crate::server::tls::{CertificateFiles, ClientCa, TlsSettings};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use std::time::Duration;

/// A file of settings, beside a good certificate `a.pem` and its key `a.key`.
fn beside_certificate(text: &str) -> Written {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let written = Written::file(text);
    let certificate = written.extra("a.pem", &cert.pem());
    written.extra("a.key", &signing_key.serialize_pem());
    let folder = certificate.parent().unwrap().display();
    written.extra("authgate.toml", &text.replace('@', &format!("{folder}/")));
    written
}

#[test]
fn a_listener_has_what_is_written() {
    let written = beside_certificate(
        r#"
[[listeners]]
address = "0.0.0.0:443"
certificates = [{ certificate = "@a.pem", key = "@a.key" }]
client_ca = "@a.pem"
client_certificate = "optional"
http2 = false
proxy_protocol = ["10.0.0.0/8", "192.0.2.7"]
[[listeners]]
address = "[::]:80"
redirect_to_https = 8443
[[listeners]]
address = "127.0.0.1:80"
redirect_to_https = true
h2c = true
"#,
    );
    let file = |name| written.dir.path().join(name);
    let tls = TlsSettings {
        certificates: vec![CertificateFiles { certificate: file("a.pem"), key: file("a.key") }],
        client_ca: Some(ClientCa { file: file("a.pem"), is_required: false }),
        http2: false,
    };
    let plain = |address: &str| ListenerSettings::plain(address.parse().unwrap());
    let networks = ["10.0.0.0/8".parse().unwrap(), "192.0.2.7/32".parse().unwrap()];
    let expected = [
        ListenerSettings {
            tls: Some(tls),
            proxy_protocol: networks.to_vec(),
            ..plain("0.0.0.0:443")
        },
        ListenerSettings { redirect: Some(Redirect { port: 8443 }), ..plain("[::]:80") },
        ListenerSettings {
            redirect: Some(Redirect { port: 443 }),
            h2c: true,
            ..plain("127.0.0.1:80")
        },
    ];
    assert_eq!(written.load().server.listeners, expected);
}

#[test]
fn a_client_certificate_is_required_and_http2_offered_unless_it_is_said() {
    let text = "[[listeners]]\naddress = \"[::]:0\"\nclient_ca = \"@a.pem\"\n\
                certificates = [{ certificate = \"@a.pem\", key = \"@a.key\" }]\n";
    let listeners = beside_certificate(text).load().server.listeners;
    let tls = listeners[0].tls.as_ref().unwrap();
    assert!(tls.http2 && tls.client_ca.as_ref().unwrap().is_required);
}

#[test]
fn beside_other_listeners_only_what_is_written_is_listened_on() {
    let addresses = |listen: &str| {
        let text = format!("[server]\n{listen}\n[[listeners]]\naddress = \"127.0.0.1:1\"\n");
        let listeners = Written::file(&text).load().server.listeners.into_iter();
        listeners.map(|listener| listener.address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(addresses(""), ["127.0.0.1:1"]);
    assert_eq!(addresses("listen = []"), ["127.0.0.1:1"]);
    assert_eq!(addresses("listen = [\"127.0.0.1:2\"]"), ["127.0.0.1:2", "127.0.0.1:1"]);
}

#[test]
fn the_listen_flag_leaves_other_listeners() {
    let written = Written::file("[[listeners]]\naddress = \"127.0.0.1:1\"\n");
    let listen = vec!["127.0.0.1:2".to_owned()];
    let listeners = written.flags(Flags { listen, ..Flags::default() }).load().server.listeners;
    assert_eq!(listeners.len(), 2);
}

#[test]
fn the_environment_may_hold_listeners() {
    let listeners = "[{ address = \"127.0.0.1:1\", h2c = true }]";
    let written = Written::file("").environment([("AUTHGATE__LISTENERS", listeners)]);
    assert!(written.load().server.listeners[0].h2c);
}

#[test]
fn contradictions_in_a_listener_are_told() {
    let written = beside_certificate(
        r#"
[[listeners]]
address = "127.0.0.1:1"
certificates = [{ certificate = "@a.pem", key = "@a.key" }]
h2c = true
redirect_to_https = true
client_certificate = "optional"
[[listeners]]
address = "127.0.0.1:2"
http2 = false
client_ca = "@a.pem"
[[listeners]]
address = "127.0.0.1:3"
certificates = []
client_certificate = "always"
redirect_to_https = 0
proxy_protocol = ["0.0.0.0/0"]
[[listeners]]
certificates = [{}]
"#,
    );
    assert_eq!(
        written.mistakes(),
        "authgate.toml:5:7: listeners[0].h2c: is HTTP/2 without TLS, but this listener has \
         certificates\n\
         authgate.toml:6:21: listeners[0].redirect_to_https: leads from a plain listener to HTTPS, \
         but this one has certificates\n\
         authgate.toml:7:22: listeners[0].client_certificate: needs client_ca, the file of those \
         whose certificates clients may show\n\
         authgate.toml:10:9: listeners[1].http2: is for listeners with certificates, and this one \
         has none\n\
         authgate.toml:11:13: listeners[1].client_ca: is for listeners with certificates, and this \
         one has none\n\
         authgate.toml:14:16: listeners[2].certificates: must name at least one\n\
         authgate.toml:15:22: listeners[2].client_certificate: \"always\" is not one of \
         \"required\", \"optional\"\n\
         authgate.toml:15:22: listeners[2].client_certificate: needs client_ca, the file of those \
         whose certificates clients may show\n\
         authgate.toml:16:21: listeners[2].redirect_to_https: 0 is out of bounds; write one from 1 \
         to 65535\n\
         authgate.toml:17:19: listeners[2].proxy_protocol: \"0.0.0.0/0\" is everyone: any client \
         could then forge its address\n\
         authgate.toml:18:1: listeners[3].address: is missing\n\
         authgate.toml:19:17: listeners[3].certificates[0].certificate: is missing\n\
         authgate.toml:19:17: listeners[3].certificates[0].key: is missing"
    );
}

#[test]
fn no_address_is_listened_on_twice() {
    let text = "[server]\nlisten = [\"127.0.0.1:1\"]\n[[listeners]]\naddress = \"127.0.0.1:1\"\n\
                [[listeners]]\naddress = \"127.0.0.1:2\"\n[[listeners]]\n\
                address = \"127.0.0.1:2\"\n[ops]\nlisten = \"127.0.0.1:2\"\n";
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:4:11: listeners.address: \"127.0.0.1:1\" is there already\n\
         authgate.toml:8:11: listeners.address: \"127.0.0.1:2\" is there already\n\
         authgate.toml:10:10: ops.listen: \"127.0.0.1:2\" is that of a listener already; write \
         another port"
    );
    let expected = "authgate.toml:1:13: listeners: must name at least one";
    assert_eq!(mistakes_of("listeners = []\n"), expected);
}

#[test]
fn files_of_certificates_are_read_and_told_of_at_their_places() {
    let written = beside_certificate(
        r#"
[[listeners]]
address = "127.0.0.1:1"
client_ca = "@a.key"
certificates = [
    { key = "@none.key", certificate = "@a.pem" },
    { certificate = "@a.key", key = "@a.key" },
    { key = "@b.key", certificate = "@a.pem" },
    { key = 3, certificate = "@a.pem" },
    { certificate = "", key = "-----BEGIN PRIVATE KEY-----" },
]
"#,
    );
    written.extra("b.key", &KeyPair::generate().unwrap().serialize_pem());
    assert_eq!(
        written.mistakes(),
        "authgate.toml:4:13: listeners[0].client_ca: holds no certificate in PEM\n\
         authgate.toml:6:13: listeners[0].certificates[0].key: cannot be read: No such file or \
         directory (os error 2)\n\
         authgate.toml:7:21: listeners[0].certificates[1].certificate: holds no certificate in PEM\n\
         authgate.toml:8:13: listeners[0].certificates[2].key: does not fit its certificate\n\
         authgate.toml:9:13: listeners[0].certificates[3].key: expected the name of a file in \
         quotes, not an integer\n\
         authgate.toml:10:21: listeners[0].certificates[4].certificate: is empty; write the name of \
         a file"
    );
}

#[test]
fn connections_have_limits_by_default_and_none_by_zero() {
    let limits = |text: &str| Written::file(text).load().server.limits;
    let default = ConnectionLimits {
        handshake_timeout: Duration::from_secs(10),
        max_connections: Some(10_000),
        max_connections_per_address: Some(1000),
    };
    assert_eq!(limits(""), default);
    let written = limits(
        "[server]\nhandshake_timeout = \"1s\"\nmax_connections = 0\n\
         max_connections_per_address = 0\n",
    );
    let expected = ConnectionLimits {
        handshake_timeout: Duration::from_secs(1),
        max_connections: None,
        max_connections_per_address: None,
    };
    assert_eq!(written, expected);
}

#[test]
fn a_connection_is_kept_for_a_minute_and_a_head_has_32_kib_by_default() {
    let of = |text: &str| {
        let gateway = Written::file(text).load().gateway;
        (gateway.keep_alive, gateway.max_head)
    };
    assert_eq!(of(""), (Duration::from_mins(1), 32 * 1024));
    let written = of("[server]\nkeep_alive = \"2s\"\nmax_head = \"1MiB\"\n");
    assert_eq!(written, (Duration::from_secs(2), 1024 * 1024));
}

#[test]
fn limits_that_cannot_be_kept_are_told() {
    let long = "x".repeat(108);
    let text = format!(
        "[server]\nkeep_alive = \"500ms\"\nmax_head = 1023\nmax_connections = -1\n\
         handshake_timeout = \"0s\"\ncontrol = \"{long}\"\n"
    );
    assert_eq!(
        mistakes_of(&text),
        "authgate.toml:2:14: server.keep_alive: is too short to be kept; write \"1s\" or more\n\
         authgate.toml:3:12: server.max_head: is out of bounds; write a size from \"1KiB\" to \
         \"1MiB\"\n\
         authgate.toml:4:19: server.max_connections: -1 is out of bounds; write one from 0 to \
         1000000\n\
         authgate.toml:5:21: server.handshake_timeout: must be longer than nothing\n\
         authgate.toml:6:11: server.control: is too long for a socket; write a path of at most 107 \
         bytes"
    );
}

#[test]
fn a_control_socket_is_there_if_it_is_named() {
    let control = |text: &str| Written::file(text).load().server.control;
    assert_eq!(control("[server]\ncontrol = \"\"\n"), None);
    let expected = Some(PathBuf::from("/run/authgate/control"));
    assert_eq!(control("[server]\ncontrol = \"/run/authgate/control\"\n"), expected);
}
