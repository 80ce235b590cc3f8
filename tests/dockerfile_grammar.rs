//! `grammar/dockerfile.ungram` says what the parser does.
//!
//! Sentences made from the notation are accepted, the notation's nodes are the tree's, and its flags are the table's.

use std::collections::{BTreeMap, BTreeSet};

use varve::diagnostic::Severity;
use varve::dockerfile::{Body, FlagKind, Keyword, Word, parse};

const GRAMMAR: &str = include_str!("../grammar/dockerfile.ungram");

/// The right side of a production.
#[derive(Debug, Clone)]
enum Rule {
    Text(String),
    Name(String),
    /// Parts, and whether each is glued to the one before.
    All(Vec<(bool, Self)>),
    /// Alternatives, numbered over the whole notation.
    Any(Vec<(usize, Self)>),
    Optional(Box<Self>),
    Many(Box<Self>, usize),
}

#[derive(Debug)]
struct Grammar {
    rules: BTreeMap<String, Rule>,
    alternatives: usize,
}

/// Reads the notation.
struct Notation {
    tokens: Vec<String>,
    at: usize,
    alternatives: usize,
}

impl Notation {
    fn read(text: &str) -> Grammar {
        let mut tokens = Vec::new();
        for line in text.lines() {
            let mut rest = line.trim_start();
            while !rest.is_empty() && !rest.starts_with("//") {
                let word = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let end = match rest.chars().next() {
                    Some(quote @ ('\'' | '"')) => rest[1..].find(quote).expect("a quote ends on its line") + 2,
                    _ if word > 0 => word,
                    _ if rest.starts_with(":=") => 2,
                    _ => 1,
                };
                let (token, after) = rest.split_at(end);
                tokens.push(token.to_owned());
                rest = after.trim_start();
            }
        }
        let mut notation = Self {
            tokens,
            at: 0,
            alternatives: 0,
        };
        let mut rules = BTreeMap::new();
        while notation.at < notation.tokens.len() {
            let name = notation.next();
            let equals = notation.next();
            assert!(equals == "=" || equals == ":=", "`{name}` is followed by `{equals}`");
            let rule = notation.any();
            assert!(rules.insert(name.clone(), rule).is_none(), "`{name}` twice");
        }
        Grammar {
            rules,
            alternatives: notation.alternatives,
        }
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn any(&mut self) -> Rule {
        let mut alternatives = Vec::new();
        if self.peek(0) == "|" {
            self.next();
        }
        loop {
            self.alternatives += 1;
            let number = self.alternatives - 1;
            alternatives.push((number, self.all()));
            if self.peek(0) != "|" {
                return Rule::Any(alternatives);
            }
            self.next();
        }
    }

    fn all(&mut self) -> Rule {
        let mut parts = Vec::new();
        let mut glued = false;
        loop {
            match (self.peek(0), self.peek(1)) {
                ("~", _) => {
                    self.next();
                    glued = true;
                    continue;
                }
                ("" | "|" | ")", _) | (_, "=" | ":=") => return Rule::All(parts),
                _ => {}
            }
            let token = self.next();
            let mut part = match token.as_str() {
                "(" => {
                    let group = self.any();
                    assert_eq!(self.next(), ")");
                    group
                }
                text if text.starts_with(['\'', '"']) => Rule::Text(text[1..text.len() - 1].to_owned()),
                name => Rule::Name(name.to_owned()),
            };
            loop {
                part = match self.peek(0) {
                    "?" => Rule::Optional(Box::new(part)),
                    "*" => Rule::Many(Box::new(part), 0),
                    "+" => Rule::Many(Box::new(part), 1),
                    _ => break,
                };
                self.next();
            }
            parts.push((glued, part));
            glued = false;
        }
    }
}

/// Makes sentences. A seed gives the same sentence each time.
struct Writer<'a> {
    grammar: &'a Grammar,
    seed: u64,
    covered: BTreeSet<usize>,
    out: String,
    escape: char,
    /// Directives that are there already.
    keys: Vec<String>,
    /// Terminators that the next line end owes.
    pending: Vec<String>,
    inside_instruction: bool,
    depth: usize,
}

impl<'a> Writer<'a> {
    fn new(grammar: &'a Grammar) -> Self {
        Self {
            grammar,
            seed: 0,
            covered: BTreeSet::new(),
            out: String::new(),
            escape: '\\',
            keys: Vec::new(),
            pending: Vec::new(),
            inside_instruction: false,
            depth: 0,
        }
    }

    fn sentence(&mut self, name: &str, seed: u64) -> String {
        self.seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        self.escape = '\\';
        self.keys.clear();
        self.name(name);
        std::mem::take(&mut self.out)
    }

