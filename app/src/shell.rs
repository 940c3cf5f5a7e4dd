//! The HTML document around the app: what a browser must have before it can show anything. Rendered on the server only, never hydrated.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::{App, ui};

pub fn shell(_options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                <svg class="sprite" aria-hidden="true" inner_html=ui::SPRITE></svg>
            </body>
        </html>
    }
}
