//! The head of a page: where one is, what it is, and what can be done.

use leptos::{html, prelude::*};
use leptos_meta::Title;

use super::here::Here;
use crate::words::parts as words;

/// One step of the way to a page: its words and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    pub text: String,
    pub href: String,
}

pub fn crumb(text: impl Into<String>, href: impl Into<String>) -> Crumb {
    Crumb { text: text.into(), href: href.into() }
}

/// Set when the address changed in the browser: the next page head takes the focus, so that a keyboard and a screen reader follow.
#[derive(Debug, Clone, Copy)]
pub struct FocusWanted(pub StoredValue<bool>);

/// The document's title. Each page has one of its own: one above all pages would empty the titles of those that only the server writes.
#[component]
pub fn PageTitle(#[prop(into)] text: String) -> impl IntoView {
    // The environment is in it, too: it is what a row of tabs shows.
    let environment =
        use_context::<Here>().and_then(|here| here.environment).map_or_else(String::new, |found| format!(" · {}", found.name));
    view! { <Title text=text formatter=move |text: String| words::title_of_document(&text, &environment)/> }
}

/// The page's only `h1`, also its title in the browser. Children are the actions, the main one last.
#[component]
pub fn PageHeader(
    #[prop(into)] title: String,
    /// The way here, from the list on; the page itself is not in it.
    #[prop(optional)]
    breadcrumbs: Vec<Crumb>,
    /// A badge beside the title.
    #[prop(optional)]
    badge: Option<AnyView>,
    /// A line under the title.
    #[prop(optional)]
    lead: Option<AnyView>,
    /// For ids and names that are read letter by letter.
    #[prop(optional)]
    mono: bool,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    // Asked for here: when the effect runs, what loaded the page may be gone, and with it the way to the context.
    let wanted = use_context::<FocusWanted>();
    Effect::new(move || {
        if let (Some(FocusWanted(wanted)), Some(heading)) = (wanted, heading.get())
            && wanted.get_value()
        {
            wanted.set_value(false);
            // By the next frame the page is in the document; before, it cannot take the focus.
            request_animation_frame(move || {
                // A heading that is gone again has nothing to focus.
                let _ = heading.focus();
            });
        }
    });
    let way = (!breadcrumbs.is_empty()).then(|| {
        let steps: Vec<_> = breadcrumbs.into_iter().map(|c| view! { <li><a href=c.href>{c.text}</a></li> }).collect();
        view! { <nav aria-label=words::breadcrumbs()><ol class="crumbs">{steps}</ol></nav> }
    });
    view! {
        <PageTitle text=title.clone()/>
        <header class="page-head">
            {way}
            <div class="page-row">
                <div class="page-words">
                    <div class="page-title">
                        <h1 tabindex="-1" class:mono=mono node_ref=heading>{title}</h1>
                        {badge}
                    </div>
                    {lead.map(|lead| view! { <div class="lead">{lead}</div> })}
                </div>
                {children.map(|children| view! { <div class="actions">{children()}</div> })}
            </div>
        </header>
    }
}
