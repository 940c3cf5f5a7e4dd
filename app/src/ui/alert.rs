//! Something a person must know, in place, where it matters.

use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertKind {
    Info,
    Good,
    Warning,
    Failure,
}

/// A titled box; a failure is announced at once. What the title does not say stands in the children.
#[component]
pub fn Alert(kind: AlertKind, #[prop(into)] title: String, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    let (tone, mark, role) = match kind {
        AlertKind::Info => ("info", "i", "note"),
        AlertKind::Good => ("good", "✔", "status"),
        AlertKind::Warning => ("warn", "▲", "note"),
        AlertKind::Failure => ("bad", "✖", "alert"),
    };
    view! {
        <div class=format!("alert {tone}") role=role>
            <span class="mark" aria-hidden="true">{mark}</span>
            <div class="alert-body">
                <p class="alert-title">{title}</p>
                {children.map(|children| children())}
            </div>
        </div>
    }
}
