//! What a policy does to the backups that are there: in a sentence, on a timeline, and of each one whether it stays and why.

use keepstone_model::{
    Timestamp,
    retention::{Candidate, FORECAST_DAYS, Fate, RetentionPlan, RetentionPolicy, forecast, plan},
};
use leptos::prelude::*;

use super::{
    api::{Dot, RetentionView},
    timeline,
};
use crate::local;
use crate::ui::{Head, Panel, Size, Table, When};
use crate::words::{retention as words, shared};

/// More rows than that are told of in one line.
const ROWS_MAX: usize = 400;

/// What a policy does with the backups of a view.
pub(super) struct Outcome {
    pub(super) plan: RetentionPlan,
    pub(super) kept: (u64, u64),
    pub(super) freed_bytes: u64,
    pub(super) in_30_days: (u64, u64),
}

pub(super) fn outcome(view: &RetentionView, policy: &RetentionPolicy) -> Outcome {
    let now = Timestamp::from_second(view.now).unwrap_or(Timestamp::UNIX_EPOCH);
    let candidates: Vec<Candidate> = view.dots.iter().map(Dot::candidate).collect();
    let plan = plan(&candidates, policy, now, &view.circumstances);
    let then = forecast(&candidates, policy, now, &view.circumstances, &view.rates);
    Outcome { kept: plan.held(&candidates), freed_bytes: plan.freed_bytes(&candidates), in_30_days: (then.count, then.bytes), plan }
}

/// e.g. `12 backups, 3.4 GB`.
pub(super) fn amount((count, bytes): (u64, u64)) -> String {
    words::amount(count, &local::bytes(bytes))
}

pub(super) fn preview(view: &RetentionView, policy: &RetentionPolicy, tried: bool) -> AnyView {
    let outcome = outcome(view, policy);
    let removed = outcome.plan.removed.len() as u64;
    let goes = match removed {
        0 => words::removes_none().to_owned(),
        count => words::removes(&amount((count, outcome.freed_bytes))),
    };
    let stays = words::keeps(&amount(outcome.kept));
    let then = words::will_keep(&FORECAST_DAYS, &amount(outcome.in_30_days));
    let drawing = timeline::draw(&view.dots, &outcome.plan.fates, view.now);
    let title = if tried { words::tried() } else { words::today() };
    let shown = view.dots.iter().zip(&outcome.plan.fates).take(ROWS_MAX);
    let rows: Vec<_> = shown.filter_map(|(dot, fate)| fate.map(|fate| row(dot, fate))).collect();
    let more = view.dots.len().saturating_sub(ROWS_MAX);
    let more = (more > 0).then(|| {
        let text = words::older_unlisted(more as u64, &view.id);
        view! { <p class="muted panel-pad">{text}</p> }
    });
    view! {
        <Panel title=title flush=true>
            <div class="panel-pad" role="status">
                <p class="strong">{goes}</p>
                <p>{stays}</p>
                <p>{then}</p>
            </div>
            <figure class="timeline-box" inner_html=drawing></figure>
            <Table
                caption=words::caption()
                head=vec![Head::Text(shared::fate()), Head::Text(shared::backup_of()), Head::Text(shared::kind()), Head::Number(shared::size()), Head::Text(shared::why())]
                rows=rows.into_any()
            />
            {more}
        </Panel>
    }
    .into_any()
}

fn row(dot: &Dot, fate: Fate) -> AnyView {
    let (class, mark, word) = if fate.is_removed() { ("badge warn", "–", words::goes()) } else { ("badge good", "✔", words::stays()) };
    let size = Some(dot.size_bytes).filter(|size| *size > 0);
    let (href, when) = (format!("/backups/{}", dot.id), dot.when.clone());
    view! {
        <tr>
            <td data-label=shared::fate() class="t-state"><span class=class><span class="mark" aria-hidden="true">{mark}</span>{word}</span></td>
            <td data-label=shared::backup_of() class="t-name"><a class="row-link" href=href><When moment=when/></a></td>
            <td data-label=shared::kind() class="nowrap"><span class="kind">{dot.kind.as_str()}</span></td>
            <td data-label=shared::size() class="number"><Size bytes=size/></td>
            <td data-label=shared::why() class="wide">{fate.to_string()}</td>
        </tr>
    }
    .into_any()
}
