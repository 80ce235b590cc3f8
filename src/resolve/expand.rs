//! Variable substitution: `$name`, `${name}` and its operators, quotes and escapes.

use super::Environment;
use super::pattern::Pattern;

/// How long one expanded word may become, in bytes.
///
/// `ENV A=$A$A` doubles a value with each line; the kernel passes no argument above 128 KiB anyway.
const LONGEST: usize = 1 << 20;

/// How deep `${a:-${b:-…}}` may nest.
const DEEPEST: usize = 100;

/// Expands the variables of `word` and removes its quotes and escapes.
///
/// Unset variables expand to nothing. `escape` is the file's escape character.
pub fn expand(word: &str, escape: char, environment: &Environment) -> Result<Expanded, ExpandError> {
    let (text, uses) = run(word, escape, environment, Mode::WORD, None)?;
    Ok(Expanded { text, uses })
}

/// Expands `word` and splits the result at blanks that are neither quoted nor escaped; a word can become none.
pub fn expand_words(word: &str, escape: char, environment: &Environment) -> Result<ExpandedWords, ExpandError> {
    let mut words = Words::default();
    let (_, uses) = run(word, escape, environment, Mode::WORD, Some(&mut words))?;
    Ok(ExpandedWords {
        words: words.finish(),
        uses,
    })
}

/// Expands the body of a heredoc: quotes stay, and a backslash (whatever the file's escape character) escapes.
pub fn expand_heredoc(body: &str, environment: &Environment) -> Result<Expanded, ExpandError> {
    let (text, uses) = run(body, '\\', environment, Mode::HEREDOC, None)?;
    Ok(Expanded { text, uses })
}

/// Expands what is known and leaves all else as written: for progress lines. What can't be expanded stays as it is.
pub fn expand_for_display(text: &str, escape: char, environment: &Environment) -> String {
    run(text, escape, environment, Mode::DISPLAY, None).map_or_else(|_| text.to_owned(), |(text, _)| text)
}

/// A word after expansion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// The result.
    pub text: String,
    /// The variables that occurred, in order, repetitions included.
    pub uses: Vec<Use>,
}

/// Several words after the expansion of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpandedWords {
    /// The words.
    pub words: Vec<String>,
    /// The variables that occurred, in order, repetitions included.
    pub uses: Vec<Use>,
}

/// One use of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its name.
    pub name: String,
    /// Whether it had a value, if only an empty one.
    pub defined: bool,
    /// Whether the use says what happens when there is no value: `-`, `+` or `?`.
    pub guarded: bool,
}

/// Why a word can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// `'` without its partner.
    #[error("unexpected end of statement while looking for matching single-quote")]
    SingleQuote,
    /// `"` without its partner.
    #[error("unexpected end of statement while looking for matching double-quote")]
    DoubleQuote,
    /// `${` without `}`.
    #[error("syntax error: missing `}}` in substitution")]
    Brace,
    /// `${name/pattern` without a second slash.
    #[error("syntax error: missing `/` in substitution of `{0}`")]
    Slash(String),
    /// `${}` and the like.
    #[error("syntax error: bad substitution `${{{0}`")]
    BadSubstitution(String),
    /// An operator that does not exist.
    #[error("unsupported modifier `{modifier}` in substitution of `{name}`")]
    Modifier {
        /// The variable.
        name: String,
        /// What stands behind its name.
        modifier: String,
    },
    /// `${name?message}` of a variable without a value.
    #[error("`{name}`: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the word says, or that it must be set.
        message: String,
    },
    /// Substitutions inside substitutions, too many of them.
    #[error("substitutions are nested more than {DEEPEST} deep")]
    TooDeep,
    /// The result does not end.
    #[error("expands to more than {0} bytes")]
    TooLong(usize),
    /// A pattern with `?` on a very long value.
    #[error("the pattern and the value are too long to search")]
    PatternTooCostly,
}

/// What is taken away and what stays.
#[derive(Debug, Clone, Copy)]
struct Mode {
    quotes: Quotes,
    keep_escapes: bool,
    keep_unset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// They group, and are removed.
    Remove,
    /// They group, and stay.
    Keep,
    /// They are characters like all others.
    Ignore,
}

impl Mode {
    const WORD: Self = Self {
        quotes: Quotes::Remove,
        keep_escapes: false,
        keep_unset: false,
    };
    const HEREDOC: Self = Self {
        quotes: Quotes::Ignore,
        ..Self::WORD
    };
    const DISPLAY: Self = Self {
        quotes: Quotes::Keep,
        keep_escapes: true,
        keep_unset: true,
    };
}

