//! Routes that claim the same requests with the same right.

use super::route::Route;
use super::table::trim;
use http::{HeaderName, Method};
use std::collections::{BTreeSet, HashMap};

/// The places, in pairs, of routes that claim the same requests: each route is named with the first
/// one that it clashes with.
pub(super) fn clashes(routes: &[Route]) -> Vec<(usize, usize)> {
    let mut at_place: HashMap<_, Vec<(usize, &Route)>> = HashMap::new();
    for (place, route) in routes.iter().enumerate() {
        at_place.entry((&route.host, trim(&route.path))).or_default().push((place, route));
    }
    let mut clashes = Vec::new();
    for same_path in at_place.values() {
        for (index, (place, route)) in same_path.iter().enumerate() {
            let earlier = same_path.iter().take(index);
            let first = earlier.clone().find(|(_, other)| is_tie(other, route, same_path));
            clashes.extend(first.map(|(first, _)| (*first, *place)));
        }
    }
    clashes.sort_by_key(|(_, later)| *later);
    clashes
}

/// Whether some request could take either route, of which neither goes before the other.
fn is_tie(one: &Route, other: &Route, same_path: &[(usize, &Route)]) -> bool {
    if one.headers.len() != other.headers.len() {
        return false;
    }
    let Some(methods) = common_methods(one, other) else { return false };
    let both = names(one).union(&names(other)).copied().collect::<BTreeSet<_>>();
    // A request with the headers of both may have a route of its own, which asks for them all.
    let settles = |third: &Route| {
        third.headers.len() > one.headers.len()
            && names(third).is_subset(&both)
            && methods.are_taken_by(third)
    };
    !same_path.iter().any(|(_, third)| settles(third))
}

fn names(route: &Route) -> BTreeSet<&str> {
    route.headers.iter().map(HeaderName::as_str).collect()
}

enum Methods<'a> {
    All,
    These(Vec<&'a Method>),
}

impl Methods<'_> {
    fn are_taken_by(&self, route: &Route) -> bool {
        match (self, &route.methods) {
            (_, None) => true,
            (Self::All, Some(_)) => false,
            (Self::These(methods), Some(taken)) => methods.iter().all(|own| taken.contains(own)),
        }
    }
}

/// The methods that both routes take, if they name them alike: one that names its methods goes
/// before one that takes all.
fn common_methods<'a>(one: &'a Route, other: &Route) -> Option<Methods<'a>> {
    match (&one.methods, &other.methods) {
        (None, None) => Some(Methods::All),
        (Some(one), Some(other)) => {
            let common: Vec<_> = one.iter().filter(|method| other.contains(method)).collect();
            (!common.is_empty()).then_some(Methods::These(common))
        }
        (None, Some(_)) | (Some(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, headers: &[&str], methods: Option<&[Method]>) -> Route {
        Route {
            path: path.to_owned(),
            headers: headers.iter().map(|name| name.parse().unwrap()).collect(),
            methods: methods.map(<[Method]>::to_vec),
            ..Route::default()
        }
    }

    #[test]
    fn routes_that_claim_the_same_requests_clash() {
        let routes = [
            route("/a", &[], None),
            route("/a", &[], Some(&[Method::GET, Method::HEAD])),
            route("/a/", &[], Some(&[Method::HEAD])),
            route("/b", &[], None),
            route("/a/", &[], None),
        ];
        assert_eq!(clashes(&routes), [(1, 2), (0, 4)]);
    }

    #[test]
    fn as_many_headers_are_a_tie_whatever_their_names() {
        let (one, other) = (route("/", &["x-a"], None), route("/", &["x-b"], None));
        assert_eq!(clashes(&[one.clone(), other.clone()]), [(0, 1)]);
        assert_eq!(clashes(&[one.clone(), route("/", &["x-a", "x-b"], None)]), []);
        let both = route("/", &["x-a", "x-b"], None);
        assert_eq!(clashes(&[one.clone(), other.clone(), both]), []);
        let some = route("/", &["x-a", "x-b"], Some(&[Method::GET]));
        assert_eq!(clashes(&[one.clone(), other, some]), [(0, 1)]);
        assert_eq!(clashes(&[one, route("/", &["x-b"], Some(&[Method::GET]))]), []);
    }

    #[test]
    fn other_hosts_do_not_clash() {
        let hosts = ["a.test", "b.test"].map(|host| super::super::HostPattern::Is(host.to_owned()));
        let [one, other] = hosts.map(|host| Route { host, ..Route::default() });
        assert_eq!(clashes(&[one.clone(), other, Route::default()]), []);
        assert_eq!(clashes(&[one.clone(), one]), [(0, 1)]);
    }
}
