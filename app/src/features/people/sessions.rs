//! Sessions as a table: which browser is signed in from where, and ending it.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ui::{Ago, Head, Moment, SubmitButton, Table, When};
use crate::words::{people as words, shared};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    pub handle: String,
    /// e.g. "Firefox on Linux".
    pub browser: String,
    pub address: String,
    pub begun: Moment,
    pub seen: Moment,
    pub expires: Moment,
    /// It is the one that looks at the page.
    pub is_this: bool,
}

/// `action` is the function that ends one; `of` names the person where it is not whoever looks.
pub(super) fn table(rows: Vec<SessionRow>, action: &'static str, of: Option<&str>) -> AnyView {
    if rows.is_empty() {
        return view! { <p class="panel-pad muted">{words::nowhere()}</p> }.into_any();
    }
    let rows: Vec<_> = rows.into_iter().map(|row| table_row(row, action, of.map(str::to_owned))).collect();
    view! {
        <Table
            caption=words::sessions()
            head=vec![Head::Text(words::browser()), Head::Text(words::from()), Head::Text(words::signed_in()), Head::Text(shared::last_used()), Head::Text(words::ends()), Head::Unseen(shared::actions())]
            rows=rows.into_any()
        />
    }
    .into_any()
}

fn table_row(row: SessionRow, action: &'static str, of: Option<String>) -> AnyView {
    let act = if row.is_this {
        view! { <span class="badge info">{words::this_one()}</span> }.into_any()
    } else {
        view! {
            <form method="post" action=action>
                {of.map(|name| view! { <input type="hidden" name="name" value=name/> })}
                <input type="hidden" name="session" value=row.handle/>
                <SubmitButton label=words::end_session() tone="plain" small=true/>
            </form>
        }
        .into_any()
    };
    view! {
        <tr>
            <td data-label=words::browser() class="t-name">{row.browser}</td>
            <td data-label=words::from()>{row.address}</td>
            <td data-label=words::signed_in()><When moment=row.begun/></td>
            <td data-label=shared::last_used()><Ago moment=row.seen/></td>
            <td data-label=words::ends()><When moment=row.expires/></td>
            <td class="row-actions">{act}</td>
        </tr>
    }
    .into_any()
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::tz::TimeZone;
    use keepstone_engine::catalog::Session;
    use keepstone_model::Timestamp;

    use super::{Moment, SessionRow};
    use crate::words::people as words;

    impl SessionRow {
        /// `this` is the handle of the session that looks at it.
        pub(crate) fn new((handle, session): (String, Session), this: &str, now: Timestamp, zone: &TimeZone) -> Self {
            let moment = |at| Moment::new(at, now, zone);
            Self {
                is_this: handle == this,
                handle,
                browser: browser(&session.agent),
                address: if session.address.is_empty() { words::unknown().to_owned() } else { session.address },
                begun: moment(session.created_at),
                seen: moment(session.last_seen_at),
                expires: moment(session.expires_at),
            }
        }
    }

    /// What a browser calls itself, as people call it. Only words of ours and nothing of what it sent, unless it is something unheard of.
    fn browser(agent: &str) -> String {
        const BROWSERS: [(&str, &str); 7] = [
            ("Firefox/", "Firefox"),
            ("Edg/", "Edge"),
            ("OPR/", "Opera"),
            ("HeadlessChrome/", "Chrome"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
            ("curl/", "curl"),
        ];
        const SYSTEMS: [(&str, &str); 6] = [
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
        ];
        let find = |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, word)| *word);
        match (find(&BROWSERS), find(&SYSTEMS)) {
            (Some(browser), Some(system)) => words::browser_on(&browser, &system),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) if agent.is_empty() => words::unknown().to_owned(),
            (None, None) => agent.chars().take(40).collect(),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::browser;

        #[test]
        fn browsers_are_called_as_people_call_them() {
            let cases = [
                ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
                (
                    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                    "Edge on Windows",
                ),
                (
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604.1",
                    "Safari on iPhone",
                ),
                ("curl/8.5.0", "curl"),
                ("", "unknown"),
                ("something else entirely that goes on and on and on", "something else entirely that goes on and"),
            ];
            for (agent, words) in cases {
                assert_eq!(browser(agent), words);
            }
        }
    }
}
