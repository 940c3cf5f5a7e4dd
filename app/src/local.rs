//! Numbers, sizes and durations as the person reads them who looks at the page: what `human` says, with their marks.
//!
//! The form is chosen by the server (`server/zone.rs`) and reaches the browser with what else it knows of the person (`ui/here.rs`), so that
//! both write the same. A thread that works for a request is told it by [`with`]: there is no request in it.

use std::cell::Cell;

use keepstone_model::{human, locale::Format};

thread_local! {
    /// In a browser there is one person; on the server it is that of the work which the thread is doing.
    static FORMAT: Cell<Option<Format>> = const { Cell::new(None) };
}

/// The form of the person for whom this runs.
pub(crate) fn format() -> Format {
    FORMAT.get().unwrap_or_else(of_request)
}

#[cfg(feature = "ssr")]
fn of_request() -> Format {
    leptos::prelude::use_context::<Format>().unwrap_or_else(crate::server::format)
}

#[cfg(not(feature = "ssr"))]
fn of_request() -> Format {
    Format::default()
}

/// What the server said, for as long as the page is there.
#[cfg(feature = "hydrate")]
pub(crate) fn keep(format: Format) {
    FORMAT.set(Some(format));
}

/// Runs a piece of work in this form.
#[cfg(feature = "ssr")]
pub(crate) fn with<T>(format: Format, work: impl FnOnce() -> T) -> T {
    /// Also where the work panics: the thread goes on to work for others.
    struct Before(Option<Format>);
    impl Drop for Before {
        fn drop(&mut self) {
            FORMAT.set(self.0);
        }
    }
    let _before = Before(FORMAT.replace(Some(format)));
    work()
}

/// e.g. `2,000,000`.
pub(crate) fn count(number: u64) -> String {
    format().count(number)
}

/// A number that `human` wrote, with the person's decimal mark.
pub(crate) fn decimal(text: String) -> String {
    format().decimal(text)
}

/// e.g. `1.2 GB`.
pub(crate) fn bytes(count: u64) -> String {
    decimal(human::bytes(count))
}

/// e.g. `9.5 s`, `31 h 4 min`.
#[cfg(feature = "ssr")]
pub(crate) fn duration_ms(ms: u64) -> String {
    decimal(human::duration_ms(ms))
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_the_form_of_its_person_and_of_nobody_after_it() {
        let german = Format::of("de").unwrap();
        assert_eq!(with(german, || (bytes(1_234_567), count(1_234_567))), ("1,2 MB".to_owned(), "1.234.567".to_owned()));
        assert!(std::panic::catch_unwind(|| with(german, || panic!("a verb"))).is_err());
        assert_eq!(bytes(1_234_567), "1.2 MB");
    }
}
