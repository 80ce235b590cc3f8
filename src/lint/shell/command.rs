//! Commands, their words, and what hadolint calls flags and arguments.

use crate::diagnostic::Span;

/// A command and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is run: behind `command`, `exec`, `builtin` and the like what those run. `None` for assignments alone, and
    /// when a variable or substitution is part of the name.
    pub name: Option<Text>,
    /// The words after [`Command::name`], or after the first word when there is no name; without redirections.
    pub words: Vec<Text>,
    /// `NAME=value` in front.
    pub assignments: Vec<Assignment>,
    /// In order.
    pub redirects: Vec<Redirect>,
    /// From the first word or assignment to the last word; of [`Command::redirects`] those between are in it.
    pub span: Span,
    /// The pipeline that it is part of, itself or as part of a group.
    pub pipe: Option<Pipe>,
    /// What connects it with the command before on the same level.
    pub before: Option<Link>,
    /// What connects it with the command after it on the same level.
    pub after: Option<Link>,
    /// How many groups, subshells, conditions, loops, functions and substitutions it stands in.
    pub depth: u32,
}

/// A word as text, and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Without quotes and backslashes. Variables and substitutions stay as they are written: `foo=$v`.
    pub text: String,
    /// Quotes included; spans a line break where a continuation cuts the word.
    pub span: Span,
    /// Whether nothing in it is a variable or a substitution.
    pub literal: bool,
}

/// `NAME=value` or `NAME+=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name, without a subscript.
    pub name: String,
    /// The value; `None` for an array.
    pub value: Option<Text>,
    /// The whole of it.
    pub span: Span,
}

/// `> file`, `2>&1`, `<<EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `<`, `>`, `>>`, `>|`, `<>`, `<<`, `<<-`, `<<<`, `>&`, `<&` or `&>`.
    pub operator: &'static str,
    /// The number in front, if any.
    pub descriptor: Option<i32>,
    /// The file or descriptor; of a heredoc its name.
    pub target: Text,
    /// The whole of it, without a heredoc's body.
    pub span: Span,
}

/// A place in a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipe {
    /// The same for all members, another one for every pipeline of the script.
    pub id: u32,
    /// Which member: counted from 0.
    pub at: u32,
    /// How many members there are.
    pub of: u32,
}

/// What stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;` or the end of a line.
    Then,
    /// `|` or `|&`
    Pipe,
    /// `&`
    Background,
}

/// A flag as hadolint counts them: `--long`, or one letter of `-abc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag<'a> {
    /// Without dashes and value.
    pub name: &'a str,
    /// What follows `=`.
    pub value: Option<&'a str>,
    /// Where its word stands in [`Command::words`].
    pub at: usize,
}

impl Command {
    /// Whether it is called `name`.
    pub fn is(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own.text == name)
    }

    /// Whether it is called one of `names`.
    pub fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    /// The flags in order. `-` and `--` alone are none; letters of a short group may carry the group's value.
    pub fn flags(&self) -> impl Iterator<Item = Flag<'_>> {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(at, word)| word_flags(&word.text, at))
    }

    /// Whether one of `names` is among the flags.
    pub fn has_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|flag| names.contains(&flag.name))
    }

    /// How often `names` are among the flags.
    pub fn count_flags(&self, names: &[&str]) -> usize {
        self.flags().filter(|flag| names.contains(&flag.name)).count()
    }

    /// The words that don't begin with a dash.
    pub fn arguments(&self) -> impl Iterator<Item = &Text> {
        self.words.iter().filter(|word| !word.text.starts_with('-'))
    }

    /// The words that don't begin with a dash and are no value of the flags `takes_value`, which take one as a word of
    /// their own unless they are written with `=`.
    pub fn arguments_but_values(&self, takes_value: &[&str]) -> impl Iterator<Item = &Text> {
        let mut is_value = false;
        self.words.iter().enumerate().filter_map(move |(at, word)| {
            if std::mem::take(&mut is_value) {
                return None;
            }
            if !word.text.starts_with('-') {
                return Some(word);
            }
            is_value =
                !word.text.contains('=') && word_flags(&word.text, at).any(|flag| takes_value.contains(&flag.name));
            None
        })
    }

    /// Whether a word is exactly `word`.
    pub fn has_word(&self, word: &str) -> bool {
        self.words.iter().any(|own| own.text == word)
    }

    /// Whether a word is exactly one of `words`.
    pub fn has_any_word(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.has_word(word))
    }

    /// The word that is exactly `word`.
    pub fn word(&self, word: &str) -> Option<&Text> {
        self.words.iter().find(|own| own.text == word)
    }
}

fn word_flags(word: &str, at: usize) -> impl Iterator<Item = Flag<'_>> {
    let (long, letters) = match word.strip_prefix("--") {
        Some(long) => (Some(long).filter(|long| !long.is_empty()), ""),
        None => (None, word.strip_prefix('-').unwrap_or("")),
    };
    let long = long.map(|long| match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    });
    let (letters, value) = match letters.split_once('=') {
        Some((letters, value)) => (letters, Some(value)),
        None => (letters, None),
    };
    let letters = letters
        .char_indices()
        .map(move |(start, letter)| (&letters[start..start + letter.len_utf8()], value));
    long.into_iter()
        .chain(letters)
        .map(move |(name, value)| Flag { name, value, at })
}
