use super::*;
use crate::model::limit::Quota;
use crate::policy::RateBy;
use std::time::Duration;

fn problem(line: &str) -> String {
    let mistakes = mistakes_of(&format!("[limits]\n{line}\n"));
    mistakes.split_once("limits.").unwrap().1.to_owned()
}

fn rate(text: &str) -> Option<Quota> {
    let text = format!("[limits]\nlogin_failures_per_network = \"{text}\"\n");
    Written::file(&text).load().auth.limits.logins_from
}

#[test]
fn a_rate_is_so_many_in_a_time() {
    for (text, count, seconds) in
        [("100/1m", 100, 60), ("5/hour", 5, 3600), ("3/min", 3, 60), ("20/10m", 20, 600)]
    {
        let quota = rate(text).unwrap();
        assert_eq!((quota.count.get(), quota.period), (count, Duration::from_secs(seconds)));
    }
    assert_eq!(rate("off"), None);
}

#[test]
fn what_is_no_rate_is_told() {
    let key = "login_failures_per_network";
    let advice = "write one such as \"100/1m\" or \"5/hour\"";
    for (written, expected) in [
        ("\"100\"", format!("\"100\" is not a rate; {advice}")),
        ("\"0/1m\"", format!("\"0\" is not a number of things in a time; {advice}")),
        ("\"-1/1m\"", format!("\"-1\" is not a number of things in a time; {advice}")),
        ("100", format!("expected text in quotes, not an integer; {advice}")),
        (
            "\"5/fortnight\"",
            "\"fortnight\" is not a duration; write one such as \"10s\"".to_owned(),
        ),
    ] {
        assert_eq!(problem(&format!("{key} = {written}")), format!("{key}: {expected}"));
    }
}

#[test]
fn delays_must_fit_each_other() {
    let line = "login_failures_per_account = { delay = \"2m\", max_delay = \"1m\" }";
    let expected = "login_failures_per_account.max_delay: must not be shorter than the first delay";
    assert_eq!(problem(line), expected);
    let expected = "login_failures_per_account.delay: must be longer than nothing; \
                    max_delay = \"0s\" is no limit";
    assert_eq!(problem("login_failures_per_account = { delay = \"0s\" }"), expected);
    let off = "[limits]\nlogin_failures_per_account = { delay = \"0s\", max_delay = \"0s\" }\n";
    assert_eq!(Written::file(off).load().auth.limits.logins_of, None);
}

#[test]
fn a_network_is_allowed_or_denied() {
    let mistakes = problem("allow = [\"10.0.0.0/8\"]\ndeny = [\"10.0.0.0/8\"]");
    assert_eq!(mistakes, "deny: \"10.0.0.0/8\" is in limits.allow too");
    let config = Written::file("[limits]\ndeny = [\"::/0\", \"192.0.2.1\"]\n").load();
    assert_eq!(config.gateway.exceptions.deny.len(), 2);
    let mapped = Written::file("[limits]\ndeny = [\"::ffff:10.0.0.0/104\"]\n").load();
    assert_eq!(mapped.gateway.exceptions.deny, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn routes_name_a_class() {
    let text = "[[upstreams]]\nname = \"app\"\nservers = [\"127.0.0.1:1\"]\n\
                [[limits.classes]]\nname = \"api\"\nrate = \"600/1m\"\nby = \"token\"\n\
                [[routes]]\npath = \"/\"\nupstream = \"app\"\nrate_class = ";
    let config = Written::file(&format!("{text}\"api\"\n")).load();
    let route = config.gateway.routes.in_order()[0].clone();
    assert_eq!(route.rate.as_ref().unwrap().by, RateBy::Token);
    let expected = "routes[0].rate_class: \"apy\" is not the name of one of [[limits.classes]]; \
                    did you mean \"api\"?";
    assert!(mistakes_of(&format!("{text}\"apy\"\n")).ends_with(expected));
}

#[test]
fn the_names_of_classes_are_plain_and_their_own() {
    let class = |name: &str| format!("[[limits.classes]]\nname = \"{name}\"\nrate = \"1/1s\"\n");
    let twice = mistakes_of(&(class("a") + &class("a")));
    assert!(twice.ends_with("limits.classes: \"a\" is the name of another"), "{twice}");
    for name in ["", "a b", "a/b", "registrations_per_network"] {
        assert!(mistakes_of(&class(name)).contains("limits.classes[0].name"), "{name}");
    }
}
