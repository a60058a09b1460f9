//! Users whom nobody can make here: put into the store by something else.

use authgate::model::email::Email;
use authgate::model::password::PasswordHash;
use authgate::model::user::{NewUser, Profile, Username};
use authgate::store::Store;

use super::now;

/// A name that would be a page's own markup, were it not escaped.
const HOSTILE: &str = r#""><img src=x onerror=alert(1)>"#;
/// And one of an operator.
const STAFF: &str = "</script><script>alert(1)</script>";

/// Puts them into a store.
pub(super) async fn plant(store: &dyn Store) {
    for name in [HOSTILE, STAFF, "=1+1", "javascript:alert(1)"] {
        let user = NewUser {
            email: Email::stored(format!("{HOSTILE}@example.org")),
            is_staff: name == STAFF,
            joined: now(),
            must_change: false,
            password: PasswordHash::new(HOSTILE.to_owned()),
            profile: Profile::default(),
            username: Username::stored(name.to_owned()),
        };
        store.insert_user(user).await.unwrap();
    }
}
