//! The timeline of a preview: one line for each kind, a mark for each backup, filled where it stays and hollow where it goes. The table beside
//! it says the same.

use keepstone_model::{backup::BackupState, id::Kind, retention::Fate};

use super::api::Dot;

const WIDTH: i64 = 720;
const LEFT: i64 = 84;
const RIGHT: i64 = 16;
const LANE: i64 = 26;
const TOP: i64 = 8;
/// Labels of the axis: how far back, in seconds.
const TICKS: [(&str, i64); 6] =
    [("now", 0), ("1 d", 86_400), ("1 w", 7 * 86_400), ("1 month", 30 * 86_400), ("1 y", 365 * 86_400), ("5 y", 5 * 365 * 86_400)];

/// The drawing as text: numbers and words of ours only.
pub(super) fn draw(dots: &[Dot], fates: &[Option<Fate>], now: i64) -> String {
    let mut kinds: Vec<Kind> = Vec::new();
    for kind in Kind::ALL {
        if dots.iter().any(|dot| dot.kind == kind && is_shown(dot)) {
            kinds.push(kind);
        }
    }
    let oldest = dots.iter().filter(|dot| is_shown(dot)).map(|dot| now - dot.at).max().unwrap_or(0).max(86_400);
    let height = TOP + LANE * i64::try_from(kinds.len()).unwrap_or(0) + 24;
    let (mut kept, mut gone) = (0, 0);
    let mut body: Vec<String> = Vec::new();
    for (label, age) in TICKS {
        if age <= oldest {
            let (x, bottom, base) = (place(age, oldest), height - 20, height - 6);
            body.push(format!(
                r#"<line class="tick" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/><text class="tick-label" x="{x}" y="{base}" text-anchor="middle">{label}</text>"#
            ));
        }
    }
    for (lane, kind) in (0..).zip(&kinds) {
        let y = TOP + LANE * lane + LANE / 2;
        let (text_y, from) = (y + 4, LEFT - 12);
        body.push(format!(
            r#"<text class="lane-label" x="{from}" y="{text_y}" text-anchor="end">{kind}</text><line class="lane" x1="{LEFT}" y1="{y}" x2="{}" y2="{y}"/>"#,
            WIDTH - RIGHT
        ));
        for (dot, fate) in dots.iter().zip(fates).filter(|(dot, _)| dot.kind == *kind && is_shown(dot)) {
            let x = place(now - dot.at, oldest);
            let removed = fate.is_some_and(Fate::is_removed);
            (kept, gone) = if removed { (kept, gone + 1) } else { (kept + 1, gone) };
            body.push(if removed {
                format!(r#"<path class="gone" d="M{} {}l8 8m0 -8l-8 8"/>"#, x - 4, y - 4)
            } else {
                format!(r#"<circle class="kept" cx="{x}" cy="{y}" r="5"/>"#)
            });
        }
    }
    let body = body.concat();
    format!(
        r#"<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of the backups: {kept} stay, {gone} go; the table below says which">{body}</svg>"#
    )
}

fn is_shown(dot: &Dot) -> bool {
    dot.state == BackupState::Complete
}

/// By the root of the age: days are told apart near now, years fit at the other end.
fn place(age: i64, oldest: i64) -> i64 {
    let room = WIDTH - LEFT - RIGHT;
    let share = (age.clamp(0, oldest) * 1_000_000 / oldest).unsigned_abs().isqrt();
    WIDTH - RIGHT - room * share.cast_signed() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_at_the_right_and_the_oldest_at_the_left() {
        assert_eq!((place(0, 1000), place(1000, 1000), place(-5, 1000)), (WIDTH - RIGHT, LEFT, WIDTH - RIGHT));
        assert!(place(86_400, 365 * 86_400) < place(3600, 365 * 86_400));
        assert!(draw(&[], &[], 0).contains("0 stay, 0 go"));
    }
}
