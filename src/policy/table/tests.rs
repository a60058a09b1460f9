use super::*;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn route(path: &str) -> Route {
    Route { path: path.to_owned(), ..Route::default() }
}

fn table(routes: &[Route]) -> RouteTable {
    RouteTable::new(routes.to_vec()).unwrap()
}

/// The path of the route that a request takes, or its host where that is not any.
fn found(table: &RouteTable, host: &str, request: &str) -> Option<String> {
    let mut words = request.split(' ');
    let method: Method = words.next().unwrap().parse().unwrap();
    let path = CleanPath::parse(words.next().unwrap()).unwrap();
    let named = words.map(|name| (name.parse().unwrap(), HeaderValue::from_static("")));
    let headers: HeaderMap = named.collect();
    let question =
        Question { announced: None, headers: &headers, host, method: &method, path: &path };
    let considered = table.consider(&question);
    let fits = |verdict| matches!(verdict, Verdict::Taken | Verdict::TooLate);
    let first = considered.iter().find(|(_, verdict)| fits(*verdict));
    // What is told of the table is what it does.
    assert_eq!(first.map(|(_, verdict)| *verdict), first.map(|_| Verdict::Taken));
    let taken = table.find(&question);
    assert_eq!(taken.is_some(), first.is_some());
    taken.map(|route| format!("{} {}", route.host, route.path).replace("* ", ""))
}

