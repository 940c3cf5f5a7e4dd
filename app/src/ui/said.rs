//! A sentence of the engine's, in which what is to be typed stands between backticks: e.g. "Check it again: `keepstone verify ID`."

use leptos::prelude::*;

/// The sentence with its commands as code.
#[component]
pub fn Said(#[prop(into)] sentence: String) -> impl IntoView {
    pieces(&sentence)
        .into_iter()
        .map(|(is_code, piece)| {
            let piece = piece.to_owned();
            if is_code { view! { <code>{piece}</code> }.into_any() } else { piece.into_any() }
        })
        .collect_view()
}

/// What is code and what is not, in turns; all of it is words where the last backtick is not answered.
fn pieces(sentence: &str) -> Vec<(bool, &str)> {
    if !sentence.matches('`').count().is_multiple_of(2) {
        return vec![(false, sentence)];
    }
    let turns = sentence.split('`').enumerate().map(|(at, piece)| (at % 2 == 1, piece));
    turns.filter(|(_, piece)| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn commands_are_told_from_words() {
        assert_eq!(pieces("No space."), [(false, "No space.")]);
        assert_eq!(pieces("Type `a b`, or `c`."), [(false, "Type "), (true, "a b"), (false, ", or "), (true, "c"), (false, ".")]);
        assert_eq!(pieces("`a`"), [(true, "a")]);
        assert_eq!(pieces("the name ` is odd"), [(false, "the name ` is odd")]);
        assert!(pieces("").is_empty());
    }
}
