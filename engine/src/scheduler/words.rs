//! A cron in words, e.g. "Every Monday at 03:00". The usual ones have words of our own, the rest those of the library.

use croner::errors::CronError;

/// What a cron of five fields says.
pub(super) fn of_cron(cron: &str) -> String {
    // Several times of day are described as the one cron that they were written as.
    usual(cron).unwrap_or_else(|| cron.parse().map_or_else(|_| cron.to_owned(), |cron| described(&cron)))
}

/// Why a cron cannot be read, without a capital and a full stop.
pub(super) fn of_fault(fault: &CronError) -> String {
    let text = match fault {
        CronError::InvalidPattern(text) | CronError::IllegalCharacters(text) | CronError::ComponentError(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn described(cron: &croner::Cron) -> String {
    let words = cron.describe();
    let words = words.trim_end_matches('.');
    words.strip_prefix("At every ").map_or_else(|| words.to_owned(), |rest| format!("Every {rest}"))
}

fn usual(cron: &str) -> Option<String> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    if *month != "*" {
        return None;
    }
    if *day == "*" && *weekday == "*" {
        if *hour == "*" {
            return Some(match minute.parse::<u8>().ok()? {
                0 => "Every hour, on the hour".to_owned(),
                minute => format!("Every hour at minute {minute}"),
            });
        }
        if let Some(step) = hour.strip_prefix("*/") {
            let (step, minute) = (step.parse::<u8>().ok()?, minute.parse::<u8>().ok()?);
            // Only what divides the day is really every so many hours.
            return (24 % step.max(1) == 0 && step > 1).then(|| format!("Every {step} hours at minute {minute}"));
        }
    }
    let times = times(minute, hour)?;
    match (*day, *weekday) {
        ("*", "*") => Some(format!("Every day at {times}")),
        ("*", weekday) => Some(format!("Every {} at {times}", weekdays(weekday)?)),
        (day, "*") => Some(format!("On the {} of each month at {times}", ordinal(day.parse().ok()?))),
        _ => None,
    }
}

fn times(minute: &str, hour: &str) -> Option<String> {
    let numbers = |field: &str| field.split(',').map(|number| number.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
    let (minutes, hours) = (numbers(minute)?, numbers(hour)?);
    let all: Vec<String> = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}"))).collect();
    (all.len() <= 6).then(|| listed(&all))
}

/// `02:00`, `02:00 and 14:00`, `02:00, 10:00 and 18:00`.
fn listed(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn weekdays(field: &str) -> Option<String> {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let number = |text: &str| -> Option<usize> {
        let by_name = NAMES.iter().position(|name| name[..3].eq_ignore_ascii_case(text));
        by_name.or_else(|| text.parse::<usize>().ok().filter(|number| *number <= 7).map(|number| number % 7))
    };
    if let Some((from, to)) = field.split_once('-') {
        let (from, to) = (number(from)?, number(to)?);
        return (from < to).then(|| format!("day from {} to {}", NAMES[from], NAMES[to]));
    }
    let days: Option<Vec<String>> = field.split(',').map(|day| Some(NAMES[number(day)?].to_owned())).collect();
    Some(listed(&days?))
}

fn ordinal(number: u8) -> String {
    let ending = match number {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
