//! What software says of its licences, and which of that is an SPDX expression.

use serde::{Deserialize, Serialize};

/// Longest statement that is believed, in bytes; longer ones are the licence's text.
const LONGEST: usize = 200;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum License {
    /// An expression of SPDX identifiers, each of which is known.
    Expression(String),
    /// In the words of whoever stated it.
    Named(String),
}

impl License {
    /// Reads a statement; nothing where it says nothing.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return None;
        }
        if matches!(
            text.to_ascii_lowercase().as_str(),
            "unknown" | "none" | "see license" | "license"
        ) {
            return None;
        }
        Some(expression(text).map_or_else(|| Self::Named(text.to_owned()), Self::Expression))
    }
}

/// The statement as an SPDX expression, if each of its words is one or a well-known spelling of one.
///
/// Spellings are those of Debian's copyright format, of Fedora's and Python's older habits, and slashes between
/// names as crates have them.
pub fn expression(text: &str) -> Option<String> {
    let text = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut out: Vec<String> = Vec::new();
    let (mut depth, mut wants_name) = (0_usize, true);
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut words = words.as_slice();
    if words.is_empty() {
        return None;
    }
    while let Some((word, rest)) = words.split_first() {
        words = rest;
        let operator = word.to_ascii_uppercase();
        match (operator.as_str(), wants_name) {
            ("(", true) => {
                depth += 1;
                out.push("(".to_owned());
            }
            (")", false) => {
                depth = depth.checked_sub(1)?;
                out.push(")".to_owned());
            }
            ("AND" | "OR", false) => {
                out.push(operator);
                wants_name = true;
            }
            ("WITH", false) => {
                let (exception, rest) = words.split_first()?;
                words = rest;
                let known = EXCEPTIONS.iter().find(|it| it.eq_ignore_ascii_case(exception))?;
                out.push(format!("WITH {known}"));
            }
            (_, true) => {
                out.push(identifier(word)?);
                wants_name = false;
            }
            _ => return None,
        }
    }
    if wants_name || depth > 0 {
        return None;
    }
    Some(out.join(" ").replace("( ", "(").replace(" )", ")"))
}

/// The identifier that a word means.
fn identifier(word: &str) -> Option<String> {
    if let Some(known) = KNOWN.iter().find(|it| it.eq_ignore_ascii_case(word)) {
        return Some((*known).to_owned());
    }
    if let Some((_, meant)) = SPELLINGS.iter().find(|(it, _)| it.eq_ignore_ascii_case(word)) {
        return Some((*meant).to_owned());
    }
    // GPL-2, GPLv2+, LGPL-2.1-or-later and their like.
    let lower = word.to_ascii_lowercase();
    let family = ["agpl", "lgpl", "gpl", "gfdl"]
        .into_iter()
        .find(|family| lower.starts_with(family))?;
    let rest = lower[family.len()..].trim_start_matches(['-', 'v']);
    let (number, later) = match rest.strip_suffix('+').or(rest.strip_suffix("-or-later")) {
        Some(number) => (number, true),
        None => (rest.strip_suffix("-only").unwrap_or(rest), false),
    };
    let number = match number {
        "1" => "1.0",
        "2" => "2.0",
        "3" => "3.0",
        other => other,
    };
    let suffix = if later { "or-later" } else { "only" };
    let spelt = format!("{}-{number}-{suffix}", family.to_ascii_uppercase());
    KNOWN.contains(&spelt.as_str()).then_some(spelt)
}

/// Identifiers of the SPDX list that software in images states; the list has many more, which stay names here.
const KNOWN: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "APSL-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-2.0",
    "BlueOak-1.0.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSD-3-Clause-LBNL",
    "BSD-4-Clause",
    "BSD-4-Clause-UC",
    "BSD-Source-Code",
    "BSL-1.0",
    "bzip2-1.0.6",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CDLA-Permissive-2.0",
    "CECILL-2.1",
    "CPL-1.0",
    "curl",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "FSFAP",
    "FSFUL",
    "FSFULLR",
    "FTL",
    "GFDL-1.1-or-later",
    "GFDL-1.2-only",
    "GFDL-1.2-or-later",
    "GFDL-1.3-only",
    "GFDL-1.3-or-later",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "HPND-sell-variant",
    "ICU",
    "IJG",
    "IPL-1.0",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "Libpng",
    "libtiff",
    "LPPL-1.3c",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "MulanPSL-2.0",
    "NCSA",
    "NTP",
    "OFL-1.1",
    "OLDAP-2.8",
    "OpenSSL",
    "OSL-3.0",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "Sleepycat",
    "SMLNJ",
    "SSPL-1.0",
    "TCL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "UPL-1.0",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "Zlib",
    "zlib-acknowledgement",
    "ZPL-2.1",
];

const EXCEPTIONS: &[&str] = &[
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "Font-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "Libtool-exception",
    "Linux-syscall-note",
    "LLVM-exception",
    "OCaml-LGPL-linking-exception",
    "u-boot-exception-2.0",
];

/// Other spellings, in lower case.
const SPELLINGS: &[(&str, &str)] = &[
    ("apache", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("apache2", "Apache-2.0"),
    ("apache2.0", "Apache-2.0"),
    ("asl2.0", "Apache-2.0"),
    ("boost-1.0", "BSL-1.0"),
    ("bsd-2", "BSD-2-Clause"),
    ("bsd-3", "BSD-3-Clause"),
    ("bsd-4", "BSD-4-Clause"),
    ("bsd2", "BSD-2-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("cc0", "CC0-1.0"),
    ("expat", "MIT"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2.0", "MPL-2.0"),
    ("psf", "PSF-2.0"),
    ("psf-2", "PSF-2.0"),
];
