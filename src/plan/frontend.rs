//! What asks for another frontend, or for a part of BuildKit that is not here: said, since it has no effect.

use crate::diagnostic::Diagnostic;
use crate::dockerfile::Dockerfile;

/// Repositories of the frontend whose language is read here.
const KNOWN: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// Warnings about a Dockerfile and its build arguments.
///
/// `BUILDKIT_SYNTAX` takes the place of `# syntax=`, as in BuildKit.
pub(super) fn warnings(dockerfile: &Dockerfile, build_args: &[(String, String)]) -> Vec<Diagnostic> {
    let given = |name: &str| {
        let value = build_args.iter().rev().find(|(given, _)| given == name);
        value.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let mut warnings = Vec::new();
    let directive = dockerfile.directives.iter().find(|it| it.key == "syntax");
    let (frontend, span, what) = match (given("BUILDKIT_SYNTAX"), directive) {
        (Some(value), _) => (value, None, "build argument `BUILDKIT_SYNTAX`"),
        (None, Some(directive)) => (directive.value.as_str(), Some(directive.span), "directive `syntax`"),
        (None, None) => ("", None, ""),
    };
    // What follows the image is for the frontend itself.
    let image = frontend.split_whitespace().next().unwrap_or_default();
    if !image.is_empty() && !is_known(image) {
        let message = format!("the {what} names the frontend `{image}`, which is never loaded");
        warnings.push(
            Diagnostic::warning("frontend", span, message)
                .help("the file is read as a Dockerfile, in the language of `docker/dockerfile:1`"),
        );
    }
    warnings
}

/// Whether an image is the usual frontend of the first major version, in whatever edition.
fn is_known(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
    let first = tag == "1" || tag.starts_with("1.") || tag.starts_with("1-");
    let moving = ["latest", "labs", "master", "master-labs"].contains(&tag);
    KNOWN.contains(&repository) && (first || moving)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn said(text: &str, args: &[(&str, &str)]) -> Vec<String> {
        let args: Vec<_> = args
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let warnings = warnings(&parse(text).dockerfile, &args);
        warnings.into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn frontends() {
        for image in [
            "docker/dockerfile:1",
            "docker.io/docker/dockerfile:1.7-labs",
            "docker/dockerfile",
            "docker/dockerfile-upstream:master",
            "docker/dockerfile:1-labs --some=thing",
            "docker/dockerfile:1.19@sha256:0000",
        ] {
            assert_eq!(
                said(&format!("# syntax={image}\nFROM scratch\n"), &[]),
                [""; 0],
                "{image}"
            );
        }
        for image in [
            "example.com/other:1",
            "docker/dockerfile:2",
            "docker/dockerfile-experimental:1",
            "mine",
        ] {
            let said = said(&format!("# syntax={image}\nFROM scratch\n"), &[]);
            assert!(said[0].contains(image) && said[0].contains("directive"), "{said:?}");
        }
        let other = "# syntax=mine\nFROM scratch\n";
        assert_eq!(said(other, &[("BUILDKIT_SYNTAX", "docker/dockerfile:1")]), [""; 0]);
        assert_eq!(said(other, &[("BUILDKIT_SYNTAX", "")]).len(), 1);
        let said = said("FROM scratch\n", &[("BUILDKIT_SYNTAX", "yours")]);
        assert!(
            said[0].contains("`BUILDKIT_SYNTAX` names the frontend `yours`"),
            "{said:?}"
        );
    }
}