    fn pick(&mut self, below: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) as usize % below
    }

    fn name(&mut self, name: &str) {
        match name {
            "EOL" => return self.end_of_line(),
            "ESC" => return self.out.push(self.escape),
            _ => {}
        }
        let grammar = self.grammar;
        let rule = grammar
            .rules
            .get(name)
            .unwrap_or_else(|| panic!("`{name}` is nowhere defined"));
        let before = self.out.len();
        let outer = self.inside_instruction;
        self.inside_instruction |= name == "Instruction";
        self.depth += 1;
        self.rule(rule);
        self.depth -= 1;
        self.inside_instruction = outer;
        match name {
            "Directive" => self.end_of_directive(before),
            "heredoc_name" => {
                let name: String = self.out[before..]
                    .trim_start()
                    .chars()
                    .filter(|c| !matches!(c, '"' | '\''))
                    .collect();
                self.pending.push(name);
            }
            _ => {}
        }
    }

    fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::Text(text) => self.out.push_str(text),
            Rule::Name(name) => self.name(name),
            Rule::All(parts) => {
                let start = self.out.len();
                for (glued, part) in parts {
                    self.after(start, *glued, part);
                }
            }
            Rule::Any(alternatives) => {
                let at = self.pick(alternatives.len());
                let (number, rule) = &alternatives[at];
                self.covered.insert(*number);
                self.rule(rule);
            }
            Rule::Optional(rule) => {
                if self.pick(2) == 0 {
                    self.rule(rule);
                }
            }
            Rule::Many(rule, least) => self.many(rule, *least),
        }
    }

    fn many(&mut self, rule: &Rule, least: usize) {
        if let Rule::Name(name) = rule
            && name.ends_with("_flag")
        {
            return self.flags(name);
        }
        let start = self.out.len();
        for _ in 0..least + self.pick(3) {
            self.after(start, false, rule);
        }
    }

    /// Writes `rule` behind what stands there since `start`, with blanks between.
    fn after(&mut self, start: usize, glued: bool, rule: &Rule) {
        let before = self.out.len();
        self.rule(rule);
        let line_end = self.out[before..].starts_with(['\n', '\r']) || self.out[..before].ends_with('\n');
        if !glued && before > start && self.out.len() > before && !line_end {
            let gap = self.gap();
            self.out.insert_str(before, &gap);
        }
    }

    /// Each alternative at most once.
    fn flags(&mut self, name: &str) {
        let grammar = self.grammar;
        let Rule::Any(alternatives) = &grammar.rules[name] else {
            unreachable!()
        };
        let start = self.out.len();
        for (number, rule) in alternatives {
            if self.pick(alternatives.len() + 1) == 0 {
                self.covered.insert(*number);
                self.after(start, false, rule);
            }
        }
    }

    /// Blanks, or a continuation with whatever may follow it.
    fn gap(&mut self) -> String {
        let escape = self.escape;
        match self.pick(12) {
            0 => "\t ".to_owned(),
            1 if self.inside_instruction => format!(" {escape}\n  "),
            2 if self.inside_instruction => format!(" {escape} \t\r\n# a comment {escape}\n\n \t# another\n "),
            _ => " ".to_owned(),
        }
    }

    fn end_of_line(&mut self) {
        let end = if self.pick(8) == 0 { "\r\n" } else { "\n" };
        self.out.push_str(end);
        for name in std::mem::take(&mut self.pending) {
            self.out.push_str("a line\n");
            self.out.push_str(&name);
            self.out.push_str(end);
        }
    }

    /// A key comes once, and what `escape` says is so from here on.
    fn end_of_directive(&mut self, start: usize) {
        let line = self.out[start..].trim_start_matches([' ', '\t', '#']).to_owned();
        let key = line.split([' ', '\t', '=']).next().unwrap_or_default().to_owned();
        if self.keys.contains(&key) {
            self.out.truncate(start);
            return;
        }
        if key == "escape" {
            self.escape = if line.contains('`') { '`' } else { '\\' };
        }
        self.keys.push(key);
    }
}

