//! The page.

use super::super::page::{Nav, moment};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::{Reading, Setting};
use crate::gateway::ConsoleAnswer;
use maud::{Markup, html};

/// `/settings/`
pub(in super::super) fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let reading = site.reading();
    let is_all = site.asked().query.get("show") != Some("changed");
    let shown = |setting: &&Setting| is_all || setting.origin.is_some();
    let settings: Vec<_> = reading.settings.iter().filter(shown).collect();
    let body = html! {
        (state(site, &reading))
        (choice(site, &reading, is_all))
        @if settings.is_empty() {
            p.empty { "Every setting has its default. What is written in the settings file would be here." }
        }
        @for section in settings.chunk_by(|one, other| one.parts().0 == other.parts().0) {
            (table(section))
        }
    };
    Ok(site.page(Nav::Settings, "Settings", &body))
}

/// Where the settings come from, and whether all is well with them.
fn state(site: &Site<'_>, reading: &Reading) -> Markup {
    html! {
        @if let Some((at, why)) = &reading.refused {
            div.alert role="alert" {
                p { strong { "The settings were changed, but cannot be put to work." }
                    " Those below still hold. Tried at " (moment(*at)) ":" }
                pre { (why) }
            }
        }
        @if !reading.waiting.is_empty() {
            p.alert.warn role="status" {
                "Waiting for an upgrade: " strong { (reading.waiting.join(", ")) }
                ". What is shown for them is not at work yet. " code { "authgate upgrade" }
                " puts it to work, and no request is lost."
            }
        }
        @if !reading.warnings.is_empty() {
            div.alert.warn {
                p { "Written, but perhaps not what was wanted:" }
                ul.plain { @for warning in &reading.warnings { li { (warning) } } }
            }
        }
        div.panel {
            p {
                @match &reading.file {
                    Some(file) => { "The settings are in the file " code { (file) } ", and are changed there. " }
                    None => { "There is no settings file: what differs from the defaults comes from the environment or the command line. " }
                }
                "They were read at " (moment(reading.read)) ". "
                code { "authgate reload" } " has them read again; " code { "authgate check" }
                " tells every mistake before."
            }
            p.faint {
                "The same as "
                code { "authgate settings" }
                ". Passwords in addresses are left out. What each route and app has of its own is on "
                a href=(site.link("/routes/")) { "Routes" } "."
            }
        }
    }
}

fn choice(site: &Site<'_>, reading: &Reading, is_all: bool) -> Markup {
    let written = reading.settings.iter().filter(|setting| setting.origin.is_some()).count();
    let current = |is_it: bool| is_it.then_some("page");
    html! {
        nav.tabs aria-label="Which settings" {
            a href=(site.link("/settings/")) aria-current=[current(is_all)] {
                "All " span.faint { (reading.settings.len()) }
            }
            a href=(site.link("/settings/?show=changed")) aria-current=[current(!is_all)] {
                "Set by you " span.faint { (written) }
            }
        }
    }
}

fn table(section: &[&Setting]) -> Markup {
    let (name, _) = section.first().map_or(("", ""), |setting| setting.parts());
    let title = if name.is_empty() { "Lists of sections".to_owned() } else { format!("[{name}]") };
    html! {
        h2 { @if name.is_empty() { (title) } @else { code { (title) } } }
        div.table {
            table.cards.settings aria-label=(title) {
                thead { tr {
                    th scope="col" { "Setting" }
                    th scope="col" { "Value" }
                    th scope="col" { "From" }
                    th scope="col" { "What it does" }
                } }
                tbody { @for setting in section { (row(setting)) } }
            }
        }
    }
}

fn row(setting: &Setting) -> Markup {
    let (_, key) = setting.parts();
    html! {
        tr {
            td data-label="Setting" { code { (key) } }
            td.long data-label="Value" { code { (setting.value) } }
            td data-label="From" {
                @match &setting.origin {
                    Some(origin) => span.mono.origin { (origin) },
                    None => span.faint { "default" },
                }
            }
            td.long data-label="What it does" {
                @if setting.meaning.is_empty() { span.faint { "–" } } @else { (setting.meaning) }
            }
        }
    }
}
