//! What is nested in words, assignments and redirections: commands in substitutions.

use super::{Place, Walker};
use shuck_ast as ast;

impl Walker<'_> {
    pub(super) fn redirects(&mut self, redirects: &[ast::Redirect], place: Place) {
        for redirect in redirects {
            match &redirect.target {
                ast::RedirectTarget::Word(word) => self.word(word, place),
                ast::RedirectTarget::Heredoc(heredoc) => {
                    for part in &heredoc.body.parts {
                        match &part.kind {
                            ast::HeredocBodyPart::CommandSubstitution { body, .. } => {
                                self.sequence(body, place.apart())
                            }
                            ast::HeredocBodyPart::ArithmeticExpansion {
                                expression_word_ast, ..
                            } => {
                                self.word(expression_word_ast, place);
                            }
                            ast::HeredocBodyPart::Parameter(parameter) => self.parameter(parameter, place),
                            ast::HeredocBodyPart::Literal(_) | ast::HeredocBodyPart::Variable(_) => {}
                        }
                    }
                }
            }
        }
    }

    pub(super) fn assignment(&mut self, assignment: &ast::Assignment, place: Place) {
        self.reference(&assignment.target, place);
        match &assignment.value {
            ast::AssignmentValue::Scalar(word) => self.word(word, place),
            ast::AssignmentValue::Compound(array) => {
                for element in &array.elements {
                    self.word(element.value(), place);
                }
            }
        }
    }

    pub(super) fn reference(&mut self, reference: &ast::VarRef, place: Place) {
        if let Some(word) = reference.subscript.as_deref().and_then(ast::Subscript::word_ast) {
            self.word(word, place);
        }
    }

    pub(super) fn words(&mut self, words: &[ast::Word], place: Place) {
        for word in words {
            self.word(word, place);
        }
    }

    pub(super) fn word(&mut self, word: &ast::Word, place: Place) {
        self.parts(&word.parts, place);
    }

    pub(super) fn parts(&mut self, parts: &[ast::WordPartNode], place: Place) {
        use ast::WordPart as P;
        for part in parts {
            match &part.kind {
                P::DoubleQuoted { parts, .. } => self.parts(parts, place),
                P::CommandSubstitution { body, .. } | P::ProcessSubstitution { body, .. } => {
                    self.sequence(body, place.apart());
                }
                P::ArithmeticExpansion {
                    expression_word_ast, ..
                } => self.word(expression_word_ast, place),
                P::Parameter(parameter) => self.parameter(parameter, place),
                P::ParameterExpansion {
                    reference,
                    operator,
                    operand_word_ast,
                    ..
                } => {
                    self.reference(reference, place);
                    self.operation(operator, operand_word_ast.as_deref(), place);
                }
                P::IndirectExpansion {
                    reference,
                    operator,
                    operand_word_ast,
                    ..
                } => {
                    self.reference(reference, place);
                    if let Some(operator) = operator {
                        self.operation(operator, operand_word_ast.as_deref(), place);
                    }
                }
                P::Length(it) | P::ArrayAccess(it) | P::ArrayLength(it) | P::ArrayIndices(it) => {
                    self.reference(it, place)
                }
                P::Transformation { reference, .. } => self.reference(reference, place),
                P::Substring {
                    reference,
                    offset_word_ast,
                    length_word_ast,
                    ..
                }
                | P::ArraySlice {
                    reference,
                    offset_word_ast,
                    length_word_ast,
                    ..
                } => {
                    self.reference(reference, place);
                    self.word(offset_word_ast, place);
                    if let Some(length) = length_word_ast {
                        self.word(length, place);
                    }
                }
                P::Literal(_)
                | P::ZshQualifiedGlob(_)
                | P::SingleQuoted { .. }
                | P::Variable(_)
                | P::PrefixMatch { .. } => {}
            }
        }
    }

    pub(super) fn parameter(&mut self, parameter: &ast::ParameterExpansion, place: Place) {
        use ast::BourneParameterExpansion as B;
        match parameter.bourne() {
            Some(
                B::Access { reference }
                | B::Length { reference }
                | B::Indices { reference }
                | B::Transformation { reference, .. },
            ) => {
                self.reference(reference, place);
            }
            Some(B::Indirect {
                reference,
                operator,
                operand_word_ast,
                ..
            }) => {
                self.reference(reference, place);
                if let Some(operator) = operator {
                    self.operation(operator, operand_word_ast.as_deref(), place);
                }
            }
            Some(B::Operation {
                reference,
                operator,
                operand_word_ast,
                ..
            }) => {
                self.reference(reference, place);
                self.operation(operator, operand_word_ast.as_deref(), place);
            }
            Some(B::Slice {
                reference,
                offset_word_ast,
                length_word_ast,
                ..
            }) => {
                self.reference(reference, place);
                self.word(offset_word_ast, place);
                if let Some(length) = length_word_ast {
                    self.word(length, place);
                }
            }
            Some(B::PrefixMatch { .. }) | None => {}
        }
    }

    pub(super) fn operation(&mut self, operator: &ast::ParameterOp, operand: Option<&ast::Word>, place: Place) {
        use ast::ParameterOp as O;
        match operator {
            O::RemovePrefixShort { pattern }
            | O::RemovePrefixLong { pattern }
            | O::RemoveSuffixShort { pattern }
            | O::RemoveSuffixLong { pattern } => self.pattern(pattern, place),
            O::ReplaceFirst {
                pattern,
                replacement_word_ast,
                ..
            }
            | O::ReplaceAll {
                pattern,
                replacement_word_ast,
                ..
            } => {
                self.pattern(pattern, place);
                self.word(replacement_word_ast, place);
            }
            _ => {
                if let Some(word) = operand {
                    self.word(word, place);
                }
            }
        }
    }

    pub(super) fn pattern(&mut self, pattern: &ast::Pattern, place: Place) {
        for part in &pattern.parts {
            match &part.kind {
                ast::PatternPart::Word(word) => self.word(word, place),
                ast::PatternPart::Group { patterns, .. } => {
                    for pattern in patterns {
                        self.pattern(pattern, place);
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn arithmetic(&mut self, expression: &ast::ArithmeticExprNode, place: Place) {
        use ast::ArithmeticExpr as E;
        let mut left = vec![expression];
        while let Some(expression) = left.pop() {
            match &expression.kind {
                E::Number(_) | E::Variable(_) => {}
                E::Indexed { index, .. } => left.push(index),
                E::ShellWord(word) => self.word(word, place),
                E::Parenthesized { expression } => left.push(expression),
                E::Unary { expr, .. } | E::Postfix { expr, .. } => left.push(expr),
                E::Binary { left: one, right, .. } => left.extend([&**right, &**one]),
                E::Conditional {
                    condition,
                    then_expr,
                    else_expr,
                } => left.extend([&**else_expr, &**then_expr, &**condition]),
                E::Assignment { value, .. } => left.push(value),
            }
        }
    }
}
