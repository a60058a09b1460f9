//! The `OpenAPI` document: made of the table of operations and of the types that they take and answer.

use super::TABLE;
use super::operation::{About, Served, Shape};
use http::StatusCode;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// What every operation may refuse with.
const ALL_MAY: [StatusCode; 6] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// What those may also refuse with that read a body.
const READERS_MAY: [StatusCode; 3] = [
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
];

/// The document of the API that is at this path.
pub(super) fn of(place: &str) -> Value {
    let (mut read, mut write) = (generator(Contract::Deserialize), generator(Contract::Serialize));
    let mut paths = Map::new();
    for operation in TABLE {
        let about = operation.about();
        let method = about.method.as_str().to_ascii_lowercase();
        let told = tell(*operation, &mut read, &mut write);
        let path = paths.entry(about.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method, told);
        }
    }
    let mut schemas = read.take_definitions(true);
    schemas.extend(write.take_definitions(true));
    schemas.extend(refusals());
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "authgate",
            "version": "1",
            "description": "What the admin console does, for programs. Each request shows an API \
                key: `Authorization: Bearer agk_…`. A key is made at /account/keys/ of the console \
                or by `authgate key create`, acts for its owner, and may do what its rights say. \
                Moments are RFC 3339 in UTC.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": place }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
            "responses": responses(),
        },
    })
}

fn generator(contract: Contract) -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.contract = contract;
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator()
}

fn tell(operation: &dyn Served, read: &mut SchemaGenerator, write: &mut SchemaGenerator) -> Value {
    let (about, shape) = (operation.about(), operation.shape(read, write));
    let parameters = parameters("path", &shape.path).chain(parameters("query", &shape.query));
    let mut told = json!({
        "operationId": about.id,
        "summary": about.summary,
        "parameters": parameters.collect::<Vec<_>>(),
    });
    let Some(object) = told.as_object_mut() else { return told };
    object.insert("tags".to_owned(), json!([about.path.split('/').nth(1).unwrap_or_default()]));
    let right = about
        .right
        .map_or_else(|| "Every key may.".to_owned(), |right| format!("Takes the right `{right}`."));
    object.insert("description".to_owned(), json!(right));
    if takes_body(&about) {
        object.insert("requestBody".to_owned(), body(&shape.body, read));
    }
    object.insert("responses".to_owned(), answers(&about, &shape));
    told
}

fn takes_body(about: &About) -> bool {
    !matches!(about.method, http::Method::GET | http::Method::DELETE)
}

/// The fields of a type as parameters.
fn parameters<'a>(place: &'a str, schema: &'a Schema) -> impl Iterator<Item = Value> + 'a {
    let required = schema.get("required").and_then(Value::as_array);
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields.map(move |(name, schema)| {
        let is_required = required.is_some_and(|names| names.iter().any(|one| one == name));
        let mut schema = schema.clone();
        let words = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        without_null(&mut schema);
        let mut parameter =
            json!({ "name": name, "in": place, "required": is_required, "schema": schema });
        if let (Some(words), Some(parameter)) = (words, parameter.as_object_mut()) {
            parameter.insert("description".to_owned(), words);
        }
        parameter
    })
}

/// A query cannot say null: a parameter that may be left out is there or not.
fn without_null(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("default");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("enum") {
        choices.retain(|one| !one.is_null());
    }
    if let Some(Value::Array(ways)) = schema.get_mut("anyOf") {
        ways.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(one)] = ways.as_slice() {
            let one = one.clone();
            schema.remove("anyOf");
            schema.extend(one);
        }
    }
}

fn body(schema: &Schema, read: &mut SchemaGenerator) -> Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let definition = read.definitions().get(name);
    let is_required = definition.is_some_and(|whole| whole.get("required").is_some());
    json!({ "required": is_required, "content": { "application/json": { "schema": schema } } })
}

