//! Who is an operator, and that some things are done to others alone.

use super::{add, is_good, issue, new_user};
use authgate::model::user::{UserChange, Username};
use authgate::store::{Spared, Store, StoreError};
use std::sync::Arc;

pub(super) async fn an_operator_is_active_staff(store: Arc<dyn Store>) {
    let ada = add(&*store, "ada").await;
    let bob = add(&*store, "bob").await;
    assert!(!store.has_operator(None).await.unwrap());
    store.change_user(ada.id, UserChange::Staff(true)).await.unwrap();
    assert!(store.has_operator(None).await.unwrap());
    assert!(store.has_operator(Some(bob.id)).await.unwrap());
    assert!(!store.has_operator(Some(ada.id)).await.unwrap());
    store.change_user(bob.id, UserChange::Staff(true)).await.unwrap();
    assert!(store.has_operator(Some(ada.id)).await.unwrap());
    store.change_user(bob.id, UserChange::Active(false)).await.unwrap();
    assert!(!store.has_operator(Some(ada.id)).await.unwrap());
    store.delete_user(ada.id).await.unwrap();
    assert!(!store.has_operator(None).await.unwrap());
}

pub(super) async fn who_has_a_name_that_no_user_can_have_is_no_operator(store: Arc<dyn Store>) {
    let mut odd = new_user("ada");
    odd.username = Username::stored("ada\n<img src=x>".to_owned());
    odd.is_staff = true;
    store.insert_user(odd).await.unwrap();
    // Nor is it said that there is none: someone has to look.
    assert!(matches!(store.has_operator(None).await, Err(StoreError::Corrupt { .. })));
    let ada = add(&*store, "ada").await;
    store.change_user(ada.id, UserChange::Staff(true)).await.unwrap();
    assert!(store.has_operator(None).await.unwrap());
    assert!(matches!(store.has_operator(Some(ada.id)).await, Err(StoreError::Corrupt { .. })));
}

pub(super) async fn what_is_done_to_others_spares_an_operator(store: Arc<dyn Store>) {
    let ada = add(&*store, "ada").await;
    let ada = store.change_user(ada.id, UserChange::Staff(true)).await.unwrap().unwrap();
    issue(&*store, &ada, "token").await;
    let before = store.user(ada.id).await.unwrap();
    for change in [UserChange::Active(false), UserChange::Staff(false)] {
        let spared = store.change_other(ada.id, change).await.unwrap();
        assert!(matches!(spared, Spared::Operator));
    }
    assert!(matches!(store.delete_other(ada.id).await.unwrap(), Spared::Operator));
    assert!(store.user(ada.id).await.unwrap() == before && is_good(&*store, "token").await);
    // Locked out, they are none any more.
    store.change_user(ada.id, UserChange::Active(false)).await.unwrap();
    let demoted = store.change_other(ada.id, UserChange::Staff(false)).await.unwrap();
    assert!(matches!(demoted, Spared::Done(user) if !user.is_staff && !user.is_active));
    assert!(matches!(store.delete_other(ada.id).await.unwrap(), Spared::Done(())));
    assert!(store.user(ada.id).await.unwrap().is_none());
    assert!(matches!(store.delete_other(ada.id).await.unwrap(), Spared::Gone));
    let nobody = store.change_other(ada.id, UserChange::Active(false)).await.unwrap();
    assert!(matches!(nobody, Spared::Gone));
}
