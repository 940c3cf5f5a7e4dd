//! What is read before someone is signed in, and in the frame around every page.

use super::Shown;

words! {
    // Signing in.
    sign_in_lead { en: "The console of this machine's database backups." }
    code_lead { en: "The password is right. Now the code of your authenticator app." }
    code_help { en: "Six digits, or one of your recovery codes." }
    start_again { en: "Start again" }
    wrong_password { en: "This is not your password." }

    // The one-time link.
    set_up { en: "Set up" }
    set_up_title { en: "Set up Keepstone" }
    set_up_lead { en: "Make the first admin account. This link works once." }
    set_up_do { en: "Make the account" }
    set_password { en: "Set your password" }
    set_password_lead { en: "This link works once. After it you are signed in." }
    set_password_do { en: "Set the password" }
    password_help { en: "At least 12 characters. Four words at random are good; a password manager's are better." }
    link_over { en: "This set-up link does not work any more" }
    link_over_means { en: "It works once, and not for long. If you have a password, sign in. If not, ask an admin for another link, or make one on the host:" }

    // The password once more.
    confirm { en: "Your password once more" }
    confirm_lead { en: "What you are about to do takes effort to undo, and your password was given more than ten minutes ago." }
    confirm_who(name: Shown) { en: "You are {name}" }
    confirm_do { en: "Go on" }
    confirm_means { en: "You come back to where you were; then do it once more." }

    // The frame.
    skip { en: "Skip to the page" }
    navigation { en: "Main" }
    times_in_before { en: "Times in " }
    host { en: "The machine this console runs on" }
    demo { en: "Demo" }
    everything { en: "Everything" }
    user_menu(name: Shown) { en: "{name}: account, theme and sign out" }
    sign_out { en: "Sign out" }
    this_host { en: "this host" }
    theme { en: "Theme" }
    theme_light { en: "Light" }
    theme_dark { en: "Dark" }
    theme_system { en: "System" }

    // The keyboard shortcuts.
    shortcuts { en: "Keyboard shortcuts" }
    shortcut_create { en: "Create a backup" }
    shortcut_list { en: "This list" }
    shortcuts_before { en: "They act on nothing while you type. " }
    shortcuts_after { en: " switches them off." }
}
