//! What stands in the guide for machines to read.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

use crate::harness::command::{AUTHGATE, Outcome, run};

/// How the guide names a database.
const DATABASE: &str = "postgres://reader@db.internal/shop";

/// The document.
pub(super) struct Guide {
    text: String,
}

impl Guide {
    pub(super) fn read() -> Self {
        Self { text: fs::read_to_string("docs/migrating-from-django.md").unwrap() }
    }

    /// The code in Python that begins like this.
    pub(super) fn python(&self, beginning: &str) -> String {
        let mut blocks = blocks(&self.text, "python").into_iter();
        blocks.find(|block| block.starts_with(beginning)).unwrap_or_else(|| panic!("{beginning}"))
    }

    /// Its settings, before this app and by this secret; what is the machine's own is left out.
    pub(super) fn settings(
        &self,
        mode: &str,
        app: SocketAddr,
        ops: SocketAddr,
        secret: &str,
    ) -> String {
        let [text] = blocks(&self.text, "toml").try_into().unwrap();
        let mut settings: Table = toml::from_str(&text.replace('…', secret)).unwrap();
        settings.remove("store");
        let mut set = |section: &str, key: &str, value: Value| {
            let section = settings[section].as_table_mut().unwrap();
            assert!(section.insert(key.to_owned(), value).is_some(), "{key}");
        };
        set("gate", "mode", mode.into());
        set("server", "control", "control".into());
        set("ops", "listen", ops.to_string().into());
        settings["server"].as_table_mut().unwrap().remove("listen");
        settings["upstreams"][0]["servers"][0] = app.to_string().into();
        toml::to_string(&settings).unwrap()
    }

    /// What one is to run of authgate in a section, in order.
    pub(super) fn commands(&self, section: &str) -> Vec<Told> {
        let (_, rest) = self.text.split_once(&format!("\n## {section}\n")).expect(section);
        let part = rest.split("\n## ").next().unwrap();
        let lines: Vec<String> = blocks(part, "sh")
            .iter()
            .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        // What comes after these words is another way to do the same.
        let lines = lines.iter().take_while(|line| !line.starts_with("# or "));
        lines.filter(|line| line.starts_with("authgate ")).map(|line| Told::of(line)).collect()
    }
}

/// A command that the guide tells one to run.
#[derive(Debug)]
pub(super) struct Told {
    arguments: Vec<String>,
}

impl Told {
    fn of(line: &str) -> Self {
        let line = line.split(" #").next().unwrap();
        let line = line.replace(" --password-file reader.password", "");
        let line = line.replace("/run/authgate/control", "control");
        let mut arguments: Vec<_> = line.split_whitespace().skip(1).map(str::to_owned).collect();
        // It is done more than once.
        if arguments.iter().any(|argument| argument == "--report") {
            arguments.push("--force".to_owned());
        }
        Self { arguments }
    }

    /// The same with something more.
    pub(super) fn with(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Runs it on a machine whose settings are in this folder, and whose Django has this database.
    pub(super) fn run(&self, folder: &Path, database: &str) -> Outcome {
        let arguments = self.arguments.iter().map(|argument| match argument.as_str() {
            DATABASE => database,
            other => other,
        });
        run(Command::new(AUTHGATE).args(arguments).current_dir(folder), "").done()
    }
}

/// The code of a language, without what it is indented by.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let (mut blocks, mut block) = (Vec::new(), None::<(usize, Vec<&str>)>);
    let fence = format!("```{language}");
    for line in text.lines() {
        match &mut block {
            None if line.trim() == fence => {
                block = Some((line.find('`').unwrap(), Vec::new()));
            }
            None => {}
            Some(_) if line.trim() == "```" => {
                let (_, lines) = block.take().unwrap();
                blocks.push(lines.join("\n") + "\n");
            }
            Some((indent, lines)) => lines.push(line.get(*indent..).unwrap_or_default()),
        }
    }
    blocks
}
