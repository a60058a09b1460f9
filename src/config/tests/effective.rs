//! What is told of the settings: their values, where each comes from, and no secret.

use super::super::effective::Effective;
use super::*;
use crate::admin::Setting;

fn of(written: &Written) -> Vec<Setting> {
    let dir = format!("{}/", written.dir.path().display());
    let mut settings = written.load().effective;
    for setting in &mut settings {
        setting.origin = setting.origin.take().map(|origin| origin.replace(&dir, ""));
    }
    settings
}

/// The value of a setting and where it comes from.
fn told(settings: &[Setting], name: &str) -> (String, String) {
    let setting = settings.iter().find(|setting| setting.name == name);
    let setting = setting.unwrap_or_else(|| panic!("{name} is not told"));
    (setting.value.clone(), setting.origin.clone().unwrap_or_else(|| "default".to_owned()))
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn each_setting_is_told_as_it_is_written_and_with_its_place() {
    let text = "[tokens]\nlifetime = \"2h\"\n[limits]\nallow = [\"10.0.0.0/8\"]\ngateways = 3\n\
                [passwords]\nargon2 = { iterations = 3 }\n";
    let written = Written::file(text)
        .environment([
            ("AUTHGATE__SERVER__MAX_BODY", "2MiB"),
            ("AUTHGATE__EVENTS__KEEP", "7d"),
            ("AUTHGATE__LIMITS__DENY", "192.0.2.0/24, 192.0.2.9"),
        ])
        .flags(Flags { listen: vec!["127.0.0.1:1".to_owned()], ..Flags::default() });
    let settings = of(&written);
    let told = |name| told(&settings, name);
    assert_eq!(told("tokens.lifetime"), pair("\"2h\"", "authgate.toml:2:12"));
    assert_eq!(told("limits.allow"), pair("[\"10.0.0.0/8\"]", "authgate.toml:4:9"));
    assert_eq!(told("limits.gateways"), pair("3", "authgate.toml:5:12"));
    assert_eq!(told("passwords.argon2.iterations"), pair("3", "authgate.toml:7:25"));
    assert_eq!(told("server.max_body"), pair("2MiB", "environment AUTHGATE__SERVER__MAX_BODY"));
    assert_eq!(told("server.listen"), pair("[\"127.0.0.1:1\"]", "--listen"));
    let deny = pair("192.0.2.0/24, 192.0.2.9", "environment AUTHGATE__LIMITS__DENY");
    assert_eq!(told("limits.deny"), deny);
    assert_eq!(told("tokens.scheme"), pair("\"Token\"", "default"));
    assert_eq!(told("passwords.argon2.memory"), pair("\"19MiB\"", "default"));
}

#[test]
fn a_setting_is_told_with_what_the_handbook_says_of_it() {
    let settings = of(&Written::file(""));
    let meaning = |name: &str| {
        let setting = settings.iter().find(|setting| setting.name == name);
        setting.unwrap().meaning.clone()
    };
    assert_eq!(meaning("tokens.prefix"), {
        "what each token begins with, so that scanners find leaked ones; at most 10 characters"
    });
    assert_eq!(meaning("passwords.argon2.memory"), {
        "the cost of a hash; old hashes follow at the next login"
    });
    let names: Vec<_> = settings.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"server.listen"), Some(&"routes")));
}

#[test]
fn lists_of_sections_are_summed_up() {
    let route = |path: usize| format!("[[routes]]\npath = \"/{path}\"\naccess = \"nobody\"\n");
    let text: String = (0..8).map(route).collect();
    let upstreams = "[[upstreams]]\nname = \"a\"\nservers = [\"h:1\"]\n\
                     [[upstreams]]\nname = \"b\"\nservers = [\"h:2\"]\n\
                     [[listeners]]\naddress = \"127.0.0.1:1\"\n";
    let settings = of(&Written::file(&(text + upstreams)));
    let routes = pair("8: \"/0\", \"/1\", \"/2\", \"/3\", \"/4\", \"/5\", …", "authgate.toml:1:1");
    assert_eq!(told(&settings, "routes"), routes);
    assert_eq!(told(&settings, "upstreams"), pair("2: \"a\", \"b\"", "authgate.toml:25:1"));
    assert_eq!(told(&settings, "listeners").0, "1: \"127.0.0.1:1\"");
    let is_told = |name: &str| settings.iter().any(|setting| setting.name == name);
    assert!(!is_told("server.listen"), "by default there is none beside others");
    assert!(!settings.iter().any(|setting| setting.name.starts_with("routes.")));
}

#[test]
fn no_secret_is_told() {
    for (url, shown) in [
        ("redis://me:pa55@word@h:6379/1", "redis://…@h:6379/1"),
        ("rediss://:pa55word@h/0?x=pa55word", "rediss://…@h/0?…"),
        ("redis://h:6379/1", "redis://h:6379/1"),
        ("sqlite:/var/lib/x@y.db", "sqlite:/var/lib/x@y.db"),
    ] {
        let settings = of(&Written::file(&format!("[store]\nurl = \"{url}\"\n")));
        let expected = pair(&format!("\"{shown}\""), "authgate.toml:2:7");
        assert_eq!(told(&settings, "store.url"), expected);
        let written = Written::file("").environment([("AUTHGATE__STORE__URL", url)]);
        assert!(!format!("{:?}", of(&written)).contains("pa55"), "{url}");
    }
    let written = Written::file("");
    let file = written.extra("url", "redis://me:pa55word@h/\n").display().to_string();
    let settings = of(&written.environment([("AUTHGATE__STORE__URL_FILE", &file)]));
    assert!(told(&settings, "store.url_file").0.ends_with("/url"));
    assert!(!settings.iter().any(|setting| setting.name == "store.url"));
    assert!(!format!("{settings:?}").contains("pa55"));
}

#[test]
fn nothing_is_told_that_nobody_asked_for() {
    assert_eq!(Effective::default().settings(), []);
}
