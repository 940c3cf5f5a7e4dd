//! What stands around every page: the way through the console, who is signed in where, and what is live.

use keepstone_model::access::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{
    shortcuts::{Shortcuts, explain},
    theme::ThemeSwitch,
};
use crate::words::{session as words, shared};
use crate::{
    base::use_path,
    live::{ConnectionChip, RunningJobsChip},
    ui::{
        EnvironmentBadge, Icon,
        here::{Here, Who, may, use_here},
        page::FocusWanted,
    },
};

/// A place that the navigation leads to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination {
    pub(super) href: &'static str,
    icon: &'static str,
    pub(super) word: &'static str,
    /// Which key leads there after `g`.
    pub(super) letter: &'static str,
}

fn to(href: &'static str, icon: &'static str, word: &'static str, letter: &'static str) -> Destination {
    Destination { href, icon, word, letter }
}

fn navigation() -> [Destination; 7] {
    [
        to("/", "overview", shared::overview(), "o"),
        to("/databases", "database", shared::databases(), "d"),
        to("/backups", "backup", shared::backups(), "b"),
        to("/schedules", "schedule", shared::schedules(), "s"),
        to("/storage", "storage", shared::storage(), "t"),
        to("/activity", "activity", shared::activity(), "a"),
        to("/settings", "settings", shared::settings(), "e"),
    ]
}

/// Where this person may go.
pub(super) fn destinations() -> impl Iterator<Item = Destination> {
    navigation().into_iter().filter(|to| to.href != "/settings" || may(Role::Admin))
}

/// The frame, or for someone who is not signed in only the page.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    follow_with_focus();
    let here = use_here();
    let skip = view! { <a class="skip" href="#main">{words::skip()}</a> };
    match here.who.clone() {
        None => view! {
            {skip}
            <main id="main" class="bare" tabindex="-1">{children()}</main>
        }
        .into_any(),
        Some(who) => view! {
            {skip}
            <div class="frame">
                <Navigation zone=here.zone.clone()/>
                <TopBar here=here who=who/>
                <main id="main" class="page" tabindex="-1">{children()}</main>
            </div>
            <Shortcuts/>
        }
        .into_any(),
    }
}

/// After the address changed, the next page head takes the focus. The first page keeps it where the browser put it.
fn follow_with_focus() {
    let wanted = StoredValue::new(false);
    provide_context(FocusWanted(wanted));
    let pathname = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = pathname.get();
        if before.is_some_and(|before| before != now) {
            wanted.set_value(true);
        }
        now
    });
}

#[component]
fn Navigation(zone: String) -> impl IntoView {
    let pathname = use_path();
    let links: Vec<_> = destinations()
        .map(|Destination { href, icon, word, .. }| {
            let current = move || pathname.with(|path| current_mark(path, href));
            view! {
                <li>
                    <a href=href aria-current=current>
                        <Icon name=icon/>
                        <span>{word}</span>
                    </a>
                </li>
            }
        })
        .collect();
    view! {
        <nav class="sidebar" aria-label=words::navigation()>
            <div class="sidebar-inner">
                <a class="brand" href="/">
                    <Icon name="stone"/>
                    "Keepstone"
                </a>
                <ul>{links}</ul>
                <p class="sidebar-foot">{words::times_in_before()} {zone}</p>
            </div>
        </nav>
    }
}

/// `page` on the page itself, `true` on those below it.
fn current_mark(path: &str, href: &str) -> Option<&'static str> {
    if path == href {
        return Some("page");
    }
    // What has no entry of its own belongs to the backups.
    let below = path.strip_prefix(href).is_some_and(|rest| href != "/" && rest.starts_with('/'));
    let of_backups = href == "/backups" && ["/jobs", "/trash"].iter().any(|other| path.starts_with(other));
    (below || of_backups).then_some("true")
}

#[component]
fn TopBar(here: Here, who: Who) -> impl IntoView {
    let initial = who.name.chars().next().map_or_else(String::new, |c| c.to_uppercase().to_string());
    view! {
        <header class="topbar">
            <a class="brand" href="/">
                <Icon name="stone"/>
                <span>"Keepstone"</span>
            </a>
            <EnvironmentBadge/>
            <p class="host" class:demo=here.demo title=words::host()>
                <Icon name="host"/>
                <span>{here.host}</span>
                {here.demo.then(|| view! { <span class="host-demo">{words::demo()}</span> })}
            </p>
            <form class="search" method="get" action="/search" role="search" aria-label=words::everything()>
                <Icon name="search"/>
                <input id="search" type="search" name="q" placeholder=shared::search() aria-label=shared::search() maxlength="200" autocomplete="off"/>
            </form>
            <a class="search-link" href="/search" aria-label=shared::search()><Icon name="search"/></a>
            <div class="topbar-live">
                <RunningJobsChip/>
                <ConnectionChip/>
            </div>
            <button type="button" class="avatar" popovertarget="user-menu" aria-label=words::user_menu(&who.name)>
                {initial}
            </button>
            <div id="user-menu" class="user-menu" popover="auto">
                <p class="menu-who">
                    <strong>{who.name}</strong>
                    <span class="muted">{who.role.as_str()}</span>
                </p>
                <p class="menu-label">{words::theme()}</p>
                <ThemeSwitch/>
                <a class="menu-item" href="/account">
                    <Icon name="user"/>
                    {shared::your_account()}
                </a>
                <button type="button" class="menu-item needs-script" on:click=move |_| explain()>
                    <Icon name="keyboard"/>
                    {words::shortcuts()}
                </button>
                <form method="post" action="/fn/session/sign-out">
                    <button type="submit" class="menu-item">
                        <Icon name="sign-out"/>
                        {words::sign_out()}
                    </button>
                </form>
            </div>
        </header>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_current() {
        for (path, marks) in [
            ("/", ["page", "", "", "", "", "", ""]),
            ("/databases/shop", ["", "true", "", "", "", "", ""]),
            ("/backups", ["", "", "page", "", "", "", ""]),
            ("/jobs/j-1", ["", "", "true", "", "", "", ""]),
            ("/backupsx", ["", "", "", "", "", "", ""]),
            ("/settings", ["", "", "", "", "", "", "page"]),
        ] {
            assert_eq!(navigation().map(|to| current_mark(path, to.href).unwrap_or("")), marks, "{path}");
        }
    }
}
