//! The timeline of a preview: one line for each kind, a mark for each backup, filled where it stays and hollow where it goes. The table beside
//! it says the same.

use keepstone_model::{backup::BackupState, id::Kind, retention::Fate};

use super::api::Dot;
use crate::words::retention as words;

const LANE: i64 = 26;
const TOP: i64 = 8;
/// Labels of the axis: how far back, in seconds.
fn ticks() -> [(&'static str, i64); 6] {
    [
        (words::ago_now(), 0),
        (words::ago_day(), 86_400),
        (words::ago_week(), 7 * 86_400),
        (words::ago_month(), 30 * 86_400),
        (words::ago_year(), 365 * 86_400),
        (words::ago_years(), 5 * 365 * 86_400),
    ]
}

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
    for (label, age) in ticks() {
        if age <= oldest {
            let (x, bottom, base) = (place(age, oldest), height - 20, height - 6);
            body.push(format!(
                r#"<line class="tick" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/><text x="{x}" y="{base}" text-anchor="middle">{label}</text>"#
            ));
        }
    }
    for (lane, kind) in (0..).zip(&kinds) {
        let y = TOP + LANE * lane + LANE / 2;
        let text_y = y + 4;
        body.push(format!(
            r#"<text x="-12" y="{text_y}" text-anchor="end">{kind}</text><line class="lane" x1="0" y1="{y}" x2="100%" y2="{y}"/>"#
        ));
        for (dot, fate) in dots.iter().zip(fates).filter(|(dot, _)| dot.kind == *kind && is_shown(dot)) {
            let x = place(now - dot.at, oldest);
            let removed = fate.is_some_and(Fate::is_removed);
            (kept, gone) = if removed { (kept, gone + 1) } else { (kept + 1, gone) };
            body.push(if removed {
                format!(r##"<use class="gone" href="#gone" x="{x}" y="{y}"/>"##)
            } else {
                format!(r#"<circle class="kept" cx="{x}" cy="{y}" r="5"/>"#)
            });
        }
    }
    let (body, said) = (body.concat(), words::timeline(kept, gone));
    format!(
        r#"<svg class="timeline" height="{height}" role="img" aria-label="{said}"><defs><path id="gone" d="M-4 -4l8 8m0 -8l-8 8"/></defs>{body}</svg>"#
    )
}

fn is_shown(dot: &Dot) -> bool {
    dot.state == BackupState::Complete
}

/// As a share of the width, so that words keep their size on every screen. By the root of the age: days are told apart near now, years fit at
/// the other end.
fn place(age: i64, oldest: i64) -> String {
    let mille = 1000 - (age.clamp(0, oldest) * 1_000_000 / oldest).unsigned_abs().isqrt();
    format!("{}.{}%", mille / 10, mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_at_the_right_and_the_oldest_at_the_left() {
        assert_eq!([place(0, 1000), place(1000, 1000), place(-5, 1000)], ["100.0%", "0.0%", "100.0%"]);
        assert_eq!([place(86_400, 365 * 86_400), place(3600, 365 * 86_400)], ["94.8%", "99.0%"]);
        assert!(draw(&[], &[], 0).contains("0 stay, 0 go"));
    }
}
