//! One source of a COPY, an ADD or a bind mount, as a pattern.

use super::error::PatternError;
use super::glob::Glob;
use super::patterns::{Patterns, clean};

/// One source of a COPY, an ADD or a bind mount.
///
/// A leading slash, `.`, a trailing slash and `..` mean what they mean to a process whose root is the source's:
/// nothing leads out of it.
#[derive(Debug)]
pub struct SourcePattern {
    text: String,
    pub(super) base: Vec<Part>,
    pub(super) below: Below,
}

/// One component of the path that leads to what is copied.
#[derive(Debug)]
pub(super) enum Part {
    /// A name.
    Name(Box<[u8]>),
    /// A wildcard, or a name behind one.
    Wild(Glob),
}

/// What of the place that the path leads to.
#[derive(Debug)]
pub(super) enum Below {
    /// The file, or what the directory has in it.
    Contents,
    /// With `--parents`: the path behind the pivot, which is kept.
    Path(Vec<Box<[u8]>>),
    /// With `--parents`: whatever matches behind the pivot.
    Matches(Box<Patterns>),
}

impl SourcePattern {
    /// Reads a source; `parents` is `--parents`, under which `/./` is the pivot and `**` a wildcard.
    pub fn new(text: &str, parents: bool) -> Result<Self, PatternError> {
        let (base, below) = if parents {
            let (base, kept) = text.split_once("/./").unwrap_or(("", text));
            let kept = clean(&format!("/{kept}"));
            let kept = &kept[1..];
            let below = if Glob::has_wildcards(kept) {
                Below::Matches(Box::new(Patterns::one(kept)?))
            } else {
                Below::Path(names(kept).map(Into::into).collect())
            };
            (base, below)
        } else {
            (text, Below::Contents)
        };
        let mut wild = false;
        let base = clean(&format!("/{base}"));
        let base = names(&base[1..])
            .map(|name| {
                // Behind a wildcard every component is a pattern: a backslash there escapes.
                wild |= std::str::from_utf8(name).is_ok_and(Glob::has_wildcards);
                Ok(match std::str::from_utf8(name) {
                    Ok(name) if wild => Part::Wild(Glob::new(name)?),
                    _ => Part::Name(name.into()),
                })
            })
            .collect::<Result<_, PatternError>>()?;
        Ok(Self {
            text: text.to_owned(),
            base,
            below,
        })
    }

    /// The path of a bind mount, in which wildcards mean nothing.
    pub fn literal(text: &str) -> Self {
        let base = clean(&format!("/{text}"));
        Self {
            text: text.to_owned(),
            base: names(&base[1..]).map(|name| Part::Name(name.into())).collect(),
            below: Below::Contents,
        }
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it may match nothing without that being an error.
    pub fn has_wildcards(&self) -> bool {
        self.base.iter().any(|part| matches!(part, Part::Wild(_))) || matches!(self.below, Below::Matches(_))
    }
}

fn names(path: &str) -> impl Iterator<Item = &[u8]> {
    path.split('/').filter(|name| !name.is_empty()).map(str::as_bytes)
}