#[test]
fn every_sentence_is_accepted() {
    let grammar = Notation::read(GRAMMAR);
    let mut writer = Writer::new(&grammar);
    let mut instructions = 0;
    for seed in 1..4000 {
        let sentence = writer.sentence("Dockerfile", seed);
        let parsed = parse(&sentence);
        let errors: Vec<_> = parsed
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{sentence}\n{errors:#?}");
        assert_eq!(parsed.dockerfile.escape, writer.escape, "{sentence}");
        assert_eq!(parsed.dockerfile.directives.len(), writer.keys.len(), "{sentence}");
        instructions += parsed.dockerfile.instructions.len();
    }
    assert!(instructions > 4000);
    let missed: Vec<usize> = (0..grammar.alternatives)
        .filter(|number| !writer.covered.contains(number))
        .collect();
    // `Flag` is there to be read: instructions name their own flags.
    let Rule::Any(flags) = &grammar.rules["Flag"] else {
        unreachable!()
    };
    let only_read: Vec<usize> = flags.iter().map(|(number, _)| *number).collect();
    assert_eq!(missed, only_read, "alternatives that no sentence used");
}

/// The instruction comes out in the form that its production names.
#[test]
fn every_instruction_is_read_as_what_it_is() {
    let grammar = Notation::read(GRAMMAR);
    let mut writer = Writer::new(&grammar);
    for keyword in Keyword::ALL {
        let production = format!("{keyword:?}");
        for seed in 1..400 {
            writer.inside_instruction = true;
            let mut line = writer.sentence(&production, seed);
            for name in std::mem::take(&mut writer.pending) {
                line.push_str(&format!("\nx\n{name}"));
            }
            let parsed = parse(&line);
            let [instruction] = parsed.dockerfile.instructions.as_slice() else {
                panic!("{line}\n{parsed:#?}");
            };
            assert_eq!(instruction.keyword, Some(keyword), "{line}");
            assert_eq!(instruction.span.start, 0, "{line}");
            assert_eq!(instruction.span.end as usize, line.trim_end().len(), "{line}");
            assert!(!matches!(instruction.body, Body::Missing), "{line}");
        }
    }
}

#[test]
fn every_node_has_a_production_and_every_production_a_node() {
    let word = || Word {
        text: String::new(),
        span: varve::diagnostic::Span::default(),
    };
    let bodies = [
        Body::Words(Vec::new()),
        Body::Json(Vec::new()),
        Body::Shell(word()),
        Body::Pairs {
            pairs: Vec::new(),
            legacy: false,
        },
    ];
    // The form's production; `None` where the instruction's own production says it.
    let form = |body: &Body| match body {
        Body::Words(_) => Some("WordsForm"),
        Body::Json(_) => Some("JsonForm"),
        Body::Shell(_) => Some("ShellForm"),
        Body::Pairs { .. } => Some("PairsForm"),
        Body::Healthcheck { .. } | Body::Onbuild(_) | Body::Missing => None,
    };
    let mut nodes: BTreeSet<String> = [
        "Dockerfile",
        "Directive",
        "Instruction",
        "Flag",
        "Word",
        "Pair",
        "Heredoc",
    ]
    .map(str::to_owned)
    .into();
    nodes.extend(bodies.iter().filter_map(form).map(str::to_owned));
    nodes.extend(Keyword::ALL.map(|keyword| format!("{keyword:?}")));
    let grammar = Notation::read(GRAMMAR);
    let is_node = |name: &&String| name.starts_with(|c: char| c.is_uppercase());
    let productions: BTreeSet<String> = grammar.rules.keys().filter(is_node).cloned().collect();
    assert_eq!(productions, nodes);
}

#[test]
fn every_production_is_used() {
    let grammar = Notation::read(GRAMMAR);
    let mut used: BTreeSet<String> = ["Dockerfile", "Flag"].map(str::to_owned).into();
    let mut rules: Vec<&Rule> = grammar.rules.values().collect();
    while let Some(rule) = rules.pop() {
        match rule {
            Rule::Text(_) => {}
            Rule::Name(name) => {
                used.insert(name.clone());
            }
            Rule::All(parts) => rules.extend(parts.iter().map(|(_, part)| part)),
            Rule::Any(alternatives) => rules.extend(alternatives.iter().map(|(_, rule)| rule)),
            Rule::Optional(rule) | Rule::Many(rule, _) => rules.push(rule),
        }
    }
    let mut defined: BTreeSet<String> = grammar.rules.keys().cloned().collect();
    defined.extend(["EOL", "ESC"].map(str::to_owned));
    assert_eq!(used, defined);
}

#[test]
fn flags_are_those_of_the_table() {
    let grammar = Notation::read(GRAMMAR);
    for keyword in Keyword::ALL {
        let production = format!("{}_flag", keyword.name().to_lowercase());
        let mut written: BTreeMap<String, FlagKind> = BTreeMap::new();
        if let Some(Rule::Any(alternatives)) = grammar.rules.get(&production) {
            for (_, rule) in alternatives {
                let (name, kind) = flag(rule);
                assert!(written.insert(name, kind).is_none(), "{production}: a flag twice");
            }
        }
        let table: Vec<_> = keyword
            .flags()
            .iter()
            .map(|rule| (rule.name.to_owned(), rule.kind))
            .collect();
        assert_eq!(written.len(), table.len(), "{production}");
        for (name, kind) in table {
            assert_eq!(written.get(&name), Some(&kind), "{production}: {name}");
        }
        let odd = format!("{} --no-such-flag=x a b", keyword.name());
        let unknown = |diagnostic: &varve::diagnostic::Diagnostic| diagnostic.code == "unknown-flag";
        let reported = parse(&odd).diagnostics.iter().any(unknown);
        assert!(reported, "{odd}");
    }
}

/// `'--name' ~ '=' …`, `'--name' ~ switch?`, or the first in `( … )+`.
fn flag(rule: &Rule) -> (String, FlagKind) {
    let Rule::All(parts) = rule else { panic!("{rule:?}") };
    match parts.as_slice() {
        [(_, Rule::Many(group, 1))] => match group.as_ref() {
            Rule::Any(alternatives) => (flag(&alternatives[0].1).0, FlagKind::List),
            other => panic!("{other:?}"),
        },
        [(_, Rule::Text(name)), (true, Rule::Text(equals)), (true, Rule::Name(_))] if equals == "=" => {
            (name[2..].to_owned(), FlagKind::String)
        }
        [(_, Rule::Text(name)), (true, Rule::Optional(_))] => (name[2..].to_owned(), FlagKind::Bool),
        other => panic!("{other:?}"),
    }
}
