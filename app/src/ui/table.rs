//! The frame of a table. Where the page is narrow each row is a card (`style/table.css`): a cell of the class `t-name` is its heading, one of
//! `t-state` stands beside that, `wide` takes a line of its own, and every other one shows its `data-label` above its value.

use leptos::prelude::*;

/// The head of a column.
pub enum Head {
    Text(&'static str),
    /// Its cells have the class `number`.
    Number(&'static str),
    /// A column whose cells speak for themselves, named for those who do not see it.
    Unseen(&'static str),
    /// A whole `<th>`.
    Own(AnyView),
}

impl Head {
    fn cell(self) -> AnyView {
        match self {
            Self::Text(text) => view! { <th scope="col">{text}</th> }.into_any(),
            Self::Number(text) => view! { <th scope="col" class="number">{text}</th> }.into_any(),
            Self::Unseen(text) => view! { <th scope="col"><span class="visually-hidden">{text}</span></th> }.into_any(),
            Self::Own(cell) => cell,
        }
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Unseen(text) => f.write_str(text),
            Self::Own(_) => f.write_str("Own"),
        }
    }
}

#[component]
pub fn Table(
    /// What it holds; the heading above it says it to those who see it.
    #[prop(into)]
    caption: String,
    head: Vec<Head>,
    /// One `<tr>` each.
    rows: AnyView,
    /// More classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let head: Vec<_> = head.into_iter().map(Head::cell).collect();
    view! {
        <table class=format!("table {class}")>
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>{head}</tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