#[test]
fn the_longest_path_wins_on_segment_borders() {
    let table = table(&[route("/"), route("/app/"), route("/app/admin")]);
    for (path, expected) in [
        ("/", "/"),
        ("/apple", "/"),
        ("/app", "/app/"),
        ("/app/", "/app/"),
        ("/app/x/y", "/app/"),
        ("/app/xxxxxxxxxxxxxxxx", "/app/"),
        ("/app/admin", "/app/admin"),
        ("/app/admin/", "/app/admin"),
        ("/app/admin/x/y/z", "/app/admin"),
        ("/app/administrator", "/app/"),
        ("/appxadmin", "/"),
    ] {
        let request = format!("GET {path}");
        assert_eq!(found(&table, "", &request).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn no_route_is_no_way() {
    let table = table(&[route("/app")]);
    for path in ["/", "/application", "/ap", "/xyz/app/y"] {
        assert_eq!(found(&table, "", &format!("GET {path}")), None, "{path}");
    }
    assert_eq!(found(&RouteTable::default(), "", "GET /"), None);
}

#[test]
fn a_path_of_many_segments_takes_the_deepest_route_that_there_is() {
    let table = table(&[route("/"), route("/a/a")]);
    let deep = format!("GET {}", "/a".repeat(10_000));
    assert_eq!(found(&table, &"a.".repeat(10_000), &deep).as_deref(), Some("/a/a"));
}

#[test]
fn a_host_has_its_own_routes_first_then_its_wildcards_then_any() {
    let on = |host: HostPattern, path: &str| Route { host, ..route(path) };
    let is = |host: &str| HostPattern::Is(host.to_owned());
    let below = |host: &str| HostPattern::Below(host.to_owned());
    let table = table(&[
        route("/own/deep"),
        on(is("a.test"), "/own"),
        on(below("test"), "/own"),
        on(below("b.test"), "/own"),
        on(below("b.test"), "/b"),
    ]);
    for (host, path, expected) in [
        ("a.test", "/own/deep", Some("a.test /own")),
        ("x.a.test", "/own/deep", Some("*.test /own")),
        ("b.test", "/own/deep", Some("*.test /own")),
        ("x.y.b.test", "/own", Some("*.b.test /own")),
        ("x.b.test", "/b", Some("*.b.test /b")),
        ("test", "/own/deep", Some("/own/deep")),
        ("c.test", "/b", None),
        ("", "/own/deep", Some("/own/deep")),
    ] {
        let got = found(&table, host, &format!("GET {path}"));
        assert_eq!(got.as_deref(), expected, "{host}{path}");
    }
}

#[test]
fn a_method_that_a_path_does_not_take_goes_up() {
    let write = Route { methods: Some(vec![Method::POST]), ..route("/app") };
    let table = table(&[route("/"), write]);
    assert_eq!(found(&table, "", "POST /app/x").as_deref(), Some("/app"));
    assert_eq!(found(&table, "", "GET /app/x").as_deref(), Some("/"));
}

#[test]
fn at_one_path_more_headers_go_first_and_then_named_methods() {
    let with = |names: &[&str], methods: Option<Method>, host: &str| Route {
        headers: names.iter().map(|name| name.parse().unwrap()).collect(),
        methods: methods.map(|method| vec![method]),
        host: HostPattern::Is(host.to_owned()),
        ..route("/")
    };
    // The upstream tells them apart.
    let number = |upstream, route| Route { upstream: Some(upstream), ..route };
    let table = table(&[
        number(0, with(&[], None, "h")),
        number(1, with(&[], Some(Method::GET), "h")),
        number(2, with(&["x-a"], None, "h")),
        number(3, with(&["x-a"], Some(Method::GET), "h")),
        number(4, with(&["x-a", "x-b"], None, "h")),
    ]);
    let order: Vec<_> = table.in_order().iter().map(|route| route.upstream.unwrap()).collect();
    assert_eq!(order, [4, 3, 2, 1, 0]);
    let path = CleanPath::parse("/").unwrap();
    for (method, names, expected) in [
        (Method::POST, &[][..], 0),
        (Method::GET, &[], 1),
        (Method::GET, &["x-b"], 1),
        (Method::POST, &["x-a"], 2),
        (Method::GET, &["x-a"], 3),
        (Method::GET, &["x-a", "x-b"], 4),
    ] {
        let named = names.iter().map(|name| (name.parse().unwrap(), HeaderValue::from(1)));
        let headers: HeaderMap = named.collect();
        let question = Question {
            announced: None,
            headers: &headers,
            host: "h",
            method: &method,
            path: &path,
        };
        let taken = table.find(&question).and_then(|route| route.upstream);
        assert_eq!(taken, Some(expected), "{method} {names:?}");
    }
}

#[test]
fn a_preflight_has_the_headers_that_it_announces() {
    let table =
        table(&[route("/"), Route { headers: vec!["x-a".parse().unwrap()], ..route("/a") }]);
    let (headers, path) = (HeaderMap::new(), CleanPath::parse("/a").unwrap());
    for (announced, expected) in [("x-b, X-A", "/a"), ("x-ab", "/")] {
        let announced = HeaderValue::from_static(announced);
        let question = Question {
            announced: Some(&announced),
            headers: &headers,
            host: "",
            method: &Method::GET,
            path: &path,
        };
        assert_eq!(table.find(&question).map(|route| &*route.path), Some(expected));
    }
}

#[test]
fn every_route_near_a_request_says_why_it_was_passed_over() {
    let table = table(&[
        route("/"),
        Route { methods: Some(vec![Method::POST]), ..route("/a") },
        Route { headers: vec!["x-a".parse().unwrap()], ..route("/a") },
        Route { host: HostPattern::Is("b.test".to_owned()), ..route("/a") },
        route("/b"),
    ]);
    let (headers, path) = (HeaderMap::new(), CleanPath::parse("/a/x").unwrap());
    let method = Method::GET;
    let question = Question {
        announced: None,
        headers: &headers,
        host: "a.test",
        method: &method,
        path: &path,
    };
    let considered = table.consider(&question);
    let verdicts: Vec<_> = considered.into_iter().map(|(_, verdict)| verdict).collect();
    let name: HeaderName = "x-a".parse().unwrap();
    let expected =
        [Verdict::OtherHost, Verdict::LacksHeader(&name), Verdict::OtherMethod, Verdict::Taken];
    assert_eq!(verdicts, expected);
}

#[test]
fn a_final_slash_changes_no_place_in_the_order() {
    let plain = Route { path: "/a".to_owned(), ..Route::default() };
    let names = vec!["x-a".parse().unwrap()];
    let special = Route { headers: names, path: "/a/".to_owned(), ..Route::default() };
    let table = RouteTable::new(vec![plain, special]).unwrap();
    let paths: Vec<_> = table.in_order().into_iter().map(|route| route.path.as_str()).collect();
    assert_eq!(paths, ["/a/", "/a"]);
}

/// Few words, so that routes and requests meet.
fn any_path() -> impl Strategy<Value = String> {
    let segments = prop::collection::vec(select(vec!["a", "b", "ab"]), 0..4);
    (segments, any::<bool>()).prop_map(|(segments, has_slash)| {
        let path = format!("/{}", segments.join("/"));
        if has_slash && path.len() > 1 { path + "/" } else { path }
    })
}

fn any_headers() -> impl Strategy<Value = Vec<HeaderName>> {
    let names = ["x-a", "x-b", "x-c"].map(HeaderName::from_static);
    subsequence(names.to_vec(), 0..=3)
}

fn any_route() -> impl Strategy<Value = Route> {
    let methods = subsequence(vec![Method::GET, Method::POST, Method::PUT], 1..=2);
    let names = vec!["a.t", "b.a.t", "c.b.a.t"];
    let parents = vec!["t", "a.t", "b.a.t"];
    let host = prop_oneof![
        Just(HostPattern::Any),
        select(names).prop_map(|host| HostPattern::Is(host.to_owned())),
        select(parents).prop_map(|parent| HostPattern::Below(parent.to_owned())),
    ];
    let parts = (any_path(), host, prop::option::of(methods), any_headers());
    parts.prop_map(|(path, host, methods, headers)| Route {
        headers,
        host,
        methods,
        path,
        ..Route::default()
    })
}

/// Takes the routes one by one and leaves out each that clashes with those before it.
fn without_ties(routes: Vec<Route>) -> RouteTable {
    let mut kept = Vec::new();
    for route in routes {
        kept.push(route);
        if RouteTable::new(kept.clone()).is_err() {
            kept.pop();
        }
    }
    RouteTable::new(kept).unwrap()
}

proptest! {
    #[test]
    fn a_look_up_finds_what_asking_every_route_in_order_finds(
        routes in prop::collection::vec(any_route(), 0..16),
        path in any_path(),
        host in select(vec!["", "t", "a.t", "b.a.t", "c.b.a.t", "x.c.b.a.t", "at"]),
        method in select(vec![Method::GET, Method::POST, Method::DELETE]),
        names in any_headers(),
    ) {
        let table = without_ties(routes);
        let path = CleanPath::parse(&path).unwrap();
        let named = names.into_iter().map(|name| (name, HeaderValue::from_static("")));
        let headers: HeaderMap = named.collect();
        let question =
            Question { announced: None, headers: &headers, host, method: &method, path: &path };
        let fits = |route: &&Arc<Route>| {
            route.host.covers(host)
                && holds(&route.path, &path)
                && route.misfit(&question).is_none()
        };
        let first = table.in_order().into_iter().find(fits);
        prop_assert_eq!(table.find(&question), first);
    }
}
