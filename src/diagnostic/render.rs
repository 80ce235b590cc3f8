//! Draws a diagnostic with the lines it is about.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, Title};

use super::{Diagnostic, Severity, Source, Span};

/// Columns that a line may take; longer ones are shown in part.
const WIDTH: usize = 140;

/// Columns of a line of the file that is still drawn.
const LONGEST: usize = 8 << 10;

/// Draws `diagnostic` for a person: message, place, lines with marks, help. Ends in a line feed.
///
/// `color` adds terminal colours; the text means the same without them. Control characters of the file and of the
/// message come out as pictures of themselves.
pub fn render(diagnostic: &Diagnostic, source: &Source, color: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    draw(
        level.primary_title(visible(&diagnostic.message)),
        diagnostic,
        source,
        color,
    )
}

/// The same, with `code` behind the word in front of the message, which is `error`, `warning`, `info` or another.
///
/// The severity of `diagnostic` does not show.
pub fn render_as(word: &str, code: &str, diagnostic: &Diagnostic, source: &Source, color: bool) -> String {
    let level = match word {
        "error" => Level::ERROR,
        "warning" => Level::WARNING,
        "info" => Level::INFO,
        _ => Level::NOTE.with_name(word),
    };
    let title = level.primary_title(visible(&diagnostic.message)).id(code);
    draw(title, diagnostic, source, color)
}

fn draw(title: Title<'_>, diagnostic: &Diagnostic, source: &Source, color: bool) -> String {
    let name = visible(source.name());
    let group = Group::with_title(title);
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(visible(help)));
    let group = match diagnostic.span {
        Some(span) => {
            let place = source.position(span.start);
            // Drawing takes time with the length of the line, and nobody reads such a line.
            if source.line(place.line).len() > LONGEST {
                let origin = Origin::path(name)
                    .line(place.line as usize)
                    .char_column(place.column as usize);
                group.element(origin)
            } else {
                let (excerpt, first_line, marked) = excerpt(source, span);
                let snippet = Snippet::source(excerpt)
                    .path(name)
                    .line_start(first_line)
                    .annotation(AnnotationKind::Primary.span(marked));
                group.element(snippet)
            }
        }
        None => group.element(Origin::path(name)),
    };
    let renderer = match color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    let mut drawn = renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(WIDTH)
        .render(&[group.elements(help)]);
    // These move the cursor on some terminals, and the renderer lets them through.
    if drawn.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        drawn = drawn.replace(|c| matches!(c, '\u{80}'..='\u{9f}'), "\u{fffd}");
    }
    drawn.push('\n');
    drawn
}

/// The lines that `span` touches, the number of the first, and where the span lies in them.
fn excerpt(source: &Source, span: Span) -> (&str, usize, Range<usize>) {
    let text = source.text();
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.floor_char_boundary(span.end as usize).max(start);
    // A line end that closes the span is not worth a line.
    let end = start + text[start..end].trim_end_matches(['\r', '\n']).len();
    let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
    let line = source.position(from as u32).line as usize;
    let to = end + text[end..to].trim_end_matches('\r').len();
    (&text[from..to], line, start - from..end - from)
}

/// `text` on one line, without characters that could move the cursor.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '␤',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
            '\x7f' => '␡',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(text: &str, span: impl Into<Option<Span>>) -> String {
        let diagnostic = Diagnostic::error("a-code", span, "it is wrong").help("make it right");
        render(&diagnostic, &Source::new("Dockerfile", text), false)
    }

    #[test]
    fn a_place_is_shown_with_its_line() {
        let drawn = draw("FROM a\n  RUN b\n", Span::new(9, 12));
        let expected = "\
error: it is wrong
 --> Dockerfile:2:3
  |
2 |   RUN b
  |   ^^^
  |
  = help: make it right
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_long_span_shows_where_it_begins_and_ends() {
        let text = "RUN a \\\n".to_owned() + &"  b \\\n".repeat(500) + "  last\nNEXT";
        let drawn = draw(&text, Span::new(0, text.len() as u32 - 5));
        assert!(
            drawn.contains("RUN a") && drawn.contains("502 | |   last") && drawn.contains("..."),
            "{drawn}"
        );
        assert!(drawn.lines().count() < 15, "{drawn}");
    }

    #[test]
    fn odd_places_are_drawn_somewhere() {
        for text in ["", "\n", "é", "a\r\nb\r\n", "日本\n", "a\n\n"] {
            for start in 0..8 {
                for end in 0..8 {
                    assert!(draw(text, Span::new(start, end)).contains("Dockerfile:"));
                }
            }
        }
        assert!(draw("a", None).contains("--> Dockerfile\n"));
    }

    #[test]
    fn nothing_moves_the_cursor() {
        let text = "RUN \u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{7}\r\u{85} x\n";
        let diagnostic = Diagnostic::warning("a-code", Span::new(0, 20), "\u{1b}[1m\nb\u{90}").help("\u{1b}\n");
        let source = Source::new("a\u{1b}\n\u{9b}", text);
        let plain = render(&diagnostic, &source, false);
        assert!(!plain.contains(|c: char| c.is_control() && c != '\n'), "{plain:?}");
        let colored = render(&diagnostic, &source, true);
        assert!(
            !colored.contains("\u{1b}[2J") && !colored.contains('\u{9b}'),
            "{colored:?}"
        );
    }
}
