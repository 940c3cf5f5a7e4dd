//! How hard a password is to guess, as a lower bound: what it costs to name it with the words, walks over the keyboard and repeats that are tried
//! first. No dictionary of a language: letters of words that are not in these lists count as little as letters of real words do.

/// What stands in examples, forms and old configurations, and what people take for a password when they have to.
const WORDS: &str = "\
    change changed changeit changeme replace replaceme insert enter fill set put use type choose pick provide define update edit with this that \
    here now later please before after your yours you my mine our the and for from with not will must should be is to in of on at by it its me \
    strong secure secured safe super random unique \
    password passwords passwort kennwort passphrase passwd pass pwd pw phrase word words secret secrets key keys keyword code token pin \
    encrypt encrypted encryption decrypt decryption crypt cipher backup backups archive archives vault keepstone restore \
    data database databases db sql sqlite postgres postgresql mysql mariadb mongo redis server host hostname service app application project \
    todo fixme tbd example examples sample placeholder value string text default dummy demo test tests testing temp temporary foo bar baz lorem \
    ipsum none null empty undefined prod production dev development staging local localhost docker compose container env environment variable \
    config admin administrator root user username login account access private public system master owner guest company name number \
    letmein welcome hello world iloveyou love monkey dragon football baseball sunshine princess shadow superman batman michael starwars trustno \
    whatever freedom summer winter spring autumn january february march april may june july august september october november december \
    monday tuesday wednesday thursday friday saturday sunday geheim sicher hallo aendern hier dein mein datenbank sicherung schluessel";

/// Neighbours in the alphabet and on keyboards, read either way.
const WALKS: [&str; 14] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "asdfghjklöä",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "qazwsxedcrfvtgbyhnujmik,ol.p;/",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()_+",
];

/// More is not looked at: it only makes it harder.
const LOOKED_AT_CHARS: usize = 160;

// Tenths of a bit.
const WORD: u32 = 30;
const LEET: u32 = 10;
const WALK: u32 = 50;
const REPEAT: u32 = 25;
const RUN: u32 = 10;
const YEAR: u32 = 60;
const SEPARATOR: u32 = 10;
/// That there is something between the words, whatever it is.
const BETWEEN: u32 = 20;
const LETTER: u32 = 23;
const DIGIT: u32 = 33;
const OTHER: u32 = 40;

/// At least so many bits.
pub(crate) fn bits(text: &str) -> u32 {
    let bare: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let bare = cheapest(&bare) + if bare.len() < text.len() { BETWEEN } else { 0 };
    cheapest(text).min(bare) / 10
}

fn cheapest(text: &str) -> u32 {
    let (text, runs) = without_runs(text);
    // What the first so many characters cost at least.
    let mut cost = vec![u32::MAX; text.len() + 1];
    cost[0] = RUN * runs;
    for at in 0..text.len() {
        let so_far = cost[at];
        let mut reach = |len: usize, more: u32| {
            let there = &mut cost[at + len];
            *there = (*there).min(so_far + more);
        };
        let rest = &text[at..];
        reach(1, single(rest[0]));
        for word in WORDS.split_whitespace() {
            if let Some(cost) = begins_with(rest, word) {
                reach(word.len(), cost);
            }
        }
        for len in 3..=walk(rest) {
            reach(len, WALK);
        }
        for len in 3..=seen_before(&text, at) {
            reach(len, REPEAT);
        }
        if let [a, b, c, d, ..] = rest
            && matches!((a, b), ('1', '9') | ('2', '0'))
            && c.is_ascii_digit()
            && d.is_ascii_digit()
        {
            reach(4, YEAR);
        }
    }
    cost[text.len()]
}

/// In lower case, three and more of the same character as one; and how often that was so.
fn without_runs(text: &str) -> (Vec<char>, u32) {
    let (mut out, mut runs) = (Vec::new(), 0);
    let all: Vec<char> = text.chars().flat_map(char::to_lowercase).take(LOOKED_AT_CHARS).collect();
    for run in all.chunk_by(|a, b| a == b) {
        let kept = if run.len() < 3 { run.len() } else { 1 };
        out.extend_from_slice(&run[..kept]);
        runs += u32::from(kept < run.len());
    }
    (out, runs)
}

