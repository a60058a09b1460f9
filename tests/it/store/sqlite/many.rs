//! So many users that they are not all gathered.

use super::*;
use authgate::store::{UserColumn, UserOrder, UserQuery};

const MANY: usize = 10_500;

/// Users of whom most have a prefix, and the others come first in every order.
fn fill(path: &Path) {
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2 * {MANY})
         INSERT INTO users (username, email, password, is_active, is_staff, joined, epoch)
         SELECT iif(n <= {MANY}, 'aaa', 'Zed') || n, iif(n <= {MANY}, 'aaa', 'zed') || n || '@example.com',
                'hash', n % 7 > 0, 0, n, 0 FROM numbers"
    );
    tamper(path, &sql);
}

#[tokio::test]
async fn a_prefix_that_many_have_is_found_in_every_order() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    fill(&path);
    let columns =
        [UserColumn::Username, UserColumn::Email, UserColumn::Joined, UserColumn::LastLogin];
    for (by, is_descending) in columns.into_iter().flat_map(|by| [(by, false), (by, true)]) {
        let order = UserOrder { by, is_descending };
        let (after, is_active, is_staff) = (None, None, None);
        let prefix = Some("zed".to_owned());
        let mut query = UserQuery { after, is_active, is_staff, limit: 1_500, order, prefix };
        let mut found = Vec::new();
        loop {
            let page = store.find_users(&query, now()).await.unwrap();
            found.extend(page.users.into_iter().map(|listed| listed.user));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), MANY, "{query:?}");
        let key = |user: &authgate::model::user::User| match by {
            UserColumn::Username => user.username.as_str().to_ascii_lowercase(),
            UserColumn::Email => user.email.as_str().to_owned(),
            _ => format!("{:020}", user.id.0),
        };
        if is_descending {
            found.reverse();
        }
        assert!(found.is_sorted_by_key(key), "{query:?}");
    }
}

#[tokio::test]
async fn the_first_page_is_full_although_the_order_begins_with_others() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    fill(&path);
    for by in [UserColumn::Username, UserColumn::Email, UserColumn::Joined] {
        let order = UserOrder { by, is_descending: false };
        let (after, prefix) = (None, Some("ZED".to_owned()));
        let (is_active, is_staff) = (None, None);
        let query = UserQuery { after, is_active, is_staff, limit: 50, order, prefix };
        assert_eq!(store.find_users(&query, now()).await.unwrap().users.len(), 50);
    }
}
