//! Boxes: a panel with a heading, the empty state of a list, and facts as a definition list.

use leptos::prelude::*;

use super::Icon;

/// A section with its own heading; `actions` stand beside it. `flush` for a table that reaches the edges.
#[component]
pub fn Panel(
    #[prop(into)] title: String,
    #[prop(optional)] actions: Option<AnyView>,
    #[prop(optional)] flush: bool,
    children: Children,
) -> impl IntoView {
    let id = slug(&title);
    let labelled_by = id.clone();
    view! {
        <section class="panel" aria-labelledby=labelled_by>
            <header class="panel-head">
                <h2 id=id>{title}</h2>
                {actions.map(|actions| view! { <div class="panel-actions">{actions}</div> })}
            </header>
            <div class=if flush { "panel-body flush" } else { "panel-body" }>{children()}</div>
        </section>
    }
}

fn slug(title: &str) -> String {
    let mut id = String::from("h-");
    id.extend(title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }));
    id
}

/// What a list says when it is empty: why, and what to do.
#[component]
pub fn EmptyState(icon: &'static str, #[prop(into)] title: String, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon/>
            <p class="empty-title">{title}</p>
            {children.map(|children| view! { <div class="empty-body">{children()}</div> })}
        </div>
    }
}

/// Terms and what they are; its children are [`Fact`]s.
#[component]
pub fn DefinitionList(children: Children) -> impl IntoView {
    view! { <dl class="facts">{children()}</dl> }
}

#[component]
pub fn Fact(#[prop(into)] term: String, children: Children) -> impl IntoView {
    view! {
        <div class="fact">
            <dt>{term}</dt>
            <dd>{children()}</dd>
        </div>
    }
}
