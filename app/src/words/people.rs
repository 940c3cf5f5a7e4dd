//! What is read about accounts: one's own, and those of others.

use super::{Shown, count};

words! {
    // One's own account.
    you { en: "You" }
    end_others { en: "End all others" }
    password_changed { en: "Your password is changed" }
    password_changed_means { en: "All other sessions have ended." }
    shortcuts { en: "Keyboard shortcuts" }
    shortcuts_on { en: "On: single keys lead through the console; ? lists them." }
    shortcuts_off { en: "Off: a key that is pressed by mistake, or by speech, does nothing." }
    shortcuts_switch_off { en: "Switch the shortcuts off" }
    shortcuts_switch_on { en: "Switch the shortcuts on" }
    present_password { en: "Present password" }
    new_password { en: "New password" }
    new_password_help { en: "At least 12 characters. Four words at random are good; a password manager's are better. All other sessions end." }
    password_do { en: "Change the password" }

    // How one reads the console.
    reading { en: "Times and numbers" }
    zone { en: "Time zone" }
    zone_help { en: "In which times are written, e.g. Europe/Berlin. Empty: that of the browser you look with." }
    zone_unknown { en: "There is no time zone of this name; it looks like Europe/Berlin." }
    format { en: "Number and date format" }
    format_help { en: "In all browsers in which you sign in." }
    format_of_browser { en: "by the languages of the browser" }
    format_unknown { en: "Choose one of the list." }
    reading_save { en: "Save times and numbers" }

    // The second factor.
    codes_shown { en: "These recovery codes were shown already" }
    codes_shown_means { en: "They are shown once. If they were not kept, make new ones: they take the place of those before." }
    codes_keep { en: "Keep these recovery codes" }
    codes_keep_means { en: "Each lets you in once when the app is not at hand. Print them or put them into a password manager: they are shown only now." }
    factor_means { en: "A code of an authenticator app beside the password: a password that leaked is not enough then." }
    factor_switch_on { en: "Switch it on…" }
    factor_since_before { en: "On since " }
    codes_new { en: "Make new recovery codes" }
    codes_left(codes: u64) {
        en: match codes {
            0 => "No recovery code is left: make new ones.".to_owned(),
            1 => "One recovery code is left.".to_owned(),
            left => format!("{} recovery codes are left.", count(left)),
        }
    }
    factor_switch_off { en: "Switch it off…" }
    factor_off_title { en: "Switch the second factor off?" }
    factor_off_means { en: "After that the password alone lets in." }
    factor_off_do { en: "Switch the second factor off" }
    factor_already { en: "You have a second factor already" }
    factor_already_means { en: "This one takes its place once its first code is given." }
    factor_on_title { en: "Switch the second factor on" }
    factor_scan { en: "1. Scan it with an authenticator app" }
    factor_key_before { en: "Or type the key: " }
    factor_code { en: "2. Give its first code" }
    factor_digits { en: "Six digits from the app" }
    factor_digits_help { en: "It changes every 30 seconds. If none is right, compare the clocks of this machine and of the phone." }
    factor_on_do { en: "Switch it on" }

    // Sessions.
    sessions { en: "Sessions" }
    nowhere { en: "Not signed in anywhere." }
    browser { en: "Browser" }
    from { en: "From" }
    signed_in { en: "Signed in" }
    ends { en: "Ends" }
    this_one { en: "this one" }
    end_session { en: "End session" }
    end_all { en: "End all sessions" }
    unknown { en: "unknown" }
    browser_on(browser: Shown, system: Shown) { en: "{browser} on {system}" }

    // The form that adds a person.
    add { en: "Add a person" }
    account { en: "Account" }
    name_help { en: "By which they sign in: letters, digits, or . - _ @ +" }
    how { en: "How they get in" }
    by_link { en: "By a one-time link" }
    by_link_means { en: "You pass it on; they set a password of their own. It works once, for 24 hours." }
    by_password { en: "With a first password" }
    by_password_means { en: "You choose it and tell them; they can change it in their account." }
    first_password { en: "First password" }
    first_password_help { en: "At least 12 characters. Empty for a link." }
    add_do { en: "Add the person" }
    role_help { en: "A viewer sees; an operator also backs up, restores and deletes; an admin also sets up databases and people." }
    choose_role { en: "Choose a role." }
    yourself { en: "This is your own account: another admin can do that." }

    // A person's page.
    factor_on_since_before { en: "on since " }
    factor_off { en: "off" }
    link_shown { en: "This link was shown already" }
    link_shown_means { en: "A link is shown once. If it was not passed on, make another one: it takes the place of the one before." }
    link_title(name: Shown) { en: "Pass this link on to {name}" }
    link_means { en: "Whoever opens it sets the password of this account. It works once, for 24 hours, and is shown only now." }
    own_before { en: "This is your own account. Your password and sessions are in " }
    own_account { en: "your account" }
    own_after { en: "; your role is another admin's to change." }
    link_new { en: "Make a new set-up link" }
    enable { en: "Enable the account" }
    disable { en: "Disable the account" }
    role_save { en: "Save the role" }
    changes_means { en: "A set-up link lets them set a new password; the present one holds until then. Disabling signs them out at once." }
    remove { en: "Remove" }
    remove_title(name: Shown) { en: "Remove {name}?" }
    remove_do(name: Shown) { en: "Remove {name}" }
    remove_ask(name: Shown) { en: "Remove {name}…" }
    remove_means { en: "The account is gone then; what it did stays in the activity log." }
    remove_warning { en: "They are signed out at once. To keep them out for a while only, disable the account instead." }
}
