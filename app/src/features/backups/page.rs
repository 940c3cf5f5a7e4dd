//! The page of one backup: loads it, and owns the actions that change it, so that they outlive a reload of its facts.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{self, Delete, Edit, Pin, Verify},
    detail::show,
};
use crate::{
    live::use_changes,
    ui::{Facts, Loaded},
};

/// What can be done on the page.
#[derive(Clone, Copy)]
pub(super) struct Acts {
    pub verify: ServerAction<Verify>,
    pub edit: ServerAction<Edit>,
    pub pin: ServerAction<Pin>,
    pub delete: ServerAction<Delete>,
}

#[component]
pub fn BackupPage() -> impl IntoView {
    let acts = Acts { verify: ServerAction::new(), edit: ServerAction::new(), pin: ServerAction::new(), delete: ServerAction::new() };
    let params = use_params_map();
    let changes = use_changes();
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let backup = Facts::new(
        move || (id(), changes.get(), acts.edit.version().get(), acts.pin.version().get(), acts.delete.version().get()),
        |(id, ..)| api::show(id),
    );
    view! { <Loaded resource=backup show=move |backup| show(backup, acts)/> }
}