fn answers(about: &About, shape: &Shape) -> Value {
    let words = about.status.canonical_reason().unwrap_or_default();
    let answer = match about.status {
        StatusCode::NO_CONTENT => json!({ "description": words }),
        _ => json!({
            "description": words,
            "content": { "application/json": { "schema": shape.answer } },
        }),
    };
    let mut answers = Map::from_iter([(about.status.as_str().to_owned(), answer)]);
    let has_parts = about.path.contains('{').then_some(StatusCode::NOT_FOUND);
    let readers = if takes_body(about) { READERS_MAY.as_slice() } else { &[] };
    let more = about.may.iter().chain(readers).copied().chain(has_parts);
    let mut all: Vec<StatusCode> = ALL_MAY.into_iter().chain(more).collect();
    all.sort_unstable();
    for status in all {
        let reference = format!("#/components/responses/{}", name(status));
        answers.insert(status.as_str().to_owned(), json!({ "$ref": reference }));
    }
    Value::Object(answers)
}

/// What a refusal of a status is called: its words without blanks.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().replace(' ', "")
}

fn refusals() -> Map<String, Value> {
    let detail = json!({
        "type": "object",
        "description": "Why not.",
        "properties": { "detail": { "type": "string" } },
        "required": ["detail"],
        "additionalProperties": false,
    });
    let fields = json!({
        "type": "object",
        "description": "What is wrong with which field; `non_field_errors` is the whole.",
        "additionalProperties": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        "minProperties": 1,
    });
    Map::from_iter([("Detail".to_owned(), detail), ("FieldErrors".to_owned(), fields)])
}

fn responses() -> Value {
    let all = [
        (StatusCode::BAD_REQUEST, "The request makes no sense, or a field will not do."),
        (StatusCode::UNAUTHORIZED, "There is no key, or none that holds."),
        (StatusCode::FORBIDDEN, "The key does not have the right, or may not come from there."),
        (StatusCode::NOT_FOUND, "There is no such thing."),
        (StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive."),
        (StatusCode::CONFLICT, "It cannot be done as things are."),
        (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON."),
        (StatusCode::TOO_MANY_REQUESTS, "Someone there has shown too many keys that nobody has."),
        (StatusCode::INTERNAL_SERVER_ERROR, "Something that should not happen has happened."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The store does not answer or takes no change, or too much is to be done.",
        ),
    ];
    let told = all.map(|(status, words)| (name(status), response(status, words)));
    Value::Object(told.into_iter().collect())
}

fn response(status: StatusCode, words: &str) -> Value {
    let detail = json!({ "$ref": "#/components/schemas/Detail" });
    let schema = match status {
        StatusCode::BAD_REQUEST => {
            json!({ "anyOf": [detail, { "$ref": "#/components/schemas/FieldErrors" }] })
        }
        _ => detail,
    };
    let header = match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", json!({ "type": "string" }))),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(("Retry-After", json!({ "type": "integer", "minimum": 0 })))
        }
        _ => None,
    };
    let mut told = json!({
        "description": words,
        "content": { "application/json": { "schema": schema } },
    });
    if let (Some((name, schema)), Some(told)) = (header, told.as_object_mut()) {
        told.insert("headers".to_owned(), json!({ name: { "required": true, "schema": schema } }));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_in_docs_is_the_one_that_is_served() {
        let here = format!("{:#}\n", of("/admin/api/v1"));
        let file = "docs/openapi.json";
        if std::fs::read_to_string(file).ok().as_deref() != Some(here.as_str()) {
            std::fs::write("target/openapi.json", here).unwrap();
            panic!("{file} is old: cp target/openapi.json {file}");
        }
    }

    #[test]
    fn every_part_of_a_path_is_a_parameter() {
        let document = of("/admin/api/v1");
        for (path, methods) in document["paths"].as_object().unwrap() {
            for told in methods.as_object().unwrap().values() {
                let parameters = told["parameters"].as_array().unwrap().iter();
                let names = parameters.filter(|one| one["in"] == "path").map(|one| &one["name"]);
                let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
                let parts = path.split('/').filter_map(|part| part.strip_prefix('{'));
                let parts: Vec<_> = parts.map(|part| part.trim_end_matches('}')).collect();
                assert_eq!(names, parts, "{path}");
            }
        }
    }
}
