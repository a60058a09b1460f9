//! What `OPTIONS` tells of an endpoint, in Django REST framework's form.

use super::Endpoint;
use serde_json::{Value, json};

pub(super) fn of(endpoint: Endpoint) -> Value {
    let name = match endpoint {
        Endpoint::ChangePassword => "Change Password",
        Endpoint::Login => "Login Api",
        Endpoint::Logout => "Logout",
        Endpoint::LogoutAll => "Logout All",
        Endpoint::Register => "Register Api",
    };
    let mut metadata = json!({
        "name": name,
        "description": "",
        "renders": ["application/json"],
        "parses": [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ],
    });
    if let (Endpoint::Register, Some(fields)) = (endpoint, metadata.as_object_mut()) {
        fields.insert("actions".to_owned(), json!({ "POST": registration() }));
    }
    metadata
}

fn registration() -> Value {
    json!({
        "id": { "type": "integer", "required": false, "read_only": true, "label": "ID" },
        "username": {
            "type": "string",
            "required": true,
            "read_only": false,
            "label": "Username",
            "help_text": "Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
            "max_length": 150,
        },
        "email": {
            "type": "email",
            "required": false,
            "read_only": false,
            "label": "Email address",
            "max_length": 254,
        },
        "password": {
            "type": "string",
            "required": true,
            "read_only": false,
            "label": "Password",
            "max_length": 128,
        },
    })
}
