//! app

pub mod live_types;
