//! Settings that would open the gate by mistake, or that nobody could mean, are none.

use crate::harness::command::authgate;
use crate::harness::folder;

/// Settings, and the key that is told.
const MISTAKES: &[(&str, &str)] = &[
    ("[server]\nlisen = [\"127.0.0.1:8000\"]\n", "server.lisen"),
    ("[serve]\nthreads = 1\n", "serve"),
    ("[server]\nthreads = \"two\"\n", "server.threads"),
    ("[server]\nhead_timeout = 10\n", "server.head_timeout"),
    ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "server.trusted_proxies"),
    ("[server]\ntrusted_proxies = [\"::/0\"]\n", "server.trusted_proxies"),
    ("[store]\nurl_file = \"/nonexistent/secret\"\n", "store.url_file"),
    ("[store]\nurl = \"mysql://localhost\"\n", "store.url"),
    ("[events]\nkeep = \"never\"\n", "events.keep"),
    ("[events]\nmax = -1\n", "events.max"),
    ("[[upstreams]]\nname = \"app\"\nservers = []\n", "upstreams[0].servers"),
    ("[[upstreams]]\nname = \"app\"\nservers = [\"nowhere\"]\n", "upstreams[0].servers"),
    ("[[routes]]\npath = \"\"\naccess = \"public\"\nupstream = \"app\"\n", "routes[0].path"),
    ("[[routes]]\npath = \"public\"\naccess = \"public\"\nupstream = \"app\"\n", "routes[0].path"),
    (
        "[[upstreams]]\nname = \"app\"\nservers = [\"https://a:1\", \"b:1\"]\n",
        "upstreams[0].servers",
    ),
    ("[[routes]]\npath = \"/a/..\"\naccess = \"public\"\nupstream = \"app\"\n", "routes[0].path"),
    ("[[routes]]\npath = \"/a\"\naccess = \"all\"\nupstream = \"app\"\n", "routes[0].access"),
    ("[[routes]]\npath = \"/a\"\naccess = \"public\"\nupstream = \"b\"\n", "routes[0].upstream"),
];

#[test]
fn each_mistake_is_told_by_its_key_and_nothing_is_served() {
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    let file = file.to_str().unwrap();
    for (settings, key) in MISTAKES {
        std::fs::write(file, settings).unwrap();
        for verb in ["check", "serve"] {
            let outcome = authgate(&[verb, "--config", file], "");
            assert_ne!(outcome.code, Some(0), "{verb}: {settings}");
            assert!(outcome.says(&format!("{key}: ")), "{key}: {outcome:?}");
        }
    }
}
