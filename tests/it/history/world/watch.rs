//! Sees when another server is the primary, instead of taking it for granted.

use super::super::record::{Line, Promotion, Recorder};
use crate::harness::redis_sentinels::NAME;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Those who know.
pub(in crate::history) enum Watch {
    /// Each says whether it is one.
    Nodes(Vec<SocketAddr>),
    /// There is one server alone.
    Nobody,
    /// Each says where it is.
    Sentinels(Vec<SocketAddr>),
}

impl Watch {
    /// Asks all of them again and again, and notes each change.
    pub(in crate::history) fn run(&self, recorder: &Recorder, is_over: &AtomicBool) {
        let (places, question) = match self {
            Self::Nodes(places) => (places, "ROLE".to_owned()),
            Self::Nobody => return,
            Self::Sentinels(places) => (places, format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}")),
        };
        let (mut said, mut latest) = (BTreeMap::new(), None);
        while !is_over.load(Ordering::SeqCst) {
            for place in places {
                let Some(says) = ask(*place, &question) else { continue };
                let before = said.insert(*place, says.clone());
                let is_news = match self {
                    Self::Nodes(_) => {
                        let was_none = before.is_some_and(|before| !is_primary(&before));
                        was_none && is_primary(&says)
                    }
                    // The first of them; the others follow.
                    _ => before.is_some_and(|it| it != says) && latest.as_ref() != Some(&says),
                };
                if is_news {
                    let (at, of) = (recorder.now(), format!("{place} says {says:?}"));
                    recorder.note(Line::Promotion(Promotion { at, of }));
                    latest = Some(says);
                }
            }
            thread::sleep(Duration::from_millis(30));
        }
    }
}

fn is_primary(role: &str) -> bool {
    role.contains("master")
}

/// What one answers, as it comes; `None` of one that is away, or frozen.
fn ask(place: SocketAddr, question: &str) -> Option<String> {
    /// An answer fits into it, or the beginning that tells.
    const ENOUGH: usize = 96;
    let patience = Duration::from_millis(100);
    let mut stream = TcpStream::connect_timeout(&place, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.write_all(format!("{question}\r\n").as_bytes()).ok()?;
    let mut answer = [0; ENOUGH];
    let length = stream.read(&mut answer).ok()?;
    let text = String::from_utf8_lossy(answer.get(..length)?).into_owned();
    // Of a role, what changes all the time is left out; an error says nothing.
    let words = text.lines().take(if question == "ROLE" { 3 } else { 5 });
    text.starts_with('*').then(|| words.collect::<Vec<_>>().join(" "))
}
