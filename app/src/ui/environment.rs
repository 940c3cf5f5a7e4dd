//! Which of several installations this is, where it must not be mistaken for another.

use keepstone_model::environment::Environment;
use leptos::prelude::*;

use super::here::use_here;
use crate::words::parts as words;

/// Nothing where the host did not say.
#[component]
pub fn EnvironmentBadge() -> impl IntoView {
    use_here().environment.map(|Environment { name, colour }| {
        view! {
            <span class=format!("environment {}", colour.as_str())>
                <span class="visually-hidden">{words::environment_before()}</span>
                {name}
            </span>
        }
    })
}
