//! The presets as a choice: one line of what is made when, and one of what is kept.

use keepstone_model::schedule::Preset;
use leptos::prelude::*;

/// The first is chosen. `none` is a last choice without a preset, in words.
#[component]
pub fn PresetChoice(
    legend: &'static str,
    #[prop(optional, into)] help: String,
    #[prop(optional)] none: Option<&'static str>,
) -> impl IntoView {
    let option = |value: &'static str, first: bool, title: String, kept: &'static str| {
        view! {
            <label class="option">
                <input type="radio" name="preset" value=value checked=first/>
                <span>
                    {title}
                    <span class="help">{kept}</span>
                </span>
            </label>
        }
    };
    let presets: Vec<_> = Preset::ALL
        .into_iter()
        .enumerate()
        .map(|(number, preset)| {
            let (runs, kept) = preset.words().split_once("; ").unwrap_or((preset.words(), ""));
            option(preset.as_str(), number == 0, capitalised(runs), kept)
        })
        .collect();
    let none = none.map(|words| option("", false, words.to_owned(), ""));
    view! {
        <fieldset class="field boxes">
            <legend>{legend}</legend>
            {presets}
            {none}
            {(!help.is_empty()).then(|| view! { <p class="help">{help}</p> })}
        </fieldset>
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
