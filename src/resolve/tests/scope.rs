//! ARG and ENV: who wins.

use super::super::*;
use crate::oci::Platform;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// Declares ARGs in order (`name`, `name=default`) and shows what is declared, and what commands see.
fn shown(declared: &[&str], given: &[(&str, &str)], global: &[(&str, &str)], env: &[(&str, &str)]) -> String {
    let given = pairs(given);
    let given = BuildArgs::new(&given);
    let global: Environment = pairs(global).into_iter().collect();
    let mut scope = Scope::default();
    for (name, value) in env {
        scope.environment.set(*name, *value);
    }
    for arg in declared {
        let (name, default) = match arg.split_once('=') {
            Some((name, default)) => (name, Some(default)),
            None => (*arg, None),
        };
        if let Err(error) = scope.declare(name, default, '\\', &given, &global) {
            return error.to_string();
        }
    }
    let show = |pairs: Vec<(&str, &str)>| -> String {
        let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        shown.join(" ")
    };
    format!(
        "{} | {}",
        show(scope.args().collect()),
        show(scope.environment.iter().collect())
    )
}

#[test]
fn precedence() {
    for (declared, given, global, env, want) in [
        (
            &["A=1", "B=$A-2"][..],
            &[][..],
            &[][..],
            &[][..],
            "A=1 B=1-2 | A=1 B=1-2",
        ),
        (&["A=1"], &[("A", "x")], &[("A", "g")], &[], "A=x | A=x"),
        (&["A=1"], &[], &[("A", "g")], &[], "A=1 | A=1"),
        (&["A"], &[], &[("A", "g")], &[], "A=g | A=g"),
        (&["A"], &[], &[], &[], "A= | "),
        (&["A"], &[], &[], &[("A", "env")], "A=env | A=env"),
        (&["A=arg"], &[], &[], &[("A", "env")], "A=arg | A=arg"),
        (&["A=1", "B=2", "A=3"], &[], &[], &[], "A=3 B=2 | B=2 A=3"),
        (&["A=${U:?x}"], &[("A", "ok")], &[], &[], "A=ok | A=ok"),
        (&["A=${U:?x}"], &[], &[], &[], "`U`: x"),
        (&["A"], &[("A", "$B 'q'"), ("A", "last")], &[], &[], "A=last | A=last"),
        (
            &["BUILDKIT_SBOM_SCAN_STAGE=true"],
            &[],
            &[],
            &[],
            "BUILDKIT_SBOM_SCAN_STAGE=true | ",
        ),
    ] {
        assert_eq!(shown(declared, given, global, env), want, "{declared:?} {given:?}");
    }
}

#[test]
fn platform_args_can_be_given() {
    let here = Platform::new("linux", "arm", "v7");
    let given = pairs(&[("TARGETARCH", "odd")]);
    let args = platform_args(&here, &here, Some("build"), &BuildArgs::new(&given));
    assert_eq!(args.get("TARGETPLATFORM"), Some("linux/arm/v7"));
    assert_eq!(args.get("BUILDVARIANT"), Some("v7"));
    assert_eq!(args.get("TARGETARCH"), Some("odd"));
    assert_eq!(args.get("TARGETSTAGE"), Some("build"));
    assert_eq!(args.names().count(), 11);
}
