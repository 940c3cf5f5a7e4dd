//! What the form of a new backup asks of a server's database only.

use leptos::prelude::*;

use crate::error::AppError;
use crate::ui::{Field, FieldBox, field_fault};
use crate::words::{backups as words, shared};

/// The roles and tablespaces of its server.
pub(super) fn keep_globals() -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" name="globals" value="true"/>
            <span>{words::keep_globals()}</span>
        </label>
    }
}

/// Whose rows are left out.
pub(super) fn some_rows(value: impl Fn() -> Option<Result<(), AppError>> + Copy + Send + Sync + 'static, refused: bool) -> impl IntoView {
    view! {
        <details class="more" open=refused>
            <summary>{words::some_rows()}</summary>
            <div class="form">
                <FieldBox label=shared::rows() name="rows" error=field_fault(value, "rows")>
                    <select id="f-rows" name="rows">
                        <option value="">{words::rows_all()}</option>
                        <option value="none">{words::rows_none()}</option>
                        <option value="only">{words::rows_only()}</option>
                        <option value="except">{words::rows_except()}</option>
                    </select>
                </FieldBox>
                <Field label=words::tables() name="tables" error=field_fault(value, "tables")
                    help=words::tables_help()/>
            </div>
        </details>
    }
}
