//! Which certificate answers to which name.

use super::files::Pair;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Certificates by the names in them: of several with one name, the first.
pub(super) struct ByName {
    exact: HashMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
    /// By what follows `*.`, which stands for one label.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    /// These certificates; `None` if there are none.
    pub(super) fn new(pairs: &[Pair]) -> Option<Self> {
        let first = Arc::clone(pairs.first()?.key());
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for pair in pairs {
            for name in pair.names() {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                names.entry(name.to_owned()).or_insert_with(|| Arc::clone(pair.key()));
            }
        }
        Some(Self { exact, first, wildcard })
    }

    /// The certificate for a name, or for none.
    fn find(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let found = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let parent = || name.split_once('.').map(|(_, parent)| parent);
            self.exact.get(&name).or_else(|| self.wildcard.get(parent()?))
        });
        found.unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(self.find(hello.server_name())))
    }
}

// Shows no key.
impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.exact.keys().chain(self.wildcard.keys())).finish()
    }
}
