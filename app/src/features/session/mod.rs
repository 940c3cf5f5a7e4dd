//! Signing in and out, the first set-up, and the frame around every page for who is signed in.

pub mod api;
pub mod confirm;
pub mod frame;
pub mod page;
pub mod shortcuts;
pub mod theme;

pub use confirm::ConfirmPage;
pub use frame::Frame;
pub use page::{SetUpPage, SignInPage};
