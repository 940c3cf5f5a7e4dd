//! The drawings of the storage page, as text: numbers and words of ours only. The tables beside them say the same.

use keepstone_model::human;

use super::api::StorageView;
use crate::local;
use crate::words::storage as words;

/// One bar over the whole disk: the backups, the trash, what else lies there, and what is free.
pub(super) fn disk(view: &StorageView, free_bytes: u64, disk_bytes: u64) -> String {
    const WIDTH: u64 = 1000;
    let ours = view.backups.size_bytes;
    let trash = view.trash.size_bytes;
    let used = disk_bytes.saturating_sub(free_bytes);
    let other = used.saturating_sub(ours + trash);
    let mut x = 0;
    let mut parts: Vec<String> = Vec::new();
    for (class, bytes) in [("ours", ours), ("trash", trash), ("other", other)] {
        // What is there is seen, however little it is.
        let share = u128::from(bytes) * u128::from(WIDTH) / u128::from(disk_bytes.max(1));
        let width = u64::try_from(share).unwrap_or(WIDTH).max(u64::from(bytes > 0) * 3).min(WIDTH - x);
        parts.push(format!(r#"<rect class="{class}" x="{x}" width="{width}" height="16"/>"#));
        x += width;
    }
    let parts = parts.concat();
    format!(
        r#"<svg class="disk-bar" viewBox="0 0 {WIDTH} 16" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="{WIDTH}" height="16"/>{parts}</svg>"#
    )
}

/// Of the box in which the line is drawn. It is stretched to the page's width; the words beside it keep their size.
const WIDTH: i64 = 1000;
const HEIGHT: i64 = 160;
const TOP: i64 = 12;
/// How far ahead the forecast is drawn, as a share of the history: a third.
const AHEAD: i64 = 3;

/// The size over the last days as an area, and where it goes at this growth as a dashed line.
pub(super) fn growth(view: &StorageView) -> String {
    let days = i64::try_from(view.history.len()).unwrap_or(0) - 1;
    let ahead = (days / AHEAD).max(1);
    let last = view.history.last().map_or(0, |day| day.size_bytes);
    let growth = view.growth_per_day.unwrap_or(0);
    let then = u64::try_from(i128::from(last) + i128::from(growth) * i128::from(ahead)).unwrap_or(0);
    let most = round_up(view.history.iter().map(|day| day.size_bytes).max().unwrap_or(0).max(then));
    let x = |day: i64| WIDTH * day / (days + ahead).max(1);
    let y =
        |bytes: u64| HEIGHT - i64::try_from(u128::from(bytes) * u128::from(HEIGHT.unsigned_abs()) / u128::from(most.max(1))).unwrap_or(0);
    let mut body: Vec<String> = Vec::new();
    for half in 0..=2_u64 {
        let bytes = most / 2 * half;
        let (at, text_y) = (TOP + y(bytes), TOP + y(bytes) + 4);
        let words = local::decimal(human::bytes(bytes).replace(".0 ", " "));
        body.push(format!(
            r#"<line class="tick" x1="0" y1="{at}" x2="100%" y2="{at}"/><text x="-10" y="{text_y}" text-anchor="end">{words}</text>"#
        ));
    }
    let points: Vec<String> = view.history.iter().zip(0..).map(|(day, number)| format!("{} {}", x(number), y(day.size_bytes))).collect();
    let (points, today) = (points.join("L"), x(days));
    body.push(format!(
        r#"<svg y="{TOP}" width="100%" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" overflow="visible"><path class="area" d="M0 {HEIGHT}L{points}L{today} {HEIGHT}Z"/><path class="line" d="M{points}"/>"#
    ));
    let forecast = view.growth_per_day.is_some();
    if forecast {
        body.push(format!(r#"<path class="ahead" d="M{today} {}L{WIDTH} {}"/>"#, y(last), y(then)));
    }
    body.push("</svg>".to_owned());
    let end = if forecast { words::days_ahead(&ahead) } else { String::new() };
    let labels = [(0, view.history.first().map_or("", |day| &day.label), "start"), (today, words::today(), "middle"), (WIDTH, &end, "end")];
    for (at, label, anchor) in labels {
        body.push(format!(r#"<text x="{}.{}%" y="{}" text-anchor="{anchor}">{label}</text>"#, at / 10, at % 10, TOP + HEIGHT + 20));
    }
    let body = body.concat();
    let said = words::chart(&size(view.history.first()), &size(view.history.last()));
    format!(r#"<svg class="chart" role="img" aria-label="{said}">{body}</svg>"#)
}

fn size(day: Option<&super::api::Day>) -> String {
    local::bytes(day.map_or(0, |day| day.size_bytes))
}

/// The next number with one digit before its zeros, in the unit that people read: the top of the axis.
fn round_up(bytes: u64) -> u64 {
    let mut unit = 1_u64;
    while unit <= bytes / 10 {
        unit = unit.saturating_mul(10);
    }
    // Even, so that its half is a plain number, too.
    bytes.div_ceil(unit * 2).max(1) * unit * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::storage::api::{Day, Share};

    #[test]
    fn the_axis_ends_above_the_largest() {
        for (bytes, top) in [(0, 2), (1, 2), (9, 10), (10, 20), (21, 40), (99, 100), (1_234_567, 2_000_000)] {
            assert_eq!(round_up(bytes), top, "{bytes}");
        }
    }

    #[test]
    fn drawings_keep_inside_their_box() {
        let share = Share { count: 1, size_bytes: u64::MAX / 4 };
        let days = |sizes: &[u64]| sizes.iter().map(|&size_bytes| Day { label: "1 Nov".to_owned(), size_bytes }).collect::<Vec<_>>();
        let mut view = StorageView {
            backups: share,
            trash: share,
            staging_bytes: 0,
            reserve_bytes: 0,
            catalog_bytes: 0,
            disk: Some((0, 10)),
            folder: String::new(),
            databases: Vec::new(),
            kinds: Vec::new(),
            history: days(&[0]),
            growth_per_day: Some(-5),
            days_until_full: None,
            full: None,
        };
        for history in [days(&[0]), days(&[5, 5]), days(&[u64::MAX / 8, 0, u64::MAX / 8])] {
            view.history = history;
            let drawn = growth(&view) + &disk(&view, 0, 10);
            assert!(!drawn.replace("x=\"-10\"", "").contains("=\"-") && !drawn.contains("L-") && !drawn.contains("NaN"), "{drawn}");
        }
    }
}
