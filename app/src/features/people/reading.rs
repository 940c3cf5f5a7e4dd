//! How one reads the console: the zone of its times, and how numbers and dates are written. It stands with the account, so it follows to every
//! browser.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    error::AppError,
    ui::{Field, FieldBox, FormError, Panel, SubmitButton, fault_of, field_fault},
    words::people as words,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingView {
    /// Empty: that of the browser.
    pub zone: String,
    pub browsers_zone: String,
    /// A tag like `de-CH`; empty: by the languages of the browser.
    pub format: String,
    /// What can be chosen: the tag, and how it looks.
    pub formats: Vec<(String, String)>,
}

/// Keeps both; empty ones are what the browser says.
#[server(prefix = "/fn", endpoint = "account/reading")]
pub async fn set_reading(#[server(default)] zone: String, #[server(default)] format: String) -> Result<(), AppError> {
    use keepstone_model::{locale::Format, preferences::Preferences};

    let person = crate::server::person()?;
    let (zone, format) = (zone.trim().to_owned(), format.trim().to_owned());
    if !zone.is_empty() && crate::server::zone_of(&zone).is_none() {
        return Err(AppError::invalid("zone", words::zone_unknown()));
    }
    if !format.is_empty() && Format::of(&format).is_none() {
        return Err(AppError::invalid("format", words::format_unknown()));
    }
    let preferences = Preferences { zone, format, ..person.preferences };
    crate::server::blocking(move |vault| keepstone_engine::users::set_preferences(vault, &person.name, &preferences)).await?;
    leptos_axum::redirect("/account");
    Ok(())
}

pub(super) fn panel(reading: ReadingView) -> AnyView {
    let attempt = ServerAction::<SetReading>::new().value();
    let value = move || attempt.get();
    let chosen = reading.format;
    let formats: Vec<_> = reading
        .formats
        .into_iter()
        .map(|(tag, sample)| {
            let selected = tag == chosen;
            view! { <option value=tag selected=selected>{sample}</option> }
        })
        .collect();
    view! {
        <Panel title=words::reading()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/account/reading" class="form">
                <Field label=words::zone() name="zone" value=reading.zone placeholder=reading.browsers_zone autocomplete="off"
                    help=words::zone_help() error=field_fault(value, "zone")/>
                <FieldBox label=words::format() name="format" help=words::format_help() error=field_fault(value, "format")>
                    <select id="f-format" name="format" aria-describedby="p-format">
                        <option value="">{words::format_of_browser()}</option>
                        {formats}
                    </select>
                </FieldBox>
                <div class="form-actions"><SubmitButton label=words::reading_save()/></div>
            </form>
        </Panel>
    }
    .into_any()
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::civil::date;
    use keepstone_model::locale::{Format, OFFERED};

    use super::ReadingView;
    use crate::server::{Person, browsers_zone};

    impl ReadingView {
        pub(crate) fn of(person: &Person) -> Self {
            Self {
                zone: person.preferences.zone.clone(),
                browsers_zone: browsers_zone().and_then(|zone| zone.iana_name().map(str::to_owned)).unwrap_or_default(),
                format: person.preferences.format.clone(),
                formats: OFFERED.iter().filter_map(|tag| Some(((*tag).to_owned(), sample(tag)?))).collect(),
            }
        }
    }

    /// e.g. `1,234.5 · 30 Nov 2026 14:05 (en-GB)`.
    fn sample(tag: &str) -> Option<String> {
        let format = Format::of(tag)?;
        let number = format!("{}{}", format.count(1_234_567), format.decimal(".8".to_owned()));
        let at = date(2026, 11, 30).at(14, 5, 0, 0);
        Some(format!("{number} · {} {} ({tag})", at.strftime(format.date()), at.strftime(format.time())))
    }

    #[cfg(test)]
    mod tests {
        use super::sample;

        #[test]
        fn an_offer_shows_what_it_is() {
            assert_eq!(sample("en-GB").unwrap(), "1,234,567.8 · 30 Nov 2026 14:05 (en-GB)");
            assert_eq!(sample("en-US").unwrap(), "1,234,567.8 · Nov 30, 2026 2:05 PM (en-US)");
            assert_eq!(sample("de").unwrap(), "1.234.567,8 · 30.11.2026 14:05 (de)");
            assert_eq!(sample("sv").unwrap(), "1\u{a0}234\u{a0}567,8 · 2026-11-30 14:05 (sv)");
        }
    }
}
