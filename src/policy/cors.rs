//! What browsers may do with answers on behalf of pages from other origins: the CORS protocol of
//! the Fetch standard.

use http::{HeaderName, HeaderValue, header};

/// What browsers are told of a route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cors {
    /// Whether pages may send cookies and certificates along.
    pub credentials: bool,
    /// The headers of an answer that pages may read, as a list; beside those that they always may.
    pub expose_headers: Option<HeaderValue>,
    /// The headers that pages may send, as a list.
    pub headers: Option<HeaderValue>,
    /// For how many seconds a browser need not ask again.
    pub max_age: HeaderValue,
    /// The methods that pages may use, as a list.
    pub methods: HeaderValue,
    /// The pages.
    pub origins: Origins,
}

/// Pages, by where they come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origins {
    /// All of them.
    Any,
    /// Those of these origins, as browsers write them.
    These(Vec<HeaderValue>),
}

type Header = (HeaderName, HeaderValue);

impl Cors {
    /// The headers of an answer to a page of an origin; none if it may not read it.
    pub fn grants(&self, origin: Option<&HeaderValue>) -> Vec<Header> {
        let Some(allowed) = origin.and_then(|origin| self.allows(origin)) else {
            return Vec::new();
        };
        let mut headers = vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed)];
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes));
        }
        let exposed = self.expose_headers.clone();
        headers.extend(exposed.map(|names| (header::ACCESS_CONTROL_EXPOSE_HEADERS, names)));
        headers
    }

    /// The headers of the answer to a preflight; none if pages of that origin may not ask.
    pub fn preflight(&self, origin: &HeaderValue) -> Vec<Header> {
        let mut headers = self.grants(Some(origin));
        headers.retain(|(name, _)| *name != header::ACCESS_CONTROL_EXPOSE_HEADERS);
        if !headers.is_empty() {
            headers.push((header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone()));
            let named = self.headers.clone();
            headers.extend(named.map(|names| (header::ACCESS_CONTROL_ALLOW_HEADERS, names)));
            headers.push((header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone()));
        }
        headers
    }

    /// Whether the answers for two origins differ, so that caches must keep them apart.
    pub fn varies(&self) -> bool {
        match self.origins {
            Origins::Any => false,
            Origins::These(_) => true,
        }
    }

    fn allows(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            // Ours, and not what the client sent.
            Origins::These(origins) => origins.iter().find(|own| *own == origin).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: Origins) -> Cors {
        Cors {
            credentials: matches!(origins, Origins::These(_)),
            expose_headers: Some(HeaderValue::from_static("X-Total")),
            headers: Some(HeaderValue::from_static("Authorization")),
            max_age: HeaderValue::from_static("600"),
            methods: HeaderValue::from_static("GET, POST"),
            origins,
        }
    }

    fn shown(headers: &[Header]) -> Vec<String> {
        let lines = headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()));
        lines.map(|line| line.replace("access-control-", "")).collect()
    }

    #[test]
    fn only_origins_that_are_named_are_told_anything() {
        let cors = cors(Origins::These(vec![HeaderValue::from_static("https://a.test")]));
        let known = HeaderValue::from_static("https://a.test");
        let expected = ["allow-origin: https://a.test", "allow-credentials: true"];
        assert_eq!(shown(&cors.grants(Some(&known)))[..2], expected);
        for other in ["https://a.test:8443", "http://a.test", "https://A.test", "null", "*", ""] {
            let other = HeaderValue::from_static(other);
            assert_eq!(cors.grants(Some(&other)), [], "{other:?}");
            assert_eq!(cors.preflight(&other), [], "{other:?}");
        }
        assert_eq!(cors.grants(None), []);
    }

    #[test]
    fn any_origin_is_told_so_and_nothing_is_reflected() {
        let cors = cors(Origins::Any);
        let origin = HeaderValue::from_static("https://evil.test");
        assert_eq!(
            shown(&cors.grants(Some(&origin))),
            ["allow-origin: *", "expose-headers: X-Total"]
        );
        assert_eq!(
            shown(&cors.preflight(&origin)),
            [
                "allow-origin: *",
                "allow-methods: GET, POST",
                "allow-headers: Authorization",
                "max-age: 600"
            ]
        );
        assert!(!cors.varies());
    }
}