fn run(
    word: &str,
    escape: char,
    environment: &Environment,
    mode: Mode,
    words: Option<&mut Words>,
) -> Result<(String, Vec<Use>), ExpandError> {
    let mut reader = Reader {
        rest: word,
        escape,
        environment,
        mode,
        depth: 0,
        uses: Vec::new(),
    };
    let text = reader.until(None, mode.keep_escapes, words)?;
    Ok((text, reader.uses))
}

struct Reader<'a> {
    rest: &'a str,
    escape: char,
    environment: &'a Environment,
    mode: Mode,
    depth: usize,
    uses: Vec<Use>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next();
        self.rest = chars.as_str();
        char
    }

    /// Reads up to `stop`, which is taken too, or to the end when there is none.
    fn until(
        &mut self,
        stop: Option<char>,
        keep_escapes: bool,
        mut words: Option<&mut Words>,
    ) -> Result<String, ExpandError> {
        let mut out = String::new();
        while let Some(char) = self.peek() {
            if Some(char) == stop {
                self.next();
                return Ok(out);
            }
            match char {
                '$' => {
                    let value = self.dollar(keep_escapes)?;
                    append(&mut out, &value)?;
                    if let Some(words) = &mut words {
                        words.split(&value);
                    }
                }
                '\'' | '"' if self.mode.quotes != Quotes::Ignore => {
                    let quoted = if char == '"' {
                        self.double_quoted(keep_escapes)?
                    } else {
                        self.single_quoted()?
                    };
                    append(&mut out, &quoted)?;
                    if let Some(words) = &mut words {
                        words.literal(&quoted);
                    }
                }
                _ => {
                    self.next();
                    let mut literal = char;
                    if char == self.escape {
                        if keep_escapes {
                            out.push(char);
                        }
                        // An escape character at the very end stands for nothing.
                        let Some(escaped) = self.next() else { break };
                        literal = escaped;
                    }
                    out.push(literal);
                    if let Some(words) = &mut words {
                        words.char(literal, char == self.escape);
                    }
                }
            }
        }
        match stop {
            None => Ok(out),
            Some(_) => Err(ExpandError::Brace),
        }
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        let inside = &self.rest[1..];
        let end = inside.find('\'').ok_or(ExpandError::SingleQuote)?;
        let taken = match self.mode.quotes {
            Quotes::Keep => &self.rest[..end + 2],
            _ => &inside[..end],
        };
        self.rest = &inside[end + 1..];
        Ok(taken.to_owned())
    }

    fn double_quoted(&mut self, keep_escapes: bool) -> Result<String, ExpandError> {
        let keep_quotes = self.mode.quotes == Quotes::Keep;
        let mut out = String::new();
        self.next();
        if keep_quotes {
            out.push('"');
        }
        while let Some(char) = self.peek() {
            match char {
                '"' => {
                    self.next();
                    if keep_quotes {
                        out.push('"');
                    }
                    return Ok(out);
                }
                '$' => {
                    let value = self.dollar(keep_escapes)?;
                    append(&mut out, &value)?;
                }
                _ => {
                    self.next();
                    if char != self.escape {
                        out.push(char);
                        continue;
                    }
                    match self.peek() {
                        Some(next) if next == '"' || next == '$' || next == self.escape => {
                            self.next();
                            if keep_escapes {
                                out.push(char);
                            }
                            out.push(next);
                        }
                        // The escape character keeps its place before everything else.
                        _ => out.push(char),
                    }
                }
            }
        }
        Err(ExpandError::DoubleQuote)
    }

    /// Reads a substitution, from its `$`.
    fn dollar(&mut self, keep_escapes: bool) -> Result<String, ExpandError> {
        if self.depth == DEEPEST {
            return Err(ExpandError::TooDeep);
        }
        self.depth += 1;
        let whole = self.rest;
        self.next();
        let value = if self.peek() == Some('{') {
            self.next();
            self.braced(whole, keep_escapes)
        } else {
            Ok(match self.name() {
                "" => "$".to_owned(),
                name => match self.look_up(name, false) {
                    None if self.mode.keep_unset => format!("${name}"),
                    value => value.unwrap_or_default().to_owned(),
                },
            })
        };
        self.depth -= 1;
        value
    }

    /// Reads what follows `${`; `whole` begins at its `$`.
    fn braced(&mut self, whole: &'a str, keep_escapes: bool) -> Result<String, ExpandError> {
        match self.peek() {
            None => return Err(ExpandError::Brace),
            Some(first @ ('{' | '}' | ':')) => return Err(ExpandError::BadSubstitution(first.to_string())),
            Some(_) => (),
        }
        let name = self.name();
        let operator = self.next().ok_or(ExpandError::Brace)?;
        if operator == '}' {
            return Ok(match self.look_up(name, false) {
                None if self.mode.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default().to_owned(),
            });
        }
        if name.is_empty() {
            return Err(ExpandError::BadSubstitution(operator.to_string()));
        }
        let (empty_is_unset, operator) = match operator {
            ':' => (true, self.next().ok_or(ExpandError::Brace)?),
            other => (false, other),
        };
        let as_written = |rest: &str| whole[..whole.len() - rest.len()].to_owned();

        match operator {
            '-' | '+' | '?' => {
                let word = self.until(Some('}'), keep_escapes, None)?;
                let value = self.look_up(name, true);
                if value.is_none() && self.mode.keep_unset {
                    return Ok(as_written(self.rest));
                }
                let usable = value.filter(|value| !(empty_is_unset && value.is_empty()));
                match (operator, usable) {
                    ('-', None) | ('+', Some(_)) => Ok(word),
                    ('+', None) => Ok(String::new()),
                    (_, Some(usable)) => Ok(usable.to_owned()),
                    (_, None) => Err(ExpandError::Required {
                        name: name.to_owned(),
                        message: match (word.is_empty(), value) {
                            (false, _) => word,
                            (true, None) => "is not allowed to be unset".to_owned(),
                            (true, Some(_)) => "is not allowed to be empty".to_owned(),
                        },
                    }),
                }
            }
            '#' | '%' if !empty_is_unset => {
                let longest = self.peek() == Some(operator);
                if longest {
                    self.next();
                }
                let pattern = self.until(Some('}'), true, None)?;
                let Some(value) = self.look_up(name, false) else {
                    return Ok(self.unset(as_written(self.rest)));
                };
                let pattern = Pattern::new(&pattern, self.escape);
                if operator == '#' {
                    pattern.trim_start(value, longest)
                } else {
                    pattern.trim_end(value, longest)
                }
            }
            '/' if !empty_is_unset => {
                let all = self.peek() == Some('/');
                if all {
                    self.next();
                }
                let pattern = self.until(Some('/'), true, None).map_err(|error| match error {
                    ExpandError::Brace => ExpandError::Slash(name.to_owned()),
                    other => other,
                })?;
                let replacement = self.until(Some('}'), true, None)?;
                let Some(value) = self.look_up(name, false) else {
                    return Ok(self.unset(as_written(self.rest)));
                };
                Pattern::new(&pattern, self.escape).replace(value, &replacement, all, LONGEST)
            }
            other => Err(ExpandError::Modifier {
                name: name.to_owned(),
                modifier: if empty_is_unset {
                    format!(":{other}")
                } else {
                    other.to_string()
                },
            }),
        }
    }

    fn unset(&self, as_written: String) -> String {
        if self.mode.keep_unset {
            as_written
        } else {
            String::new()
        }
    }

    /// Takes a name: letters, digits and `_`; or digits; or one special character, whose value is never set.
    fn name(&mut self) -> &'a str {
        let rest = self.rest;
        let run = |wanted: fn(char) -> bool| rest.find(|char| !wanted(char)).unwrap_or(rest.len());
        let length = match rest.chars().next() {
            Some('0'..='9') => run(|char| char.is_ascii_digit()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            _ => run(|char| char.is_ascii_alphanumeric() || char == '_'),
        };
        self.rest = &rest[length..];
        &rest[..length]
    }

    fn look_up(&mut self, name: &str, guarded: bool) -> Option<&'a str> {
        let value = self.environment.get(name);
        if name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            self.uses.push(Use {
                name: name.to_owned(),
                defined: value.is_some(),
                guarded,
            });
        }
        value
    }
}

fn append(out: &mut String, value: &str) -> Result<(), ExpandError> {
    if out.len() + value.len() > LONGEST {
        return Err(ExpandError::TooLong(LONGEST));
    }
    out.push_str(value);
    Ok(())
}

/// Splits while expanding.
#[derive(Debug, Default)]
struct Words {
    done: Vec<String>,
    word: Option<String>,
}

impl Words {
    fn char(&mut self, char: char, escaped: bool) {
        if char.is_whitespace() && !escaped {
            self.done.extend(self.word.take());
        } else {
            self.word.get_or_insert_default().push(char);
        }
    }

    fn split(&mut self, value: &str) {
        for char in value.chars() {
            self.char(char, false);
        }
    }

    fn literal(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn finish(mut self) -> Vec<String> {
        self.done.extend(self.word.take());
        self.done
    }
}
