//! The form that makes a token for a program.

use keepstone_model::{access::Role, token::Scope};
use leptos::prelude::*;

use super::api::{MakeToken, token_form};
use crate::words::{settings as words, shared};
use crate::{
    error::AppError,
    ui::{Facts, FaultPage, Field, FieldBox, FormError, Loaded, PageHeader, Panel, SubmitButton, crumb, fault_of, field_fault, here::may},
};

#[component]
pub fn NewTokenPage() -> impl IntoView {
    if !may(Role::Admin) {
        return view! { <FaultPage error=AppError::forbidden()/> }.into_any();
    }
    let make = ServerAction::<MakeToken>::new();
    let databases = Facts::new(|| (), |()| token_form());
    let show = move |databases: Vec<String>| show(&databases, make);
    view! { <Loaded resource=databases show=show/> }.into_any()
}

fn show(databases: &[String], make: ServerAction<MakeToken>) -> AnyView {
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
    let lead = view! { <p>{words::make_lead()}</p> };
    let scopes_fault = field_fault(value, "scopes");
    let only =
        if databases.is_empty() { words::make_databases_all().to_owned() } else { words::make_databases_help(&databases.join(", ")) };
    view! {
        <PageHeader title=words::make_token() breadcrumbs=vec![crumb(shared::settings(), "/settings")] lead=lead.into_any()/>
        <div class="narrow">
        <Panel title=words::make_panel()>
            <FormError error=fault_of(value)/>
            <ActionForm action=make>
                <div class="form">
                    <Field
                        label=shared::name()
                        name="name"
                        required=true
                        placeholder="deploy"
                        autocomplete="off"
                        help=words::make_name_help()
                        error=field_fault(value, "name")
                    />
                    <fieldset class="field boxes">
                        <legend>{words::make_may()}</legend>
                        {boxes}
                        {move || scopes_fault.get().map(|fault| view! { <p class="field-error">{fault}</p> })}
                    </fieldset>
                    <Field label=words::make_databases() name="databases" autocomplete="off" mono=true help=only error=field_fault(value, "databases")/>
                    <FieldBox label=words::make_expires() name="expires" error=field_fault(value, "expires")>
                        <select id="f-expires" name="expires">
                            <option value="30d">{words::make_30_days()}</option>
                            <option value="90d">{words::make_90_days()}</option>
                            <option value="365d" selected>{words::make_year()}</option>
                            <option value="never">{words::make_ever()}</option>
                        </select>
                    </FieldBox>
                    <div class="form-actions">
                        <SubmitButton label=words::make_do() pending=pending/>
                        <a class="button quiet" href="/settings">{shared::cancel()}</a>
                    </div>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
