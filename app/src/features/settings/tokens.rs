//! The tokens of programs: the one that was just made, the list, and the form that makes one.

use keepstone_model::token::Scope;
use leptos::prelude::*;

use super::api::{MadeToken, MakeToken, RevokeToken, TokenRow};
use crate::ui::{Ago, Alert, AlertKind, EmptyState, Field, FieldBox, FormError, Panel, SubmitButton, When, fault_of, field_fault};

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
    if tokens.is_empty() {
        return view! {
            <Panel title="API tokens">
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
        <Panel title="API tokens" flush=true>
            <div class="panel-pad fault-only">{fault}</div>
            <table class="table">
                <caption class="visually-hidden">"Tokens with which programs use the HTTP API"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"May"</th>
                        <th scope="col">"Databases"</th>
                        <th scope="col">"Last used"</th>
                        <th scope="col">"Expires"</th>
                        <th scope="col">"Made"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
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
    let (name, summary) = (token.name.clone(), format!("Revoke {}…", token.name));
    view! {
        <tr>
            <td data-label="Name" class="strong">{token.name}</td>
            <td data-label="May">{token.scopes.join(", ")}</td>
            <td data-label="Databases">{token.databases.map_or_else(|| "all".to_owned(), |ids| ids.join(", "))}</td>
            <td data-label="Last used">{used}</td>
            <td data-label="Expires">{expires}</td>
            <td data-label="Made"><When moment=token.created/><span class="sub">"by " {token.created_by}</span></td>
            <td class="row-actions">
                <details class="edit">
                    <summary>{summary}</summary>
                    <p class="help">"Programs that use it are refused from then on."</p>
                    <ActionForm action=revoke>
                        <input type="hidden" name="name" value=name/>
                        <SubmitButton label="Revoke token" tone="danger" small=true pending=revoke.pending()/>
                    </ActionForm>
                </details>
            </td>
        </tr>
    }
    .into_any()
}

pub(super) fn form(databases: &[String], make: ServerAction<MakeToken>) -> AnyView {
    let (value, pending) = (move || make.value().get(), make.pending());
    let boxes: Vec<_> = Scope::ALL
        .into_iter()
        .map(|scope| {
            view! {
                <label class="check">
                    <input type="checkbox" name=scope.as_str() value="true"/>
                    <span>
                        {scope.as_str()}
                        <span class="help">{scope.meaning()}</span>
                    </span>
                </label>
            }
        })
        .collect();
    let scopes_fault = field_fault(value, "scopes");
    let only = if databases.is_empty() {
        "Empty: all of them.".to_owned()
    } else {
        format!("Empty: all of them. Else ids, separated by commas: {}.", databases.join(", "))
    };
    view! {
        <Panel title="Make a token">
            <FormError error=fault_of(value)/>
            <ActionForm action=make>
                <div class="form">
                    <Field
                        label="Name"
                        name="name"
                        required=true
                        placeholder="deploy"
                        autocomplete="off"
                        help="What it does is in the activity log as token:NAME."
                        error=field_fault(value, "name")
                    />
                    <fieldset class="field boxes">
                        <legend>"It may"</legend>
                        {boxes}
                        {move || scopes_fault.get().map(|fault| view! { <p class="field-error">{fault}</p> })}
                    </fieldset>
                    <Field label="Only these databases" name="databases" autocomplete="off" mono=true help=only error=field_fault(value, "databases")/>
                    <FieldBox label="Good for" name="expires" error=field_fault(value, "expires")>
                        <select id="f-expires" name="expires">
                            <option value="30d">"30 days"</option>
                            <option value="90d">"90 days"</option>
                            <option value="365d" selected>"a year"</option>
                            <option value="never">"ever, until it is revoked"</option>
                        </select>
                    </FieldBox>
                    <div class="form-actions"><SubmitButton label="Make the token" pending=pending/></div>
                </div>
            </ActionForm>
        </Panel>
    }
    .into_any()
}
