//! Go's templates, as far as `--format` needs them, over JSON values.
//!
//! Text with actions in `{{ }}`: fields, variables, pipelines, `if`, `range`, `with`, and the functions that Docker
//! offers.

mod evaluate;
mod functions;
mod parse;

pub(super) use functions::json;
use serde_json::Value;

/// A template that was read.
#[derive(Debug)]
pub(super) struct Template(Vec<Node>);

/// What is wrong with a template, or with what it asks for.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the template: {0}")]
pub(super) struct TemplateError(String);

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(Self).map_err(TemplateError)
    }

    /// Fills it in.
    pub(super) fn fill(&self, value: &Value) -> Result<String, TemplateError> {
        evaluate::fill(&self.0, value).map_err(TemplateError)
    }
}

#[derive(Debug)]
enum Node {
    Text(String),
    Print(Pipeline),
    /// `$name := pipeline`
    Set(String, Pipeline),
    If(Pipeline, Vec<Self>, Vec<Self>),
    With(Pipeline, Vec<Self>, Vec<Self>),
    Range(Range),
}

/// `range`, with the variables for a member's key and value.
#[derive(Debug)]
struct Range {
    key: Option<String>,
    value: Option<String>,
    over: Pipeline,
    body: Vec<Node>,
    otherwise: Vec<Node>,
}

/// Commands, each of which gets the value of the one before as its last argument.
type Pipeline = Vec<Vec<Operand>>;

#[derive(Debug)]
enum Operand {
    /// A function, which only the first operand of a command can be.
    Function(String),
    Constant(Value),
    /// A value, and the fields to go down from there.
    Field(Start, Vec<String>),
}

#[derive(Debug)]
enum Start {
    Dot,
    Variable(String),
    Group(Pipeline),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(text: &str) -> Result<String, String> {
        let value = json!({
            "ID": "sha256:0123", "Size": 12, "Tags": ["a:1", "b:2"], "None": null, "Empty": [],
            "Config": {"Env": ["A=b"], "Labels": {"x.y": "z", "k": "<&>"}, "On": true},
        });
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        template.fill(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn templates_are_filled_as_go_fills_them() {
        for (text, filled) in [
            ("{{.ID}}", "sha256:0123"),
            ("a {{ .Size }} b", "a 12 b"),
            ("{{.Config.Env}} {{.Config.Labels}}", "[A=b] map[k:<&> x.y:z]"),
            ("{{.None}} {{.Config.Labels.nothing}}", "<no value> <no value>"),
            ("{{json .Config.Env}}{{.Tags | json}}", r#"["A=b"]["a:1","b:2"]"#),
            ("{{json .Config.Labels}}", r#"{"k":"\u003c\u0026\u003e","x.y":"z"}"#),
            (r#"{{index .Config.Labels "x.y"}} {{index .Tags 1}}"#, "z b:2"),
            ("{{range .Tags}}[{{.}}]{{end}}", "[a:1][b:2]"),
            ("{{range $i, $tag := .Tags}}{{$i}}={{$tag}} {{end}}", "0=a:1 1=b:2 "),
            (
                "{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}};{{end}}",
                "k:<&>;x.y:z;",
            ),
            ("{{range .Empty}}x{{else}}none{{end}}", "none"),
            ("{{range .Tags}}{{$.Size}}{{println .}}{{end}}", "12a:1\n12b:2\n"),
            (
                "{{if .Config.On}}yes{{else}}no{{end}}{{if .None}}yes{{else if .Empty}}?{{else}}no{{end}}",
                "yesno",
            ),
            ("{{with .Config}}{{.On}}{{end}}{{with .None}}x{{end}}", "true"),
            (r#"{{join .Tags ","}} {{upper "x"}}{{len .Tags}}"#, "a:1,b:2 X2"),
            (
                r#"{{printf "%.6s|%5d|%-4s|%q|%v%%" .ID .Size "x" "y" .Tags}}"#,
                "sha256|   12|x   |\"y\"|[a:1 b:2]%",
            ),
            (r#"{{if and (eq .Size 12) (not (eq .ID "x"))}}both{{end}}"#, "both"),
            ("{{if gt (len .Tags) 1}}many{{end}}", "many"),
            ("a  {{- /* note */ -}}  b {{- 1 -}} c", "ab1c"),
            ("{{$x := .Size}}{{$x}}", "12"),
            (
                "{{slice .ID 7 9}} {{(index .Tags 0)}} {{truncate .ID 6}}",
                "01 a:1 sha256",
            ),
            (r#"{{(split "a/b" "/") | json}} {{`raw\n`}}"#, r#"["a","b"] raw\n"#),
        ] {
            assert_eq!(fill(text).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, told) in [
            ("{{.ID", "not closed"),
            ("{{end}}", "without"),
            ("{{if .ID}}x", "no `{{end}}`"),
            ("{{else}}", "without"),
            ("{{nothing .ID}}", "no function `nothing`"),
            ("{{.Id}}", "no field `.Id`"),
            ("{{index .Tags 7}}", "out of range"),
            ("{{\"a}}", "not closed"),
            ("{{(.ID}}", "not closed"),
            ("{{}}", "empty"),
            ("{{$x}}", "no variable `$x`"),
            ("{{range .Size}}{{end}}", "range"),
            ("{{printf \"%y\" 1}}", "%y"),
            (&format!("{{{{{}1{}}}}}", "(".repeat(500), ")".repeat(500)), "deep"),
            (&"{{if 1}}".repeat(500), "deep"),
        ] {
            let error = fill(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
