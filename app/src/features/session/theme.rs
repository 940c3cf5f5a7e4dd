//! Light, dark, or as the system has it.

use leptos::prelude::*;

use super::api::SetTheme;
use crate::ui::{
    Icon,
    here::{Theme, use_here},
};
use crate::words::session as words;

/// Three buttons of one form. In the browser the page changes at once and the cookie follows; without JavaScript the page comes back changed.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let keep = ServerAction::<SetTheme>::new();
    let (theme, set_theme) = signal(use_here().theme);
    let buttons: Vec<_> = Theme::ALL
        .into_iter()
        .map(|one| {
            let (icon, word) = match one {
                Theme::Light => ("sun", words::theme_light()),
                Theme::Dark => ("moon", words::theme_dark()),
                Theme::System => ("screen", words::theme_system()),
            };
            let show = move |_| {
                set_theme.set(one);
                if let Some(root) = document().document_element() {
                    // Both only fail for a name that is no attribute's.
                    let _ = match one {
                        Theme::System => root.remove_attribute("data-theme"),
                        _ => root.set_attribute("data-theme", one.as_str()),
                    };
                }
            };
            let pressed = move || if theme.get() == one { "true" } else { "false" };
            view! {
                <button type="submit" name="theme" value=one.as_str() aria-pressed=pressed on:click=show>
                    <Icon name=icon/>
                    {word}
                </button>
            }
        })
        .collect();
    view! {
        <ActionForm action=keep>
            <div class="segmented" role="group" aria-label=words::theme()>
                {buttons}
            </div>
        </ActionForm>
    }
}
