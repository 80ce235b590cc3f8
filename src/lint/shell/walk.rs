//! Walks over the parser's tree and takes down the commands: statements here, what is nested in words in `nested`.

mod nested;
mod text;

use super::command::{Assignment, Command, Link, Pipe, Redirect, Text};
use super::script::Script;
use crate::diagnostic::Span;
use shuck_ast as ast;

/// Puts the commands and pipes of `file` into `script`.
pub(super) fn commands(file: &ast::File, script: &mut Script) {
    let mut walker = Walker {
        script,
        commands: Vec::new(),
        pipes: Vec::new(),
        pipelines: 0,
    };
    walker.sequence(&file.body, Place::default());
    let Walker {
        mut commands,
        mut pipes,
        ..
    } = walker;
    commands.sort_by_key(|command| command.span.start);
    pipes.sort();
    script.commands = commands;
    script.pipes = pipes;
}

struct Walker<'s> {
    script: &'s Script,
    commands: Vec<Command>,
    pipes: Vec<Span>,
    pipelines: u32,
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    depth: u32,
    pipe: Option<Pipe>,
    before: Option<Link>,
    after: Option<Link>,
}

impl Place {
    /// Inside of a group: what the group is connected with is no matter of its members, but its pipe is.
    const fn inside(self) -> Self {
        Self {
            depth: self.depth + 1,
            pipe: self.pipe,
            before: None,
            after: None,
        }
    }

    /// Inside of a substitution.
    const fn apart(self) -> Self {
        Self {
            pipe: None,
            ..self.inside()
        }
    }
}

