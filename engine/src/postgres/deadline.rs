//! Waiting for a server that may never answer. Its client bounds only the connecting itself: a server that is frozen takes the connection and is
//! silent from then on. So whoever must not wait for ever asks on another thread, which is left behind after a while.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::Builder,
    time::{Duration, Instant},
};

use super::{fault::Fault, location::Location};
use crate::{Error, Result};

/// So many threads may wait for one server that was given up; then it is not asked any more,
const MOST_LATE: usize = 2;
/// until one of them heard of it, or this long after: what they wait for may be lost for ever.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// When each server was given up.
static LATE: Mutex<BTreeMap<String, Vec<Instant>>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Awaited,
    GivenUp,
    Done,
}

/// What `work` says of this server, or that it does not answer, after so long.
pub(super) fn within<T: Send + 'static>(location: &Location, time: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let server = location.server();
    let silent = |detail: String| Error::from(Fault::Unreachable { server: server.clone(), detail });
    let late = late_of(&server);
    if late >= MOST_LATE {
        return Err(silent(format!("{late} questions of the last minutes are not answered yet")));
    }
    let stage = Arc::new(Mutex::new(Stage::Awaited));
    let (tell, hear) = mpsc::channel();
    let (of_thread, named) = (stage.clone(), server.clone());
    let asking = Builder::new().name("asks-server".into()).spawn(move || {
        let answer = work();
        if std::mem::replace(&mut *lock(&of_thread), Stage::Done) == Stage::GivenUp {
            lock(&LATE).remove(&named);
        }
        // Nobody hears it any more if it came late.
        drop(tell.send(answer));
    });
    asking.map_err(|error| Error::Internal(format!("no thread to ask a server: {error}")))?;
    if let Ok(answer) = hear.recv_timeout(time) {
        return Ok(answer);
    }
    let mut stage = lock(&stage);
    if *stage == Stage::Awaited {
        *stage = Stage::GivenUp;
        lock(&LATE).entry(server.clone()).or_default().push(Instant::now());
    }
    drop(stage);
    // At the last moment, after all.
    hear.try_recv().map_err(|_| silent(format!("it takes connections and did not answer within {} s", time.as_secs())))
}

fn late_of(server: &str) -> usize {
    let mut all = lock(&LATE);
    let Some(late) = all.get_mut(server) else { return 0 };
    late.retain(|at| at.elapsed() < ASKED_AGAIN_AFTER);
    late.len()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::postgres::{open::Connection, settings::Environment};

    #[test]
    fn a_server_that_takes_connections_and_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let environment = Environment::default();
        let location =
            Location::of(&format!("postgresql://alice@127.0.0.1:{port}/shop?connect_timeout=1&sslmode=disable"), &environment).unwrap();
        let open = || Connection::open(&location, &environment).unwrap_err().to_string();
        let begun = Instant::now();
        assert!(open().contains("did not answer within"), "{}", open());
        assert!(begun.elapsed() < Duration::from_secs(5));
        let one = within(&location, Duration::from_millis(1), || std::thread::sleep(Duration::from_millis(50)));
        assert!(one.is_err());
        assert!(open().contains("not answered yet"), "no more threads wait for it");
        // One of them heard something.
        let until = Instant::now() + Duration::from_secs(10);
        while late_of(&location.server()) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(within(&location, Duration::from_secs(5), || 7).unwrap(), 7);
    }
}
