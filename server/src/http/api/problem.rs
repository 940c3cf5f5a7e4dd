//! A refusal as an answer: RFC 9457, with the engine's code and hint. What status a fault has stands in one table, the console's
//! (`keepstone_app::server::fault`).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use keepstone_app::{
    error::{AppError, sentence},
    server::fault,
};
use keepstone_engine::Error;
use keepstone_model::validate::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document {
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: String,
    #[schema(example = 404)]
    status: u16,
    /// What happened, as a sentence.
    #[schema(example = "No backup \"x\".")]
    detail: String,
    /// The stable name of the fault, the same as of the command line.
    #[schema(example = "unknown_backup")]
    code: String,
    /// What to do, where there is something.
    hint: Option<String>,
    /// The member of the request that it is about.
    field: Option<String>,
}

/// The same on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem(Box<Document>);

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>, hint: impl Into<Option<&'static str>>) -> Self {
        Self(Box::new(Document {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            hint: hint.into().map(str::to_owned),
            field: None,
        }))
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong in Keepstone; its log says what.", None)
    }

    /// What was sent does not have the form that the call takes.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail, "What each call takes stands in /api/v1/openapi.json.")
    }

    /// A member of the request that will not do.
    pub(super) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail, None).about(Some(field))
    }

    pub(super) fn forbidden(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail, "Use a token that may, or ask an admin for one: `keepstone token create`.")
    }

    pub(super) fn unknown(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail, None)
    }

    fn about(mut self, field: Option<&str>) -> Self {
        self.0.field = field.map(str::to_owned);
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let Some(detail) = fault::message(&error) else {
            let mut problem = Self::internal();
            error.code().clone_into(&mut problem.0.code);
            return problem;
        };
        let status = StatusCode::from_u16(fault::status(&error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let field = if let Error::Invalid { field, .. } = &error { Some(*field) } else { None };
        let mut problem = Self::new(status, error.code(), detail, None).about(field);
        problem.0.hint = error.hint();
        problem
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, &error.code, error.message, None).about(error.fields.keys().next().map(String::as_str))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::invalid(refusal.field, sentence(&refusal.message))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keepstone\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_keeps_its_code_and_its_hint_and_tells_no_folder() {
        let problem = Problem::from(Error::NoSpace { path: "/srv/secret/backups".into() });
        assert_eq!((problem.0.status, problem.0.code.as_str(), problem.0.title.as_str()), (507, "no_space", "Insufficient Storage"));
        assert_eq!(problem.0.detail, "No space left in backups.");
        assert!(problem.0.hint.is_some());
        let problem = Problem::from(Error::Invalid { field: "tags", message: "too many".to_owned() });
        assert_eq!((problem.0.status, problem.0.field.as_deref()), (422, Some("tags")));
        let problem = Problem::from(Error::Internal("select * from secrets".to_owned()));
        assert!(problem.0.status == 500 && !problem.0.detail.contains("secrets"));
        for (error, status) in [
            (Error::UnknownBackup { id: "x".to_owned() }, 404),
            (Error::KeyReused { key: "k".to_owned() }, 409),
            (Error::Invalid { field: "id", message: "x is in the trash".to_owned() }, 409),
            (Error::StalePlan { reason: "x".to_owned() }, 409),
            (Error::KeysBusy, 409),
        ] {
            assert_eq!(Problem::from(error).0.status, status);
        }
    }
}
