//! The tokens of programs: the one that was just made, and the list.

use leptos::prelude::*;

use super::api::{MadeToken, RevokeToken, TokenRow};
use crate::ui::{Ago, Alert, AlertKind, ConfirmDialog, EmptyState, FormError, Head, Icon, Panel, SubmitButton, Table, When, fault_of};

/// The secret, this once.
pub(super) fn just_made(made: Option<MadeToken>, shown_before: bool) -> Option<AnyView> {
    let Some(made) = made else {
        return shown_before.then(|| {
            view! {
                <Alert kind=AlertKind::Info title="This token was shown already">
                    <p>"A token is shown once. If it was not kept, revoke it and make another one."</p>
                </Alert>
            }
            .into_any()
        });
    };
    Some(
        view! {
            <Alert kind=AlertKind::Good title=format!("Token {} is made", made.name)>
                <p>"Copy it now: it is shown this once, and only its hash is kept. It may " {made.words} "."</p>
                <p class="secret"><code>{made.secret}</code></p>
            </Alert>
        }
        .into_any(),
    )
}

pub(super) fn list(tokens: Vec<TokenRow>, revoke: ServerAction<RevokeToken>) -> AnyView {
    let fault = view! { <FormError error=fault_of(move || revoke.value().get())/> };
    let make = view! { <a class="button small" href="/settings/tokens/new"><Icon name="plus"/>"Make a token"</a> }.into_any();
    if tokens.is_empty() {
        return view! {
            <Panel title="API tokens" actions=make>
                {fault}
                <EmptyState icon="link" title="No program calls in">
                    <p>"A token lets a program use the HTTP API: make backups before a deployment, say, or watch whether all is safe."</p>
                </EmptyState>
            </Panel>
        }
        .into_any();
    }
    let rows: Vec<_> = tokens.into_iter().map(|token| row(token, revoke)).collect();
    view! {
        <Panel title="API tokens" flush=true actions=make>
            <div class="panel-pad fault-only">{fault}</div>
            <Table
                caption="Tokens with which programs use the HTTP API"
                head=vec![Head::Text("Name"), Head::Text("May"), Head::Text("Databases"), Head::Text("Last used"), Head::Text("Expires"), Head::Text("Made"), Head::Unseen("Actions")]
                rows=rows.into_any()
            />
        </Panel>
    }
    .into_any()
}

fn row(token: TokenRow, revoke: ServerAction<RevokeToken>) -> AnyView {
    let expires = match (token.expires, token.expired) {
        (None, _) => "never".into_any(),
        (Some(moment), false) => view! { <When moment=moment/> }.into_any(),
        (Some(moment), true) => {
            view! { <span class="badge warn"><span class="mark" aria-hidden="true">"▲"</span>"expired"</span> " " <Ago moment=moment/> }
                .into_any()
        }
    };
    let used = token.last_used.map_or_else(|| "never".into_any(), |moment| view! { <Ago moment=moment/> }.into_any());
    let (name, dialog) = (token.name.clone(), format!("revoke-{}", token.name));
    let (title, act) = (format!("Revoke the token {name}?"), format!("Revoke {name}"));
    view! {
        <tr>
            <td data-label="Name" class="t-name strong">{token.name}</td>
            <td data-label="May">{token.scopes.join(", ")}</td>
            <td data-label="Databases">{token.databases.map_or_else(|| "all".to_owned(), |ids| ids.join(", "))}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Expires">{expires}</td>
            <td data-label="Made"><When moment=token.created/><span class="sub">"by " {token.created_by}</span></td>
            <td class="row-actions">
                <ConfirmDialog name=dialog label="Revoke…" title=title class="button small">
                    <p>"Programs that use it are refused from then on. To let them in again, make another token."</p>
                    <ActionForm action=revoke>
                        <input type="hidden" name="name" value=name/>
                        <SubmitButton label=act tone="danger" pending=revoke.pending()/>
                    </ActionForm>
                </ConfirmDialog>
            </td>
        </tr>
    }
    .into_any()
}
