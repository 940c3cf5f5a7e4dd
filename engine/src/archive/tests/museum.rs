//! Museum.
