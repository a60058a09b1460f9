//! Who is staff, whatever their records say.

use super::*;

#[tokio::test]
async fn that_nobody_is_an_operator_is_not_said_while_a_record_cannot_be_read() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    let ada = add(&*store, "ada").await;
    store.change_user(ada.id, UserChange::Staff(true)).await.unwrap();
    for junk in
        ["epoch = -1", "email = CAST(x'ff' AS TEXT)", "username = CAST(x'ff' AS TEXT), epoch = 0"]
    {
        tamper(&path, &format!("UPDATE users SET {junk} WHERE id = {}", ada.id));
        let told = store.has_operator(None).await;
        assert!(matches!(told, Err(StoreError::Corrupt { .. })), "{junk}");
    }
    // One who can be read is found beside it, and is the last.
    let eve = add(&*store, "eve").await;
    store.change_user(eve.id, UserChange::Staff(true)).await.unwrap();
    assert!(store.has_operator(None).await.unwrap());
    let told = store.has_operator(Some(eve.id)).await;
    assert!(matches!(told, Err(StoreError::Corrupt { .. })));
    // Whoever is no operator is passed over.
    tamper(&path, &format!("UPDATE users SET is_staff = FALSE WHERE id = {}", ada.id));
    assert!(!store.has_operator(Some(eve.id)).await.unwrap());
}
