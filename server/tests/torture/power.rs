//! Power cuts: after every call that changes the disk of a real run of every verb, what a cut would leave there is made by the model, started from,
//! and must be the old state or the new; the new, once the verb has said so.

use crate::{
    disk::{Cut, Disk, plant},
    effort::{Effort, figures, only, share, steady_seed},
    oracle::{self, End},
    scene::Scene,
    seam::Event,
};

/// A moment of a run, and what a cut leaves in it.
struct Point<'a> {
    events: &'a [Event],
    cut: Cut,
    end: End,
}

impl Point<'_> {
    fn describe(&self, scene: &Scene<'_>) -> String {
        let call = &self.events[self.events.len() - 1].call;
        format!("{} power cut {:?} after {} {} {}", scene.name, self.cut, call.name, call.kind, call.number)
    }
}

/// Every moment at which cuts can leave something else than before it: the least changes with what is synced, the names with each of them.
fn points(events: &[Event]) -> Vec<Point<'_>> {
    let told = events.iter().rposition(Event::is_output).expect("it said something");
    let mut points = Vec::new();
    for (number, event) in events.iter().enumerate().filter(|(_, event)| event.changes()) {
        let mut cuts = vec![Cut::Any(steady_seed().wrapping_add(number as u64))];
        if event.is_sync() || number == told {
            cuts.push(Cut::Least);
        }
        if !event.call.name.contains("write") {
            cuts.push(Cut::Names);
        }
        let end = if number >= told { End::Done } else { End::Unknown };
        points.extend(cuts.into_iter().map(|cut| Point { events: &events[..=number], cut, end }));
    }
    points
}

fn findings(scene: &Scene<'_>, point: &Point<'_>) -> Vec<String> {
    let root = scene.host().path("").display().to_string();
    let mut disk = Disk::of(scene.template(), root.trim_end_matches('/'));
    for event in point.events {
        disk.play(event, &scene.dry.data);
    }
    scene.clear();
    plant(&disk.after(point.cut));
    let mut findings = Vec::new();
    oracle::look_at_what_is_there(scene, point.end, scene.dry.told().as_ref(), &mut findings);
    findings
}

pub(crate) fn campaign(scenes: &[Scene<'_>]) -> Vec<String> {
    let effort = Effort::begin_part(4);
    let all: Vec<_> = scenes.iter().flat_map(|scene| points(scene.events()).into_iter().map(move |point| (scene, point))).collect();
    let planned = all.len() as u64;
    let chosen = match only() {
        Some(words) => all.into_iter().filter(|(scene, point)| point.describe(scene).contains(&words)).collect(),
        None => effort.choose(all, 32),
    };
    let (mut runs, mut found) = (0, Vec::new());
    for (scene, point) in share(chosen) {
        if effort.is_over() {
            break;
        }
        runs += 1;
        for finding in findings(scene, &point) {
            let finding = format!("{}: {finding}", point.describe(scene));
            eprintln!("FINDING {finding}");
            found.push(finding);
        }
    }
    figures("power cuts (model)", &[("planned", planned), ("runs", runs), ("findings", found.len() as u64)]);
    if only().is_none() {
        see_what_is_wrong(scenes);
    }
    found
}

/// The same runs without their syncs, and moves between folders where the new name is not on disk before the old one goes: the model must object.
fn see_what_is_wrong(scenes: &[Scene<'_>]) {
    for scene in scenes.iter().filter(|scene| ["create (WAL)", "delete", "put back", "undo"].contains(&scene.name)) {
        let unsynced: Vec<Event> = scene.events().iter().filter(|event| !event.is_sync()).cloned().collect();
        let last = points(&unsynced).into_iter().find(|point| point.cut == Cut::Least && point.end == End::Done).unwrap();
        assert!(!findings(scene, &last).is_empty(), "{}: without a sync nothing was lost", scene.name);
    }
    for scene in scenes.iter().filter(|scene| ["delete", "put back"].contains(&scene.name)) {
        let mut hasty = scene.events().to_vec();
        let linked = hasty.iter().position(|event| event.call.name.starts_with("link") && event.call.kind.ends_with("*.zip")).unwrap();
        let mut syncs = (linked..hasty.len()).filter(|at| hasty[*at].is_sync());
        let (target, source) = (syncs.next().unwrap(), syncs.next().unwrap());
        assert!(hasty[linked].second.starts_with(&hasty[target].path) && hasty[linked].path.starts_with(&hasty[source].path));
        hasty.truncate(source + 1);
        hasty.remove(target);
        let between = Point { events: &hasty, cut: Cut::Least, end: End::Unknown };
        let lost = findings(scene, &between);
        assert!(!lost.is_empty(), "{}: the new name was not synced before the old one went, and nothing was lost", scene.name);
    }
}
