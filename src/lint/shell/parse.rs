//! From text to commands, by way of the parser crate.

use super::script::Script;
use super::walk;
use shuck_parser::Error;
use shuck_parser::parser::{Parser, ShellDialect, ShellProfile};

/// Levels of nesting that are read; what nests deeper is broken.
const DEEPEST: usize = 60;

/// Steps of the parser that a script may take.
const FUEL: usize = 200_000;

/// Braces that may be open at once.
const OPEN_BRACES: usize = 200;

/// Variables and substitutions that a script may have.
const EXPANSIONS: usize = 5_000;

/// Heredocs that a script may have.
const HEREDOCS: usize = 100;

/// Finds the commands in the text of `script`, which is read as bash whatever shell gets it.
pub(super) fn parse(script: &mut Script) {
    if script.would_take_long() {
        (script.broken, script.unread) = (true, true);
        return;
    }
    let text = std::mem::take(&mut script.text);
    let fuel = FUEL.max(4 * text.len());
    let parsed =
        Parser::with_limits_and_profile(&text, DEEPEST, fuel, ShellProfile::native(ShellDialect::Bash)).parse();
    script.text = text;
    script.broken = !parsed.is_ok();
    // Only messages about its limits name a most.
    script.unread = matches!(&parsed.terminal_error, Some(Error::Parse { message, .. }) if message.contains(", max "));
    if !script.broken {
        walk::commands(&parsed.file, script);
    }
}

impl Script {
    /// Whether its text has so many of the things that the parser looks at again and again (it reads on from each open
    /// brace, and copies what it has of a word at each expansion) that its time would grow with their square.
    fn would_take_long(&self) -> bool {
        let (mut open, mut expansions, mut heredocs) = (0_usize, 0, 0);
        let mut last = 0;
        self.text.bytes().any(|byte| {
            match byte {
                b'{' => open += 1,
                b'}' => open = open.saturating_sub(1),
                b'$' | b'`' => expansions += 1,
                b'<' if last == b'<' => heredocs += 1,
                _ => {}
            }
            last = byte;
            open > OPEN_BRACES || expansions > EXPANSIONS || heredocs > HEREDOCS
        })
    }
}
