//! What is known of a build context, and what of it had better not get into an image.

use crate::dockerfile::{Body, Instruction, Keyword, Parsed};

/// What the directory that is the build context holds, the ignore file not applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextFacts {
    /// What stands at the top, and below it what [`notable`] knows.
    pub entries: Vec<ContextEntry>,
}

/// A file or directory of a context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextEntry {
    /// From the context's root, with `/`.
    pub path: String,
    /// Files in it, itself included when it is one.
    pub files: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Whether there may be more, because the count was given up.
    pub more: bool,
}

/// Why something had better not get into an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notable {
    /// It holds keys or passwords.
    Secret,
    /// It is what a program for versions keeps.
    History,
    /// It is installed or built, for this machine.
    Made,
}

/// Why a file or directory of this name, without the way to it, had better not get into an image.
pub fn notable(name: &str) -> Option<Notable> {
    if is_secret(name) {
        return Some(Notable::Secret);
    }
    match name {
        ".git" | ".hg" | ".svn" | ".bzr" | ".jj" => Some(Notable::History),
        "node_modules" | "bower_components" | ".venv" | "__pycache__" | ".mypy_cache" | ".pytest_cache" | ".tox"
        | ".terraform" | ".gradle" | ".next" | ".nuxt" | ".parcel-cache" | ".cache" | ".bundle" => Some(Notable::Made),
        _ => None,
    }
}

/// Whether the text copies the whole context, so that it matters what is in it.
pub fn copies_whole_context(parsed: &Parsed) -> bool {
    copies(parsed).any(|copy| sources(copy).iter().any(|source| is_whole_context(source)))
}

/// The sources of copies from the context that are plain paths: where all are there, a directory may be the context.
pub fn plain_sources(parsed: &Parsed) -> Vec<&str> {
    let plain = |source: &&str| {
        !source.is_empty() && !source.contains(['$', '*', '?', '[', '\\', '"', '\'']) && !source.contains(":/")
    };
    let all = copies(parsed).flat_map(sources);
    all.filter(plain).filter(|source| !source.contains('@')).collect()
}

/// Whether a source of COPY is the whole context.
pub(super) fn is_whole_context(source: &str) -> bool {
    let source = source.trim_matches(['"', '\'']);
    matches!(source, "." | "./" | "/" | "*" | "./*" | "./.")
}

/// Whether a file or directory of this name usually holds keys, passwords or tokens.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_sample = |kind: &str| ["dist", "example", "sample", "template", "test"].contains(&kind);
    SECRETS.contains(&name.as_str())
        || ENDINGS
            .iter()
            .any(|ending| name.len() > ending.len() && name.ends_with(ending))
        || name.strip_prefix(".env.").is_some_and(|kind| !is_sample(kind))
}

/// Bytes in units of 1000, with one digit behind the point.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.95 {
            return match unit {
                "B" => format!("{bytes} B"),
                unit => format!("{value:.1} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// Whole names of files and folders.
const SECRETS: [&str; 27] = [
    ".aws",
    ".dockercfg",
    ".env",
    ".git-credentials",
    ".gnupg",
    ".htpasswd",
    ".kube",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh",
    "credentials.json",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kubeconfig",
    "secret.yaml",
    "secret.yml",
    "secrets.json",
    "secrets.yaml",
    "secrets.yml",
    "terraform.tfstate",
    "vault.key",
    "wallet.dat",
];

const ENDINGS: [&str; 7] = [".jks", ".kdbx", ".key", ".keystore", ".p12", ".pfx", ".ppk"];

fn copies(parsed: &Parsed) -> impl Iterator<Item = &Instruction> {
    parsed.dockerfile.instructions.iter().filter(|instruction| {
        matches!(instruction.keyword, Some(Keyword::Copy | Keyword::Add))
            && instruction.heredocs.is_empty()
            && instruction.flags.iter().all(|flag| flag.name != "from")
    })
}

fn sources(copy: &Instruction) -> Vec<&str> {
    match &copy.body {
        Body::Words(words) | Body::Json(words) => {
            let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
            sources.iter().map(|word| word.text.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn names_that_are_notable() {
        for (name, why) in [
            (".env", Some(Notable::Secret)),
            (".env.production", Some(Notable::Secret)),
            (".env.example", None),
            ("ID_RSA", Some(Notable::Secret)),
            (".key", None),
            ("a.key", Some(Notable::Secret)),
            (".git", Some(Notable::History)),
            ("node_modules", Some(Notable::Made)),
            ("src", None),
        ] {
            assert_eq!(notable(name), why, "{name}");
        }
    }

    #[test]
    fn sizes_have_one_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_500, "1.5 kB"),
            (999_999, "1.0 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn what_is_copied_from_the_context() {
        let parsed =
            parse("FROM a\nCOPY --from=x . /\nCOPY a $b c* /x/\nADD https://x.org/y git@x:y d /\nCOPY <<E /x\nE\n");
        assert!(!copies_whole_context(&parsed));
        assert_eq!(plain_sources(&parsed), ["a", "d"]);
        assert!(copies_whole_context(&parse("FROM a\nCOPY [\"./\", \"/x\"]\n")));
    }
}
