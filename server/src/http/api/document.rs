//! The document of `/api/v1/openapi.json`: what is said of the API as a whole. What is said of each call stands with it.

use keepstone_model::access::{API, API_POLICY};
use utoipa::{
    OpenApi,
    openapi::{
        Content, OpenApi as Document, Ref, RefOr, Required, ResponseBuilder, Schema, SecurityRequirement,
        path::{Operation, PathItem},
        schema::AdditionalProperties,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Keepstone",
        description = "Backs up SQLite and PostgreSQL databases, proves that every backup restores, and brings them back. Every call is made with \
            a bearer token; a fault is a problem document (RFC 9457) with a stable code; what takes long is a job to poll or to follow.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact()
    ),
    components(schemas(problem::Document)),
    tags(
        (name = "databases", description = "What is protected."),
        (name = "backups", description = "Consistent copies, and what can be done with them."),
        (name = "restores", description = "Plan, look, act; and undo."),
        (name = "jobs", description = "What runs, waits or is over."),
        (name = "schedules", description = "What is backed up when."),
        (name = "retention", description = "Which backups are kept, and cleanup."),
        (name = "vault", description = "The whole: state, sums, keys, activity.")
    )
)]
struct Head;

/// The calls that take a body and need none.
const MAY_BE_EMPTY: [&str; 5] = ["create_backup", "acknowledge_backup", "clean_up", "plan_restore", "import_file"];

pub(super) fn head() -> Document {
    Head::openapi()
}

/// What follows from the policy rather than from each call: that a token is needed, which scope, and what may always come back.
pub(super) fn finish(document: &mut Document) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of `keepstone token create` or of the Settings page."))
        .build();
    let components = document.components.get_or_insert_default();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer));
    components.schemas.values_mut().for_each(close_choices);
    document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]);
    for rule in API_POLICY {
        let path = format!("{API}{}", rule.pattern);
        let Some(item) = document.paths.paths.get_mut(&path) else { continue };
        let Some(operation) = operation(item, rule.method) else { continue };
        for (statuses, description) in
            [("4XX", "Refused: `code`, `detail` and `hint` say why and what to do."), ("5XX", "Failed; `no_space` is 507.")]
        {
            let problem = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = ResponseBuilder::new().description(description).content("application/problem+json", problem).build();
            operation.responses.responses.insert(statuses.to_owned(), response.into());
        }
        if let Some(body) = operation.request_body.as_mut() {
            let optional = operation.operation_id.as_deref().is_some_and(|id| MAY_BE_EMPTY.contains(&id));
            body.required = Some(if optional { Required::False } else { Required::True });
        }
        let needs = format!("Scope: `{}`.", rule.scope);
        operation.description = Some(match operation.description.take() {
            Some(text) if !text.is_empty() => format!("{text}\n\n{needs}"),
            _ => needs,
        });
    }
}

/// A choice that is said by the name of its one member has no other member.
fn close_choices(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.values_mut().for_each(close_choices),
        RefOr::T(Schema::OneOf(choice)) => {
            for item in &mut choice.items {
                close_choices(item);
                if let RefOr::T(Schema::Object(object)) = item
                    && object.properties.len() == 1
                    && object.required.len() == 1
                {
                    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
                }
            }
        }
        _ => {}
    }
}

pub(super) fn operation<'i>(item: &'i mut PathItem, method: &str) -> Option<&'i mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "POST" => item.post.as_mut(),
        "PUT" => item.put.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "DELETE" => item.delete.as_mut(),
        _ => None,
    }
}
