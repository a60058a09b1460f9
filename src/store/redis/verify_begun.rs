//! Who is not wholly there, because taking them over was stopped.

use super::record::LANDING;
use super::request::Request;
use super::verify::{Cure, Found};
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::StoreError;
use crate::store::whole::Finding;
use redis::Cmd;

impl RedisStore {
    pub(super) async fn look_at_begun(
        &self,
        ids: &[UserId],
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let reads: Vec<_> = ids.iter().map(|id| Cmd::hget(keys::user(*id), LANDING)).collect();
        let marks: Vec<Option<Option<String>>> = self.each_readable(&reads).await?;
        // Of whoever is at it now, it will come to its end.
        let present = self.present_run().await?;
        let marked = ids.iter().zip(marks).filter_map(|(id, mark)| Some((id, mark.flatten()?)));
        for (id, mark) in marked.filter(|(_, mark)| Some(mark) != present.as_ref()) {
            let words = format!(
                "an import has not come to its end: user {id} is not wholly there, and cannot log in; run \
                 it again, or let go of what there is of them"
            );
            found.insert(Finding::mendable(words), Some(Cure::Begun(*id, mark)));
        }
        Ok(())
    }

    /// Whether someone is being taken over, or was until that was stopped.
    pub(super) async fn is_begun(&self, id: UserId) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::hexists(keys::user(id), LANDING))).await
    }
}
