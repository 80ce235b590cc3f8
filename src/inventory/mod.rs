//! Finds the software in a root file system: what package managers, lock files and programs say of themselves.
//!
//! Enter by [`take`] with something that implements [`Files`]; an [`Inventory`] comes out, sorted and without doubles.
//! [`purl`] has the rules by which packages are named.
//!
//! Invariant: this room touches no disk. All that it reads is hostile: every file has a limit, all files together have
//! one, and what can't be read is a note in the inventory, not an error.

mod apk;
mod control;
mod copyright;
mod dotnet;
mod dpkg;
mod elf;
mod files;
mod golang;
mod java;
mod license;
mod npm;
mod os_release;
mod package;
mod php;
mod pnpm;
pub mod purl;
mod python;
mod rpm;
mod ruby;
mod rust;
mod take;
mod yarn;
mod zip;

#[cfg(test)]
mod tests;

pub use files::{Bytes, FileFact, Files};
pub use license::{License, expression};
pub use os_release::OsRelease;
pub use package::{Ecosystem, Evidence, Inventory, Package};
pub use take::{take, wanted};