impl Walker<'_> {
    fn sequence(&mut self, sequence: &ast::StmtSeq, place: Place) {
        let mut before = place.before;
        for (at, statement) in sequence.stmts.iter().enumerate() {
            let link = match statement.terminator {
                Some(ast::StmtTerminator::Background(_)) => Link::Background,
                _ => Link::Then,
            };
            let is_last = at + 1 == sequence.stmts.len();
            let after = match is_last && link == Link::Then {
                true => place.after,
                false => Some(link),
            };
            self.statement(statement, Place { before, after, ..place });
            before = Some(link);
        }
    }

    fn statement(&mut self, statement: &ast::Stmt, place: Place) {
        let redirects = &statement.redirects;
        match &statement.command {
            ast::Command::Simple(simple) => self.simple(simple, redirects, place),
            ast::Command::Builtin(builtin) => self.builtin(builtin, redirects, place),
            ast::Command::Decl(declaration) => self.declaration(declaration, redirects, place),
            ast::Command::Binary(binary) => {
                self.redirects(redirects, place);
                self.binary(binary, place);
            }
            ast::Command::Compound(compound) => {
                self.compound(compound, place);
                self.redirects(redirects, place);
            }
            ast::Command::Function(function) => {
                self.statement(&function.body, place.apart());
                self.redirects(redirects, place);
            }
            ast::Command::AnonymousFunction(function) => {
                self.statement(&function.body, place.inside());
                self.words(&function.args, place);
                self.redirects(redirects, place);
            }
        }
    }

    /// `a && b || c | d`: the tree leans to the left, and a long chain must not use up the stack.
    fn binary(&mut self, binary: &ast::BinaryCommand, place: Place) {
        let mut chain = vec![binary];
        while let Some(ast::BinaryCommand { left, .. }) = chain.last()
            && let ast::Command::Binary(inner) = &left.command
            && left.redirects.is_empty()
        {
            chain.push(inner);
        }
        let Some(innermost) = chain.last() else { return };
        let mut operands: Vec<(&ast::Stmt, Option<ast::BinaryOp>)> = vec![(&innermost.left, None)];
        for binary in chain.iter().rev() {
            operands.push((&binary.right, Some(binary.op)));
            if is_pipe(binary.op) {
                let pipe = self.place(binary.op_span);
                self.pipes.push(pipe);
            }
        }
        let mut at = 0;
        while at < operands.len() {
            // A run of members that pipes connect.
            let mut end = at + 1;
            while operands.get(end).is_some_and(|(_, op)| op.is_some_and(is_pipe)) {
                end += 1;
            }
            let members = end - at;
            let pipe = match members {
                1 => place.pipe,
                _ => {
                    self.pipelines += 1;
                    Some(Pipe {
                        id: self.pipelines,
                        at: 0,
                        of: members as u32,
                    })
                }
            };
            for member in at..end {
                let (statement, op) = operands[member];
                let before = op.map_or(place.before, |op| Some(link(op)));
                let after = operands
                    .get(member + 1)
                    .and_then(|(_, op)| *op)
                    .map_or(place.after, |op| Some(link(op)));
                let pipe = match members {
                    1 => pipe,
                    _ => pipe.map(|pipe| Pipe {
                        at: (member - at) as u32,
                        ..pipe
                    }),
                };
                self.statement(
                    statement,
                    Place {
                        depth: place.depth,
                        pipe,
                        before,
                        after,
                    },
                );
            }
            at = end;
        }
    }

    fn compound(&mut self, compound: &ast::CompoundCommand, place: Place) {
        use ast::CompoundCommand as C;
        let inside = place.inside();
        match compound {
            C::If(it) => {
                self.sequence(&it.condition, inside);
                self.sequence(&it.then_branch, inside);
                for (condition, branch) in &it.elif_branches {
                    self.sequence(condition, inside);
                    self.sequence(branch, inside);
                }
                if let Some(branch) = &it.else_branch {
                    self.sequence(branch, inside);
                }
            }
            C::For(it) => {
                self.words(it.words.as_deref().unwrap_or_default(), place);
                self.sequence(&it.body, inside);
            }
            C::Repeat(it) => {
                self.word(&it.count, place);
                self.sequence(&it.body, inside);
            }
            C::Foreach(it) => {
                self.words(&it.words, place);
                self.sequence(&it.body, inside);
            }
            C::ArithmeticFor(it) => {
                for expression in [&it.init_ast, &it.condition_ast, &it.step_ast].into_iter().flatten() {
                    self.arithmetic(expression, place);
                }
                self.sequence(&it.body, inside);
            }
            C::While(it) => {
                self.sequence(&it.condition, inside);
                self.sequence(&it.body, inside);
            }
            C::Until(it) => {
                self.sequence(&it.condition, inside);
                self.sequence(&it.body, inside);
            }
            C::Case(it) => {
                self.word(&it.word, place);
                for case in &it.cases {
                    for pattern in &case.patterns {
                        self.pattern(pattern, place);
                    }
                    self.sequence(&case.body, inside);
                }
            }
            C::Select(it) => {
                self.words(&it.words, place);
                self.sequence(&it.body, inside);
            }
            C::Subshell(body) | C::BraceGroup(body) => self.sequence(body, inside),
            C::Arithmetic(it) => {
                if let Some(expression) = &it.expr_ast {
                    self.arithmetic(expression, place);
                }
            }
            C::Time(it) => {
                if let Some(statement) = &it.command {
                    self.statement(statement, place);
                }
            }
            C::Conditional(it) => self.condition(&it.expression, place),
            C::Coproc(it) => self.statement(&it.body, inside),
            C::Always(it) => {
                self.sequence(&it.body, inside);
                self.sequence(&it.always_body, inside);
            }
        }
    }

    fn condition(&mut self, expression: &ast::ConditionalExpr, place: Place) {
        match expression {
            ast::ConditionalExpr::Binary(it) => {
                let mut chain = vec![it];
                while let Some(ast::ConditionalBinaryExpr { left, .. }) = chain.last()
                    && let ast::ConditionalExpr::Binary(inner) = &**left
                {
                    chain.push(inner);
                }
                if let Some(innermost) = chain.last() {
                    self.condition(&innermost.left, place);
                }
                for it in chain.iter().rev() {
                    self.condition(&it.right, place);
                }
            }
            ast::ConditionalExpr::Unary(it) => self.condition(&it.expr, place),
            ast::ConditionalExpr::Parenthesized(it) => self.condition(&it.expr, place),
            ast::ConditionalExpr::Word(word) | ast::ConditionalExpr::Regex(word) => self.word(word, place),
            ast::ConditionalExpr::Pattern(pattern) => self.pattern(pattern, place),
            ast::ConditionalExpr::VarRef(reference) => self.reference(reference, place),
        }
    }

    fn simple(&mut self, simple: &ast::SimpleCommand, redirects: &[ast::Redirect], place: Place) {
        // Assignments alone have a name at no place.
        let name = Some(&simple.name).filter(|name| name.span.start != name.span.end);
        let words: Vec<&ast::Word> = name.into_iter().chain(&simple.args).collect();
        let texts = words.iter().map(|word| self.text(word)).collect();
        self.push(texts, &simple.assignments, redirects, simple.span, place);
        for word in words {
            self.word(word, place);
        }
    }

    fn builtin(&mut self, builtin: &ast::BuiltinCommand, redirects: &[ast::Redirect], place: Place) {
        let (name, first, rest, assignments, span) = match builtin {
            ast::BuiltinCommand::Break(it) => ("break", &it.depth, &it.extra_args, &it.assignments, it.span),
            ast::BuiltinCommand::Continue(it) => ("continue", &it.depth, &it.extra_args, &it.assignments, it.span),
            ast::BuiltinCommand::Return(it) => ("return", &it.code, &it.extra_args, &it.assignments, it.span),
            ast::BuiltinCommand::Exit(it) => ("exit", &it.code, &it.extra_args, &it.assignments, it.span),
        };
        let start = assignments
            .last()
            .map_or(span.start.offset(), |last| last.span.end.offset());
        let own = self.script.text.get(start..span.end.offset()).unwrap_or_default();
        let start = start + own.find(name).unwrap_or_default();
        let name = Text {
            text: name.to_owned(),
            span: self.script.span(start..start + name.len()),
            literal: true,
        };
        let words: Vec<&ast::Word> = first.iter().chain(rest).collect();
        let texts = std::iter::once(name)
            .chain(words.iter().map(|word| self.text(word)))
            .collect();
        self.push(texts, assignments, redirects, span, place);
        for word in words {
            self.word(word, place);
        }
    }

    fn declaration(&mut self, declaration: &ast::DeclClause, redirects: &[ast::Redirect], place: Place) {
        let mut texts = vec![Text {
            text: declaration.variant.as_str().to_owned(),
            span: self.place(declaration.variant_span),
            literal: true,
        }];
        for operand in &declaration.operands {
            texts.push(match operand {
                ast::DeclOperand::Flag(word) | ast::DeclOperand::Dynamic(word) => self.text(word),
                ast::DeclOperand::Name(name) => self.raw(name.span, true),
                ast::DeclOperand::Assignment(assignment) => {
                    let value = match &assignment.value {
                        ast::AssignmentValue::Scalar(word) => self.text(word),
                        ast::AssignmentValue::Compound(array) => self.raw(array.span, false),
                    };
                    Text {
                        text: format!("{}={}", assignment.target.name.as_str(), value.text),
                        span: self.place(assignment.span),
                        literal: value.literal,
                    }
                }
            });
        }
        self.push(texts, &declaration.assignments, redirects, declaration.span, place);
        for operand in &declaration.operands {
            match operand {
                ast::DeclOperand::Flag(word) | ast::DeclOperand::Dynamic(word) => self.word(word, place),
                ast::DeclOperand::Name(name) => self.reference(name, place),
                ast::DeclOperand::Assignment(assignment) => self.assignment(assignment, place),
            }
        }
    }

    /// Takes a command down, and what is nested in its assignments and redirections.
    fn push(
        &mut self,
        mut words: Vec<Text>,
        assignments: &[ast::Assignment],
        redirects: &[ast::Redirect],
        span: ast::Span,
        place: Place,
    ) {
        let assigned = assignments.iter().map(|it| self.place(it.span));
        let parts: Vec<Span> = assigned.chain(words.iter().map(|word| word.span)).collect();
        // The parser's own span of a command goes on up to the next token.
        let span = match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => Span::new(first.start, last.end),
            _ => self.place(span),
        };
        let name = text::name(&mut words);
        let command = Command {
            name,
            words,
            assignments: assignments.iter().map(|it| self.take_assignment(it)).collect(),
            redirects: redirects.iter().map(|it| self.take_redirect(it)).collect(),
            span,
            pipe: place.pipe,
            before: place.before,
            after: place.after,
            depth: place.depth,
        };
        self.commands.push(command);
        for assignment in assignments {
            self.assignment(assignment, place);
        }
        self.redirects(redirects, place);
    }

    fn take_assignment(&self, assignment: &ast::Assignment) -> Assignment {
        Assignment {
            name: assignment.target.name.as_str().to_owned(),
            value: match &assignment.value {
                ast::AssignmentValue::Scalar(word) => Some(self.text(word)),
                ast::AssignmentValue::Compound(_) => None,
            },
            span: self.place(assignment.span),
        }
    }

    fn take_redirect(&self, redirect: &ast::Redirect) -> Redirect {
        use ast::RedirectKind as K;
        Redirect {
            operator: match redirect.kind {
                K::Output => ">",
                K::Clobber => ">|",
                K::Append => ">>",
                K::Input => "<",
                K::ReadWrite => "<>",
                K::HereDoc => "<<",
                K::HereDocStrip => "<<-",
                K::HereString => "<<<",
                K::DupOutput => ">&",
                K::DupInput => "<&",
                K::OutputBoth => "&>",
            },
            descriptor: redirect.fd,
            target: match &redirect.target {
                ast::RedirectTarget::Word(word) => self.text(word),
                ast::RedirectTarget::Heredoc(heredoc) => Text {
                    text: heredoc.delimiter.cooked.to_string(),
                    span: self.place(heredoc.delimiter.span),
                    literal: true,
                },
            },
            span: self.place(redirect.span),
        }
    }
}

const fn is_pipe(op: ast::BinaryOp) -> bool {
    matches!(op, ast::BinaryOp::Pipe | ast::BinaryOp::PipeAll)
}

const fn link(op: ast::BinaryOp) -> Link {
    match op {
        ast::BinaryOp::And => Link::And,
        ast::BinaryOp::Or => Link::Or,
        ast::BinaryOp::Pipe | ast::BinaryOp::PipeAll => Link::Pipe,
    }
}
