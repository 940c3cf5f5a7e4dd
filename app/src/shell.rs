//! The HTML document around the app: what a browser must have before it can show anything. Rendered on the server only, never hydrated.

use axum::http::request::Parts;
use keepstone_engine::jobs::{self, JobFilter};
use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use crate::{
    App,
    features::session::api::on_the_server::theme,
    server::ServerContext,
    ui::{self, here::Theme},
};

/// Wakes the page once it is shown and has nothing else to do, marks it as awake (`data-hydrated`) or as failed (`data-hydration-failed`), and tells
/// the server the browser's time zone for the next page. What is read is there before: on a slow line the WASM would only hold it up, and on a
/// slow phone starting it is long enough to be felt, so compiling and hydrating are two tasks. `HydrationScripts` would guess the WASM's name
/// and could not be given the nonce.
fn wake(base: &str, script: &str, wasm: &str) -> String {
    format!(
        r#"const root=document.documentElement,zone=Intl.DateTimeFormat().resolvedOptions().timeZone;
if(zone)document.cookie="keepstone_zone="+encodeURIComponent(zone)+";path={base}/;max-age=31536000;samesite=lax";
const wake=async()=>{{
const wasm=fetch("{base}{wasm}"),page=await import("{base}{script}");
await page.default({{module_or_path:wasm}});
await new Promise(go=>setTimeout(go));
page.hydrate();root.setAttribute("data-hydrated","")}};
const failed=fault=>{{root.setAttribute("data-hydration-failed","");console.error(fault)}};
const soon=()=>{{const start=()=>wake().catch(failed);window.requestIdleCallback?requestIdleCallback(start,{{timeout:1000}}):setTimeout(start)}};
document.readyState==="complete"?soon():addEventListener("load",soon,{{once:true}})"#
    )
}

pub fn shell(_options: LeptosOptions) -> impl IntoView {
    let context = use_context::<ServerContext>();
    // The routes are listed once at the start, without a request and so without a context.
    let asset = |name: &str| context.as_ref().map_or_else(|| format!("/pkg/{name}"), |context| (context.asset)(name));
    let (icon, style, script, wasm) = (asset("favicon.svg"), asset("main.css"), asset("frontend.js"), asset("frontend_bg.wasm"));
    let base = context.as_ref().map_or("", |context| context.base.as_str());
    let wake = wake(base, &script, &wasm);
    let nonce = use_nonce().map(|nonce| nonce.to_string());
    let theme = match theme() {
        Theme::System => None,
        theme => Some(theme.as_str()),
    };
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="robots" content="noindex, nofollow"/>
                <link rel="icon" type="image/svg+xml" href=icon/>
                <link rel="stylesheet" href=style/>
                // The first picture is the whole page: while its rows come in, columns and buttons would move.
                <link rel="expect" href="#whole" blocking="render"/>
                <script type="module" nonce=nonce inner_html=wake></script>
                {running().then(|| view! { <noscript><meta http-equiv="refresh" content="4"/></noscript> })}
                <MetaTags/>
            </head>
            <body>
                <App/>
                <svg id="whole" class="sprite" aria-hidden="true" inner_html=ui::SPRITE></svg>
            </body>
        </html>
    }
}

/// Whether something on this page is still moving, so that a browser without JavaScript should look again by itself. Forms are left alone:
/// a refresh would empty them.
fn running() -> bool {
    let moving = |path: &str| {
        path == "/" || path == "/databases" || path == "/backups" || (path.starts_with("/jobs") && !path.ends_with("/undo")) || {
            let one = path.strip_prefix("/databases/").or_else(|| path.strip_prefix("/backups/"));
            one.is_some_and(|one| one != "new" && !one.contains('/'))
        }
    };
    let Some(path) = use_context::<Parts>().map(|parts| parts.uri.path().to_owned()) else { return false };
    let Some(context) = use_context::<ServerContext>() else { return false };
    // Not the live feed: it hears of a job a moment later than the page that was just led to it, which would then never look again.
    let open = JobFilter { open: true, limit: Some(1), ..JobFilter::default() };
    moving(&path) && jobs::jobs(&context.vault, &open).is_ok_and(|jobs| !jobs.is_empty())
}
