//! What a store says of itself.

use super::Store;
use std::sync::Arc;

pub(super) async fn the_store_answers(store: Arc<dyn Store>) {
    store.ping().await.unwrap();
}

pub(super) async fn the_store_says_what_it_is(store: Arc<dyn Store>) {
    let inspection = store.inspect().await.unwrap();
    assert!(!inspection.summary.is_empty());
    assert!(!inspection.summary.contains('\n'));
}
