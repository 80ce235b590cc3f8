//! The varve command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(varve::cli::main(std::env::args_os()))
}
