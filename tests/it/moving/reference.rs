//! A real Django with a real knox, driven by `tests/django/manage.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::command::{Outcome, run};
use crate::harness::folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What an app of Django with knox and REST framework's own tokens would dump for a move.
const LEFT_OUT: [&str; 2] = ["--exclude=contenttypes", "--exclude=auth.permission"];

/// Versions of Django and of knox, as `tests/setup` installs them.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) django: &'static str,
    pub(super) knox: &'static str,
}

/// A Django with a database of its own.
pub(super) struct Django {
    pair: Pair,
    url: String,
    settings: Vec<(&'static str, &'static str)>,
    folder: TempDir,
}

/// What clients know: names with passwords, right and wrong, and tokens, live and dead.
#[derive(Clone, Deserialize)]
pub(super) struct Known {
    pub(super) logins: Vec<Login>,
    pub(super) tokens: Vec<String>,
    /// Who has a name with control characters, of whom no app could be told.
    pub(super) lawless: Vec<String>,
}

impl Known {
    /// The same with only the first password of each name: hashes of full cost take their time.
    pub(super) fn in_brief(mut self) -> Self {
        self.logins.dedup_by(|next, first| next.username == first.username);
        self
    }
}

#[derive(Clone, Deserialize)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// Who each login and each token of [`Known`] is; nobody where it is refused.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Verdicts {
    pub(super) logins: Vec<Option<u64>>,
    pub(super) tokens: Vec<Option<u64>>,
}

impl Django {
    /// One with an empty file of SQLite.
    pub(super) fn in_a_file(pair: Pair) -> Self {
        Self::with(pair, &[])
    }

    /// The same under settings of its own: see `tests/django/settings.py`.
    pub(super) fn with(pair: Pair, settings: &[(&'static str, &'static str)]) -> Self {
        let folder = folder();
        let url = format!("sqlite:///{}", folder.path().join("app.sqlite3").display());
        Self::made(Self { pair, url, settings: settings.to_vec(), folder })
    }

    /// One whose database is somewhere else, and empty.
    pub(super) fn at(pair: Pair, url: String, settings: &[(&'static str, &'static str)]) -> Self {
        Self::made(Self { pair, url, settings: settings.to_vec(), folder: folder() })
    }

    fn made(self) -> Self {
        self.manage(&["migrate", "--verbosity=0"]);
        self
    }

    /// Makes people and tokens of every kind.
    pub(super) fn populate(&self) -> Known {
        let file = self.place("known.json");
        self.manage(&["populate", text(&file)]);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    /// What it says of all that clients know, less of those who are not taken over for their names.
    pub(super) fn lawful_verdicts(&self, known: &Known) -> Verdicts {
        let mut verdicts = self.verdicts(known);
        for (login, verdict) in known.logins.iter().zip(&mut verdicts.logins) {
            verdict.take_if(|_| known.lawless.contains(&login.username));
        }
        verdicts
    }

    /// What it says of all that clients know.
    pub(super) fn verdicts(&self, known: &Known) -> Verdicts {
        serde_json::from_value(self.asked(known, &[])).unwrap()
    }

    /// The same, less those who are not taken over, by the names of users: first logins, then tokens.
    pub(super) fn lawful_names(&self, known: &Known) -> Vec<Option<String>> {
        let asked = self.asked(known, &["name"]);
        let of = |what: &str| asked[what].as_array().unwrap().clone();
        let names = of("logins").into_iter().chain(of("tokens"));
        let names = names.map(|name| name.as_str().map(str::to_owned));
        names.map(|name| name.filter(|name| !known.lawless.contains(name))).collect()
    }

    fn asked(&self, known: &Known, by: &[&str]) -> Value {
        let file = self.place("asked.json");
        let login =
            |it: &Login| serde_json::json!({ "username": it.username, "password": it.password });
        let logins: Vec<Value> = known.logins.iter().map(login).collect();
        let asked = serde_json::json!({ "logins": logins, "tokens": known.tokens });
        fs::write(&file, asked.to_string()).unwrap();
        self.manage(&[&["verdicts", text(&file)], by].concat()).json()
    }

    /// What it knows of its people, by name, less what a login changes.
    pub(super) fn state(&self) -> BTreeMap<String, Value> {
        let people: Vec<Value> = serde_json::from_value(self.manage(&["state"]).json()).unwrap();
        let name = |person: &Value| person["username"].as_str().unwrap().to_owned();
        people.into_iter().map(|person| (name(&person), person)).collect()
    }

    /// The same, less those who are not taken over for their names.
    pub(super) fn lawful_state(&self, known: &Known) -> BTreeMap<String, Value> {
        let mut state = self.state();
        state.retain(|name, _| !known.lawless.contains(name));
        state
    }

    /// Writes all that it has to a file.
    pub(super) fn dump(&self, options: &[&str]) -> PathBuf {
        let file = self.place("dump.json");
        let output = ["dumpdata", "--output", text(&file)];
        self.manage(&[&output[..], &LEFT_OUT, options].concat());
        file
    }

    /// Takes what was exported for it.
    pub(super) fn load(&self, dump: &Path) {
        self.manage(&["loaddata", text(dump)]);
    }

    /// Its database, as one names it to `authgate import django`.
    pub(super) fn database(&self) -> String {
        self.url.trim_start_matches("sqlite:///").to_owned()
    }

    fn manage(&self, arguments: &[&str]) -> Outcome {
        let manage = Path::new(ROOT).join("tests/django/manage.py");
        run(self.python().arg(manage).args(arguments), "").done()
    }

    /// `django-admin` under settings of another name, which may be in its folder.
    pub(super) fn admin(&self, settings: &str) -> Command {
        let mut command = self.python();
        let knox =
            command.get_envs().find_map(|(name, value)| (name == "PYTHONPATH").then_some(value?));
        let places = [Path::new(ROOT).join("tests/django"), self.folder.path().to_owned()];
        let places = places.into_iter().chain(knox.map(PathBuf::from));
        let places = std::env::join_paths(places).unwrap();
        command.env("PYTHONPATH", places).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("DJANGO_SETTINGS_MODULE", settings).args(["-m", "django"]);
        command
    }

    fn python(&self) -> Command {
        let installed = Path::new(ROOT).join("target/django");
        let python = installed.join(self.pair.django).join("bin/python");
        let purpose = if self.pair.django == "5.2" { "test" } else { "long" };
        assert!(python.exists(), "{}: tests/setup {purpose}", python.display());
        let mut command = Command::new(python);
        command.env("PYTHONPATH", installed.join(format!("knox-{}", self.pair.knox)));
        command.env("DATABASE_URL", &self.url).envs(self.settings.iter().copied());
        command
    }

    /// Where a file of its own is.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
