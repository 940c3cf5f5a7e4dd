//! People: each user's page and the form that adds one, for admins; and everyone's own account.

pub mod account;
pub mod api;
pub mod factor;
pub mod new;
pub mod own;
pub mod person;
pub mod reading;
mod sessions;

pub use account::AccountPage;
pub use factor::FactorPage;
pub use new::NewPersonPage;
pub use person::PersonPage;