fn single(c: char) -> u32 {
    match c {
        ' ' | '-' | '_' | '.' => SEPARATOR,
        'a'..='z' => LETTER,
        '0'..='9' => DIGIT,
        _ => OTHER,
    }
}

/// What it costs that the text begins with this word, also where digits and signs stand for its letters.
fn begins_with(text: &[char], word: &str) -> Option<u32> {
    let mut cost = WORD;
    let mut text = text.iter();
    for letter in word.chars() {
        match text.next()? {
            c if *c == letter => {}
            c if stands_for(*c, letter) => cost = WORD + LEET,
            _ => return None,
        }
    }
    Some(cost)
}

fn stands_for(c: char, letter: char) -> bool {
    match letter {
        'a' => matches!(c, '4' | '@'),
        'e' => c == '3',
        'i' | 'l' => matches!(c, '1' | '!' | '|'),
        'o' => c == '0',
        's' => matches!(c, '5' | '$'),
        't' => matches!(c, '7' | '+'),
        _ => false,
    }
}

/// How long a walk the text begins with.
fn walk(text: &[char]) -> usize {
    let along = |path: &mut dyn Iterator<Item = char>| path.zip(text).take_while(|(a, b)| a == *b).count();
    let from = |walk: &str| {
        let ahead = walk.char_indices().filter(|(_, c)| *c == text[0]).map(|(at, _)| along(&mut walk[at..].chars()));
        let back = walk.char_indices().filter(|(_, c)| *c == text[0]).map(|(at, c)| along(&mut walk[..at + c.len_utf8()].chars().rev()));
        ahead.chain(back).max().unwrap_or(0)
    };
    WALKS.iter().map(|walk| from(walk)).max().unwrap_or(0)
}

/// How much of what comes stood before.
fn seen_before(text: &[char], at: usize) -> usize {
    let same = |from: usize| text[from..at].iter().zip(&text[at..]).take_while(|(a, b)| a == b).count();
    (0..at).map(same).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::validate::encryption_password;

    #[test]
    fn what_is_tried_first_is_refused() {
        for weak in [
            "change-me-now-please",
            "replace_with_strong_password",
            "ENCRYPTION_PASSWORD_HERE",
            "please enter your encryption key here",
            "todo: set a password",
            "my-backup-key-1",
            "P@ssw0rd1234",
            "s3cr3t-k3y-2026",
            "keepstone1234",
            "postgres12345",
            "Summer2026!!",
            "abcdefghijkl",
            "qazwsxedcrfv",
            "asdfghjkl;12",
            "lkjhgfdsapoiuytrewq",
            "1q2w3e4r5t6y",
            "000000000001234567",
            "xxxxyyyyzzzzaaaabbbbcc",
            "hunter2hunter2hunter2",
        ] {
            assert!(encryption_password(weak).is_err(), "{weak}");
        }
    }

    #[test]
    fn phrases_are_taken_also_with_such_words_in_them() {
        for strong in [
            "correct horse battery",
            "lamp oak fig tea",
            "tea for two and two for tea",
            "dragon monkey summer garden",
            "the key of my backup is under the doormat",
            "seven horses over the hill",
            "uvular-tacky-mop-zen",
            "密码是一匹正确的马电池和订书钉",
        ] {
            assert_eq!(encryption_password(strong), Ok(()), "{strong}");
        }
    }

    #[test]
    fn what_is_random_is_taken() {
        let mut state = 7_u64;
        let mut any = move |of: &[u8]| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(of[usize::try_from((state >> 33) % of.len() as u64).unwrap()])
        };
        for alphabet in
            [&b"0123456789abcdef"[..], b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"]
        {
            for _ in 0..50 {
                let text: String = (0..18).map(|_| any(alphabet)).collect();
                assert_eq!(encryption_password(&text), Ok(()), "{text}");
            }
        }
    }
}
