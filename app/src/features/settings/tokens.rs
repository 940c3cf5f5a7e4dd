//! The tokens of programs: the one that was just made, and the list.

use leptos::prelude::*;

use super::api::{MadeToken, RevokeToken, TokenRow};
use crate::ui::{Ago, Alert, AlertKind, ConfirmDialog, EmptyState, FormError, Head, Icon, Panel, SubmitButton, Table, When, fault_of};
use crate::words::{settings as words, shared};

/// The secret, this once.
pub(super) fn just_made(made: Option<MadeToken>, shown_before: bool) -> Option<AnyView> {
    let Some(made) = made else {
        return shown_before.then(|| {
            view! {
                <Alert kind=AlertKind::Info title=words::token_shown()>
                    <p>{words::token_shown_means()}</p>
                </Alert>
            }
            .into_any()
        });
    };
    Some(
        view! {
            <Alert kind=AlertKind::Good title=words::token_made(&made.name)>
                <p>{words::token_copy(&made.words)}</p>
                <p class="secret"><code>{made.secret}</code></p>
            </Alert>
        }
        .into_any(),
    )
}

pub(super) fn list(tokens: Vec<TokenRow>, revoke: ServerAction<RevokeToken>) -> AnyView {
    let fault = view! { <FormError error=fault_of(move || revoke.value().get())/> };
    let make = view! { <a class="button small" href="/settings/tokens/new"><Icon name="plus"/>{words::make_token()}</a> }.into_any();
    if tokens.is_empty() {
        return view! {
            <Panel title=words::tokens() actions=make>
                {fault}
                <EmptyState icon="link" title=words::no_token()>
                    <p>{words::no_token_means()}</p>
                </EmptyState>
            </Panel>
        }
        .into_any();
    }
    let rows: Vec<_> = tokens.into_iter().map(|token| row(token, revoke)).collect();
    view! {
        <Panel title=words::tokens() flush=true actions=make>
            <div class="panel-pad fault-only">{fault}</div>
            <Table
                caption=words::tokens_caption()
                head=vec![Head::Text(shared::name()), Head::Text(words::token_may()), Head::Text(shared::databases()), Head::Text(shared::last_used()), Head::Text(words::expires()), Head::Text(words::made()), Head::Unseen(shared::actions())]
                rows=rows.into_any()
            />
        </Panel>
    }
    .into_any()
}

fn row(token: TokenRow, revoke: ServerAction<RevokeToken>) -> AnyView {
    let expires = match (token.expires, token.expired) {
        (None, _) => shared::never().into_any(),
        (Some(moment), false) => view! { <When moment=moment/> }.into_any(),
        (Some(moment), true) => {
            view! { <span class="badge warn"><span class="mark" aria-hidden="true">"▲"</span>{words::expired()}</span> " " <Ago moment=moment/> }
                .into_any()
        }
    };
    let used = token.last_used.map_or_else(|| shared::never().into_any(), |moment| view! { <Ago moment=moment/> }.into_any());
    let (name, dialog) = (token.name.clone(), format!("revoke-{}", token.name));
    let (title, act) = (words::revoke_title(&name), words::revoke_do(&name));
    view! {
        <tr>
            <td data-label=shared::name() class="t-name strong">{token.name}</td>
            <td data-label=words::token_may()>{token.scopes.join(", ")}</td>
            <td data-label=shared::databases()>{token.databases.map_or_else(|| words::all_databases().to_owned(), |ids| ids.join(", "))}</td>
            <td data-label=shared::last_used()>{used}</td>
            <td data-label=words::expires()>{expires}</td>
            <td data-label=words::made()><When moment=token.created/><span class="sub">{words::made_by(&token.created_by)}</span></td>
            <td class="row-actions">
                <ConfirmDialog name=dialog label=words::revoke() title=title class="button small">
                    <p>{words::revoke_means()}</p>
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
