//! Routes: which requests lead where, and who may take them.

use super::CleanPath;
use http::Method;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// One rule of the table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Who may take it.
    pub access: Access,
    /// Its host, in lower case and without a port; `None` is any.
    pub host: Option<String>,
    /// Its methods; `None` is all.
    pub methods: Option<Vec<Method>>,
    /// Its paths: this one and those below it. `/app` and `/app/` mean the same.
    pub path: String,
    /// Where it leads: the place of an upstream in the settings. Without one nobody may take it.
    pub upstream: Option<usize>,
}

impl Route {
    fn takes(&self, method: &Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }
}

/// The routes, found by host, then by the longest path, then by method.
///
/// A lookup costs as many probes as the path has segments, whatever the number of routes.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    any_host: ByPath,
    by_host: HashMap<String, ByPath>,
}

type ByPath = HashMap<String, Vec<Arc<Route>>>;

impl RouteTable {
    /// A table of these routes. Fails with the places, in pairs, of routes that claim the same
    /// requests.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<(usize, usize)>> {
        let clashes = clashes(&routes);
        if !clashes.is_empty() {
            return Err(clashes);
        }
        let mut table = Self::default();
        for route in routes {
            let by_path = match &route.host {
                Some(host) => table.by_host.entry(host.clone()).or_default(),
                None => &mut table.any_host,
            };
            by_path.entry(trim(&route.path).to_owned()).or_default().push(Arc::new(route));
        }
        for same_path in
            table.by_host.values_mut().chain([&mut table.any_host]).flat_map(ByPath::values_mut)
        {
            // A route that names its methods goes before the one that takes the rest.
            same_path.sort_by_key(|route| route.methods.is_none());
        }
        Ok(table)
    }

    /// The route that a request takes. The host is in lower case and without a port.
    ///
    /// The routes of the request's own host are asked first; those for any host only if none of
    /// them fits.
    pub fn find(&self, host: &str, method: &Method, path: &CleanPath) -> Option<&Arc<Route>> {
        let own = self.by_host.get(host).and_then(|routes| longest(routes, method, path));
        own.or_else(|| longest(&self.any_host, method, path))
    }
}

fn longest<'a>(routes: &'a ByPath, method: &Method, path: &CleanPath) -> Option<&'a Arc<Route>> {
    let mut prefix = trim(path.as_str());
    loop {
        let here = routes.get(prefix).into_iter().flatten().find(|route| route.takes(method));
        if here.is_some() {
            return here;
        }
        (prefix, _) = prefix.rsplit_once('/')?;
    }
}

/// A path without its final slash: the root is empty.
fn trim(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

fn clashes(routes: &[Route]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<_, Vec<usize>> = HashMap::new();
    let mut clashes = Vec::new();
    for (place, route) in routes.iter().enumerate() {
        let same_path = seen.entry((route.host.as_deref(), trim(&route.path))).or_default();
        for earlier in same_path.iter() {
            if routes.get(*earlier).is_some_and(|other| methods_overlap(other, route)) {
                clashes.push((*earlier, place));
            }
        }
        same_path.push(place);
    }
    clashes
}

fn methods_overlap(one: &Route, other: &Route) -> bool {
    match (&one.methods, &other.methods) {
        (None, None) => true,
        (Some(one), Some(other)) => one.iter().any(|method| other.contains(method)),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Who may take a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// No one.
    Nobody,
    /// Everyone; the app is told who calls if there is a good token.
    Optional,
    /// Everyone; nobody is asked.
    Public,
    /// Staff with a good token.
    Staff,
    /// Users with a good token.
    User,
}

impl Access {
    /// What each is called in settings.
    pub const NAMES: [(Self, &str); 5] = [
        (Self::Public, "public"),
        (Self::Optional, "optional"),
        (Self::User, "user"),
        (Self::Staff, "staff"),
        (Self::Nobody, "nobody"),
    ];
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(access, _)| access == self);
        f.pad(name.map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Route {
        Route {
            access: Access::User,
            host: None,
            methods: None,
            path: path.to_owned(),
            upstream: Some(0),
        }
    }

    fn found(table: &RouteTable, host: &str, method: &Method, path: &str) -> Option<String> {
        let path = CleanPath::parse(path).unwrap();
        table.find(host, method, &path).map(|route| route.path.clone())
    }

    #[test]
    fn the_longest_path_wins_on_segment_borders() {
        let table = RouteTable::new(vec![route("/"), route("/app/"), route("/app/admin")]).unwrap();
        for (path, expected) in [
            ("/", "/"),
            ("/apple", "/"),
            ("/app", "/app/"),
            ("/app/", "/app/"),
            ("/app/x/y", "/app/"),
            ("/app/admin", "/app/admin"),
            ("/app/admin/", "/app/admin"),
            ("/app/administrator", "/app/"),
        ] {
            assert_eq!(found(&table, "", &Method::GET, path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn no_route_is_no_way() {
        let table = RouteTable::new(vec![route("/app")]).unwrap();
        assert_eq!(found(&table, "", &Method::GET, "/"), None);
        assert_eq!(found(&table, "", &Method::GET, "/application"), None);
    }

    #[test]
    fn a_host_has_its_own_routes_first() {
        let own = Route { host: Some("a.test".to_owned()), ..route("/own") };
        let table = RouteTable::new(vec![route("/own/deep"), own]).unwrap();
        assert_eq!(found(&table, "a.test", &Method::GET, "/own/deep").as_deref(), Some("/own"));
        assert_eq!(
            found(&table, "b.test", &Method::GET, "/own/deep").as_deref(),
            Some("/own/deep")
        );
    }

    #[test]
    fn a_method_that_a_path_does_not_take_goes_up() {
        let write = Route { methods: Some(vec![Method::POST]), ..route("/app") };
        let table = RouteTable::new(vec![route("/"), write]).unwrap();
        assert_eq!(found(&table, "", &Method::POST, "/app/x").as_deref(), Some("/app"));
        assert_eq!(found(&table, "", &Method::GET, "/app/x").as_deref(), Some("/"));
    }

    #[test]
    fn routes_that_claim_the_same_requests_clash() {
        let get = Route { methods: Some(vec![Method::GET, Method::HEAD]), ..route("/a") };
        let head = Route { methods: Some(vec![Method::HEAD]), ..route("/a/") };
        let clashes = RouteTable::new(vec![route("/a"), get, head, route("/b"), route("/a/")]);
        assert_eq!(clashes.unwrap_err(), [(1, 2), (0, 4)]);
    }
}
