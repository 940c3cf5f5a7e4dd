//! Forms: a labelled field with its help and its error beside it, the error of the whole form, and the button that sends it.

use leptos::prelude::*;

/// An input with its label. The error stands next to it and is tied to it; `value` survives a refused form.
#[component]
pub fn Field(
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(optional, into)] help: String,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional)] autocomplete: Option<&'static str>,
    #[prop(optional)] required: bool,
    #[prop(optional)] readonly: bool,
    /// Paths and ids are shown letter by letter.
    #[prop(optional)]
    mono: bool,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let has_help = !help.is_empty();
    view! {
        <FieldBox label=label name=name help=help error=error>
            <input
                id=format!("f-{name}")
                class:mono=mono
                type=kind
                name=name
                value=value
                placeholder=(!placeholder.is_empty()).then_some(placeholder)
                autocomplete=autocomplete
                autocapitalize=mono.then_some("none")
                spellcheck=mono.then_some("false")
                required=required
                readonly=readonly
                aria-describedby=move || described_by(name, has_help, error.get().is_some())
                aria-invalid=move || error.get().map(|_| "true")
            />
        </FieldBox>
    }
}

/// The ids of what explains a field, for `aria-describedby` of an own input inside [`FieldBox`].
pub(crate) fn described_by(name: &str, help: bool, error: bool) -> Option<String> {
    match (help, error) {
        (true, true) => Some(format!("e-{name} p-{name}")),
        (false, true) => Some(format!("e-{name}")),
        (true, false) => Some(format!("p-{name}")),
        (false, false) => None,
    }
}

/// The box of [`Field`] for other inputs: a select, a textarea. The child has the id `f-<name>`.
#[component]
pub fn FieldBox(
    #[prop(into)] label: String,
    name: &'static str,
    #[prop(optional, into)] help: String,
    #[prop(optional, into)] error: Signal<Option<String>>,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=format!("f-{name}")>{label}</label>
            {children()}
            {move || error.get().map(|error| view! { <p class="field-error" id=format!("e-{name}")>{error}</p> })}
            {(!help.is_empty()).then(|| view! { <p class="help" id=format!("p-{name}")>{help}</p> })}
        </div>
    }
}

/// What is wrong with the form as a whole, announced when it appears.
#[component]
pub fn FormError(#[prop(into)] error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <div role="alert" class="form-error-slot">
            {move || error.get().map(|error| view! { <p class="form-error"><span class="mark" aria-hidden="true">"✖"</span>{error}</p> })}
        </div>
    }
}

/// Sends its form. While it is on its way a second press does nothing.
#[component]
pub fn SubmitButton(
    #[prop(into)] label: String,
    /// `primary` (default), `danger`, or `plain`.
    #[prop(default = "primary")]
    tone: &'static str,
    #[prop(optional, into)] pending: Signal<bool>,
    #[prop(optional)] icon: Option<&'static str>,
    #[prop(optional)] small: bool,
) -> impl IntoView {
    let class = if small { format!("button small {tone}") } else { format!("button {tone}") };
    view! {
        <button type="submit" class=class disabled=move || pending.get() aria-busy=move || pending.get().then_some("true")>
            {icon.map(|name| view! { <super::Icon name=name/> })}
            {label}
        </button>
    }
}
