//! What is read in the settings: the installation, tokens, people.

use super::{Shown, plural};

words! {
    lead { en: "Who and what gets in, and what this installation is." }

    // What holds for all.
    general { en: "General" }
    environment { en: "Environment" }
    environment_none { en: "has no name; one, with a colour, stands at the top of every page" }
    address { en: "Address" }
    address_none { en: "as it is called; a proxy before it says one" }
    new_backups { en: "New backups" }
    new_backups_encrypted { en: ", encrypted, whatever a database says" }
    firing { en: "Schedules" }
    firing_on { en: "run" }
    firing_off { en: "held: only what people start is carried out" }
    import_from { en: "Import from the server's folders" }
    import_none { en: "none: by upload only" }
    set_by { en: "Set by" }
    set_by_options { en: "the options and variables that the server was started with, and for each database on its page" }

    // Who gets in, and what is secret.
    security { en: "Security" }
    passwords { en: "Passwords of archives" }
    passwords_known(known: u64) { en: match known {
        0 => "none is known: nothing can be encrypted".to_owned(),
        known => plural(known, "1 is known", "{} are known"),
    } }
    passwords_how { en: "keepstone key add | change | kit" }
    sessions { en: "Open sessions" }
    second_factor { en: "Second factor" }
    with_factor(with: usize, people: usize) { en: "{with} of {people} people have switched it on" }

    // The installation.
    system { en: "System" }
    version { en: "Version" }
    versions(keepstone: Shown, format: Shown, sqlite: Shown) { en: "Keepstone {keepstone}, archive format {format}, SQLite {sqlite}" }
    running_since { en: "Running since" }
    data { en: "Data directory" }
    backups { en: "Backups folder" }
    free { en: "Free there" }
    tls { en: "TLS certificate" }
    no_certificate { en: "None of its own: plain HTTP, for this machine or a proxy with TLS before it" }
    certificate_of_nothing { en: "for no name" }
    certificate_until { en: ", until " }
    log { en: "Activity log" }
    events(events: u64) { en: plural(events, "1 event", "{} events") }

    // Tokens of programs.
    tokens { en: "API tokens" }
    tokens_caption { en: "Tokens with which programs use the HTTP API" }
    no_token { en: "No program calls in" }
    no_token_means { en: "A token lets a program use the HTTP API: make backups before a deployment, say, or watch whether all is safe." }
    token_may { en: "May" }
    expires { en: "Expires" }
    made { en: "Made" }
    made_by(who: Shown) { en: "by {who}" }
    all_databases { en: "all" }
    expired { en: "expired" }
    revoke { en: "Revoke…" }
    revoke_title(name: Shown) { en: "Revoke the token {name}?" }
    revoke_do(name: Shown) { en: "Revoke {name}" }
    revoke_means { en: "Programs that use it are refused from then on. To let them in again, make another token." }
    token_shown { en: "This token was shown already" }
    token_shown_means { en: "A token is shown once. If it was not kept, revoke it and make another one." }
    token_made(name: Shown) { en: "Token {name} is made" }
    token_copy(scopes: Shown) { en: "Copy it now: it is shown this once, and only its hash is kept. It may {scopes}." }

    // The form that makes one.
    make_token { en: "Make a token" }
    make_lead { en: "With it a program uses the HTTP API. Its secret is shown once, on the next page." }
    make_panel { en: "The token" }
    make_name_help { en: "What it does is in the activity log as token:NAME." }
    make_may { en: "It may" }
    make_databases { en: "Only these databases" }
    make_databases_all { en: "Empty: all of them." }
    make_databases_help(ids: Shown) { en: "Empty: all of them. Else ids, separated by commas: {ids}." }
    make_expires { en: "Good for" }
    make_30_days { en: "30 days" }
    make_90_days { en: "90 days" }
    make_year { en: "a year" }
    make_ever { en: "ever, until it is revoked" }
    make_do { en: "Make the token" }
    no_scope { en: "Tick what it may do." }
    no_database(id: Shown) { en: "\"{id}\" is no database's id." }

    // The people.
    add_person { en: "Add a person" }
    people { en: "People" }
    people_caption { en: "People who can sign in" }
    people_means { en: "A viewer sees, an operator also backs up and restores, an admin also sets up." }
    last_seen { en: "Last seen" }
    not_signed_in { en: "not signed in" }
}
