//! What a refusal says that is the console's own.

use super::Shown;

words! {
    not_signed_in { en: "You are not signed in, or the session has ended. Sign in and try again." }
    forbidden { en: "Your role does not allow this." }
    needs_role(least: Shown, has: Shown) { en: "This needs the role {least}, and yours is {has}." }
    not_found { en: "There is nothing at this address." }
    sign_in_again { en: "This cannot be undone without effort, so sign in once more before you do it." }
    internal { en: "Something went wrong inside the server. Its log says what." }
    bad_request { en: "The form was not filled in as expected. Reload the page and try again." }
    unreachable { en: "The server cannot be reached. Is it running?" }
}
