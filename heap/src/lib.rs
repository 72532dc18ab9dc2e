//! See docs/ARCHITECTURE.md.
#![no_std]
extern crate alloc;
