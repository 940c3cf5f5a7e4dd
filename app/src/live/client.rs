//! How the messages come: one event stream per browser where Web Locks are there (the tab that holds the lock reads it and rebroadcasts),
//! else one per visible tab. Browser only.
//!
//! HTTP/1.1 allows about six connections per origin over all tabs, `EventSource` does not retry after an HTTP error, and a connection can be dead
//! without saying so. So: hidden tabs hold neither stream nor lock; a tick each second opens, retries with growing pauses, and gives up on a
//! stream that was silent for longer than the server ever is; after three failures it asks `/fn/live/poll` as well.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use gloo_timers::callback::Interval;
use js_sys::{Date, Function, Promise, Reflect};
use leptos::{prelude::*, server_fn::client::get_server_url, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{BroadcastChannel, EventSource, MessageEvent, VisibilityState};

use super::{Connection, Live, api};

/// The channel and the lock of all tabs; another console on the same host, below another path, has others.
fn name() -> String {
    format!("keepstone-live{}", get_server_url())
}

/// The server sends something every 15 s; twice that and a little is dead.
const SILENCE_MS: f64 = 40_000.0;
const POLL_PAUSE_MS: f64 = 3_000.0;
const RETRY_PAUSE_MAX_MS: f64 = 15_000.0;
/// From a tab that reads the stream: it has failed. From one that does not: say what is.
const TROUBLE: &str = "!";
const HELLO: &str = "?";

/// Starts the connection once the page is hydrated, and ends it with the component that asked.
pub(super) fn run(live: Live) {
    let client = StoredValue::new_local(None::<Rc<Client>>);
    Effect::new(move |_| client.set_value(Some(Client::start(live))));
    on_cleanup(move || {
        if let Some(client) = client.try_update_value(Option::take).flatten() {
            client.stop();
        }
    });
}

struct Client {
    live: Live,
    stream: RefCell<Option<EventSource>>,
    channel: Option<BroadcastChannel>,
    lock: RefCell<Lock>,
    newest: RefCell<String>,
    heard_at: Cell<f64>,
    opened_at: Cell<f64>,
    retry_at: Cell<f64>,
    poll_at: Cell<f64>,
    failures: Cell<u32>,
    /// Another tab said that its stream failed.
    trouble: Cell<bool>,
    over: Cell<bool>,
    handlers: RefCell<Vec<Handler>>,
    tick: RefCell<Option<Interval>>,
}

/// Whether this tab is the one that reads the stream.
enum Lock {
    /// No Web Locks here (no secure context): every visible tab reads its own.
    Needless,
    Free,
    Asked,
    /// Calling the function gives it back.
    Held(Function),
}

type Handler = Closure<dyn FnMut(MessageEvent)>;

impl Client {
    fn start(live: Live) -> Rc<Self> {
        let locks = locks().is_some();
        let client = Rc::new(Self {
            live,
            stream: RefCell::default(),
            channel: locks.then(|| BroadcastChannel::new(&name()).ok()).flatten(),
            lock: RefCell::new(if locks { Lock::Free } else { Lock::Needless }),
            newest: RefCell::default(),
            heard_at: Cell::new(Date::now()),
            opened_at: Cell::new(0.0),
            retry_at: Cell::new(0.0),
            poll_at: Cell::new(0.0),
            failures: Cell::new(0),
            trouble: Cell::new(false),
            over: Cell::new(false),
            handlers: RefCell::default(),
            tick: RefCell::default(),
        });
        if let Some(channel) = &client.channel {
            let on_message = client.handler(|client, event| client.heard_from_tab(&event.data().as_string().unwrap_or_default()));
            channel.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            client.handlers.borrow_mut().push(on_message);
        }
        let on_change = client.handler(|client, _| client.look_again());
        for (target, event) in [
            (document().as_ref() as &web_sys::EventTarget, "visibilitychange"),
            (window().as_ref(), "online"),
            (window().as_ref(), "offline"),
        ] {
            // Never removed: after `stop` it finds nothing to do, and it lives as long as the page.
            let _ = target.add_event_listener_with_callback(event, on_change.as_ref().unchecked_ref());
        }
        on_change.forget();
        let ticking = Rc::downgrade(&client);
        *client.tick.borrow_mut() = Some(Interval::new(1000, move || {
            if let Some(client) = ticking.upgrade() {
                client.tick();
            }
        }));
        client.tick();
        client
    }

    fn stop(&self) {
        self.over.set(true);
        self.tick.take();
        self.rest();
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }

    fn handler(self: &Rc<Self>, act: impl Fn(&Rc<Self>, MessageEvent) + 'static) -> Handler {
        let client = Rc::downgrade(self);
        Closure::new(move |event| {
            if let Some(client) = client.upgrade().filter(|client| !client.over.get()) {
                act(&client, event);
            }
        })
    }

    /// The tab was shown or hidden, or the machine went on or off the network.
    fn look_again(self: &Rc<Self>) {
        if visible() {
            self.failures.set(0);
            self.retry_at.set(0.0);
            self.tick();
        } else {
            self.rest();
        }
    }

    /// Holds neither stream nor lock, so that another tab may.
    fn rest(&self) {
        self.close();
        let mut lock = self.lock.borrow_mut();
        if let Lock::Held(release) = &*lock {
            let _ = release.call0(&JsValue::NULL);
            *lock = Lock::Free;
        }
    }

    fn tick(self: &Rc<Self>) {
        if self.over.get() || !visible() {
            return;
        }
        let now = Date::now();
        if !self.may_read() {
            self.ask_for_lock();
        } else if self.stream.borrow().is_none() {
            if now >= self.retry_at.get() && online() {
                self.open();
            }
            if self.failures.get() >= 3 && now >= self.poll_at.get() {
                self.poll_at.set(now + POLL_PAUSE_MS);
                self.poll();
            }
        } else if self.is_silent(now) {
            self.failed();
        }
        self.tell(now);
    }

    /// Whether nothing came for longer than the server is ever silent.
    fn is_silent(&self, now: f64) -> bool {
        now - self.heard_at.get().max(self.opened_at.get()) > SILENCE_MS
    }

    fn may_read(&self) -> bool {
        matches!(*self.lock.borrow(), Lock::Needless | Lock::Held(_))
    }

    fn tell(&self, now: f64) {
        let silent = now - self.heard_at.get();
        let well = if self.may_read() { self.stream.borrow().is_some() && self.failures.get() == 0 } else { !self.trouble.get() };
        let connection = match self.live.connection.get_untracked() {
            Connection::SignedOut => Connection::SignedOut,
            _ if !online() => Connection::Offline,
            // Nothing heard yet, and nothing wrong yet.
            Connection::Connecting if well && self.newest.borrow().is_empty() => Connection::Connecting,
            _ if well && !self.is_silent(now) => Connection::Live,
            Connection::Polling if silent < 2.5 * POLL_PAUSE_MS => Connection::Polling,
            _ => Connection::Reconnecting(whole_seconds(silent)),
        };
        self.live.set_connection(connection);
    }

    fn open(self: &Rc<Self>) {
        let Ok(stream) = EventSource::new(&format!("{}/events", get_server_url())) else { return self.failed() };
        let on_message = self.handler(|client, event| client.heard(&event.data().as_string().unwrap_or_default()));
        let on_error = self.handler(|client, _| client.failed());
        stream.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        stream.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        self.opened_at.set(Date::now());
        // The handlers of the stream before this one are dropped here: it was closed, and none of them is running.
        let mut handlers = self.handlers.borrow_mut();
        handlers.truncate(usize::from(self.channel.is_some()));
        handlers.extend([on_message, on_error]);
        *self.stream.borrow_mut() = Some(stream);
    }

    fn close(&self) {
        if let Some(stream) = self.stream.take() {
            stream.set_onmessage(None);
            stream.set_onerror(None);
            stream.close();
        }
    }

    fn failed(&self) {
        self.close();
        let failures = self.failures.get() + 1;
        self.failures.set(failures);
        let pause = (500.0 * f64::from(failures.min(6)).exp2()).min(RETRY_PAUSE_MAX_MS);
        self.retry_at.set(Date::now() + pause * (0.75 + js_sys::Math::random() / 2.0));
        self.post(TROUBLE);
        self.tell(Date::now());
    }

    /// A message of this tab's own stream.
    fn heard(&self, message: &str) {
        self.failures.set(0);
        self.post(message);
        self.take(message);
    }

    fn heard_from_tab(self: &Rc<Self>, message: &str) {
        match message {
            HELLO if self.may_read() && !self.newest.borrow().is_empty() => self.post(&self.newest.borrow()),
            HELLO => {}
            TROUBLE => self.trouble.set(true),
            message => self.take(message),
        }
        self.tell(Date::now());
    }

    fn take(&self, message: &str) {
        let Ok(state) = serde_json::from_str(message) else { return };
        self.trouble.set(false);
        self.heard_at.set(Date::now());
        message.clone_into(&mut self.newest.borrow_mut());
        self.live.accept(state);
        self.tell(Date::now());
    }

    fn post(&self, message: &str) {
        if let Some(channel) = &self.channel {
            let _ = channel.post_message(&JsValue::from_str(message));
        }
    }

    fn poll(self: &Rc<Self>) {
        let client = self.clone();
        spawn_local(async move {
            match api::poll().await {
                _ if client.over.get() => {}
                Ok(state) => {
                    client.heard_at.set(Date::now());
                    client.live.accept(state);
                    client.live.set_connection(Connection::Polling);
                }
                Err(error) if error.status == 401 => client.live.set_connection(Connection::SignedOut),
                Err(_) => {}
            }
        });
    }

    /// Asks for the lock once; it comes when the tab that reads gives it back or is closed. Until then that tab's messages are heard.
    fn ask_for_lock(self: &Rc<Self>) {
        if !matches!(*self.lock.borrow(), Lock::Free) {
            return;
        }
        let Some(locks) = locks() else { return };
        *self.lock.borrow_mut() = Lock::Asked;
        self.post(HELLO);
        let client = self.clone();
        let granted = Closure::once_into_js(move |_lock: JsValue| {
            if client.over.get() || !visible() {
                *client.lock.borrow_mut() = Lock::Free;
                return Promise::resolve(&JsValue::NULL);
            }
            let promise = Promise::new(&mut |resolve, _| *client.lock.borrow_mut() = Lock::Held(resolve));
            client.retry_at.set(0.0);
            client.tick();
            promise
        });
        let request = Reflect::get(&locks, &"request".into()).ok().and_then(|request| request.dyn_into::<Function>().ok());
        let asked = request.map(|request| request.call2(&locks, &name().into(), &granted));
        if !matches!(asked, Some(Ok(_))) {
            *self.lock.borrow_mut() = Lock::Needless;
        }
    }
}

fn visible() -> bool {
    document().visibility_state() == VisibilityState::Visible
}

fn online() -> bool {
    navigator("onLine").is_none_or(|on| on.is_truthy())
}

fn locks() -> Option<JsValue> {
    navigator("locks")
}

fn navigator(name: &str) -> Option<JsValue> {
    let navigator = Reflect::get(&window(), &"navigator".into()).ok()?;
    Reflect::get(&navigator, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time since then, shown in whole seconds")]
fn whole_seconds(ms: f64) -> u64 {
    (ms / 1000.0) as u64
}
