//! Serving a small app of our own, without workers.

use pingora::apps::{HttpServerApp, ServerApp};
use pingora::protocols::l4::stream::Stream;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Serves the connections of a listener with an app, on the runtime that runs this, until `end`; then
/// finishes what it serves.
pub async fn serve<A>(
    app: A,
    socket: TcpListener,
    end: impl Future<Output = ()>,
) -> std::io::Result<()>
where
    A: HttpServerApp + Send + Sync + 'static,
{
    /// More than anyone needs to look at us.
    const MOST: usize = 256;
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    let (app, places) = (Arc::new(app), Arc::new(Semaphore::new(MOST)));
    let (stop, stopping) = watch::channel(false);
    let mut served = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
            std::io::Result::Ok((place, listener.accept().await))
        };
        let (place, accepted) = tokio::select! {
            next = next => next?,
            () = &mut end => break,
        };
        let Ok((stream, _)) = accepted else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Head and body are written apart.
        let _ = stream.set_nodelay(true);
        let (app, stopping) = (Arc::clone(&app), stopping.clone());
        served.spawn(async move {
            app.process_new(Box::new(Stream::from(stream)), &stopping).await;
            drop(place);
        });
        while served.try_join_next().is_some() {}
    }
    drop(listener);
    stop.send_replace(true);
    while served.join_next().await.is_some() {}
    Ok(())
}
