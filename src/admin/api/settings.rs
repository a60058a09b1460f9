//! The settings.

use super::operation::{About, Call, Empty, Given, Operation};
use super::values::Moment;
use crate::admin::{self, Reading};
use crate::api::Problem;
use crate::auth::{Resource, Right};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// `GET /settings`
pub(super) struct List;

/// The settings at work.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Settings {
    /// The file that they are in, if they are in one.
    file: Option<String>,
    /// When they were read.
    read: Moment,
    /// When others were read that cannot be put to work.
    refused_at: Option<Moment>,
    /// Why they cannot.
    refused_for: Option<String>,
    /// Those that have changed and wait for an upgrade.
    waiting: Vec<String>,
    /// What is written but has no effect, or hardly the one that was wanted.
    warnings: Vec<String>,
    settings: Vec<Setting>,
}

/// A setting.
#[derive(JsonSchema, Serialize)]
pub(super) struct Setting {
    /// Its full name, such as `tokens.lifetime`.
    name: String,
    /// As it is written; secrets are left out.
    value: String,
    /// Where it is written; null if it has its default.
    origin: Option<String>,
}

impl Setting {
    fn of(setting: &admin::Setting) -> Self {
        let admin::Setting { name, origin, value, .. } = setting.clone();
        Self { name, value, origin }
    }
}

#[async_trait]
impl Operation for List {
    type Answer = Settings;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "list_settings",
        may: &[],
        method: Method::GET,
        path: "/settings",
        right: Some(Right::Read(Resource::Settings)),
        status: StatusCode::OK,
        summary: "The settings at work and where each comes from",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Settings, Problem> {
        let Reading { file, read, refused, settings, waiting, warnings } = &*call.reading;
        let (refused_at, refused_for) = refused.clone().map(|(at, why)| (Moment(at), why)).unzip();
        Ok(Settings {
            file: file.clone(),
            read: Moment(*read),
            refused_at,
            refused_for,
            waiting: waiting.clone(),
            warnings: warnings.clone(),
            settings: settings.iter().map(Setting::of).collect(),
        })
    }
}
