//! The pages and their server functions, as the app crate defines them, with what each of them may use.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::Response,
};
use keepstone_app::{
    App,
    error::AppError,
    server::{ServerContext, wants_html},
    shell,
};
use leptos::prelude::{LeptosOptions, provide_context, use_context};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use tower_http::compression::CompressionLayer;

use super::{base, functions, headers, problem};

/// The console's routes, listed once for the process: while Leptos lists them, no resource of any page in the process loads
/// (`IS_SUPPRESSING_RESOURCE_LOAD` of `leptos_server`), and one that was begun in that moment would be waited for without end.
static ROUTES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));

/// Every page of the app, every server function, and a page for addresses that do not exist.
pub(super) fn router(context: ServerContext) -> Router {
    let base = context.base.clone();
    let options = LeptosOptions::builder().output_name("frontend").site_pkg_dir("pkg").build();
    let provide = move || {
        provide_context(context.clone());
        set_policy();
    };
    let render = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let missing = {
        let (provide, render) = (provide.clone(), render.clone());
        move |request: Request<Body>| not_found(provide.clone(), render.clone(), request)
    };
    Router::new()
        .leptos_routes_with_context(&options, ROUTES.clone(), provide, render)
        .fallback(missing)
        .with_state(options)
        .layer(middleware::from_fn(functions::status))
        .layer(middleware::from_fn_with_state(base, base::links))
        .layer(CompressionLayer::new())
}

/// The content security policy of this response. Leptos made the nonce; a server function's response has none.
fn set_policy() {
    let (Some(nonce), Some(response)) = (leptos::nonce::use_nonce(), use_context::<ResponseOptions>()) else { return };
    let policy = HeaderValue::from_str(&headers::page_policy(&nonce)).expect("a nonce is base64");
    response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
}

async fn not_found<V: leptos::IntoView + 'static>(
    provide: impl Fn() + Clone + Send + Sync + 'static,
    render: impl Fn() -> V + Clone + Send + Sync + 'static,
    request: Request<Body>,
) -> Response {
    if !wants_html(request.headers()) {
        return problem::answer(request.headers(), &AppError::not_found());
    }
    let page = leptos_axum::render_app_async_with_context(provide, render);
    let mut response = page(request).await;
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
