//! What takes the bytes: components, objects, symbols and files of a build, and their budgets.
//!
//! Everything is read from what was linked (the kernel's link map, its symbol table, the archive of
//! the root file system), never from what went into the link. docs/size.md says what counts as what.

mod archive;
mod linkmap;
mod program;
mod report;
mod table;

pub mod breakdown;
pub mod budget;
pub mod compare;
pub mod treemap;

pub use report::{FIGURES, Figure, Inputs, Item, NATIVE_INET, NativeInet, Report, measure};
pub use table::{list, table};
