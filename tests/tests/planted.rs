//! Placeholder until the table stands.
