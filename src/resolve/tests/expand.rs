//! The substitution engine, row by row.

use super::super::*;
use proptest::prelude::*;

fn environment() -> Environment {
    [
        ("V", "val"),
        ("E", ""),
        ("P", "/usr/bin"),
        ("TWO", "a b"),
        ("D", "a-b-c-b"),
        ("SUF", "-b"),
    ]
    .into_iter()
    .collect()
}

#[track_caller]
fn check(word: &str, want: &str) {
    let got = expand(word, '\\', &environment()).map(|it| it.text);
    assert_eq!(got.as_deref(), Ok(want), "{word}");
}

#[track_caller]
fn check_error(word: &str, want: &str) {
    let error = expand(word, '\\', &environment()).expect_err(word).to_string();
    assert!(error.contains(want), "{word}: {error}");
}

#[test]
fn forms() {
    for (word, want) in [
        ("$V", "val"),
        ("${V}x", "valx"),
        ("$Vx", ""),
        ("$V.x", "val.x"),
        ("a$", "a$"),
        ("$ x", "$ x"),
        ("$1$99$@$*$#$?$-$!$0z", "z"),
        ("$$V", "V"),
        ("${U-d}${E-d}", "d"),
        ("${U:-d}${E:-d}", "dd"),
        ("${V:-d}", "val"),
        ("${U+a}${E+a}${V+a}", "aa"),
        ("${U:+a}${E:+a}${V:+a}", "a"),
        ("${V?m}${E?m}", "val"),
        ("${U:-${E:-${V}}}", "val"),
        ("${U:-'a}b'}", "a}b"),
        ("${U:-\"$V\"}", "val"),
        ("${U:-a\\}b}", "a}b"),
        ("${P##*/}", "bin"),
        ("${P%/*}", "/usr"),
        ("${D%$SUF}", "a-b-c"),
        ("${P/\\//_}${P//\\//_}", "_usr/bin_usr_bin"),
        ("${D//-/}", "abcb"),
        ("${U#x}${U/x/y}", ""),
        ("'$V'", "$V"),
        ("\"'$V'\"", "'val'"),
        ("'\"$V\"'", "\"$V\""),
        ("\\$V", "$V"),
        ("\\\\$V", "\\val"),
        ("\"\\\\$V\"", "\\val"),
        ("\"\\$V\\n\"", "$V\\n"),
        ("a\\n\\", "an"),
        ("ünï${U}☃", "ünï☃"),
        ("", ""),
    ] {
        check(word, want);
    }
}

#[test]
fn refusals() {
    for (word, want) in [
        ("${", "missing `}`"),
        ("${V", "missing `}`"),
        ("${V:-", "missing `}`"),
        ("${V:-$", "missing `}`"),
        ("${}", "bad substitution `${}`"),
        ("${:}", "bad substitution"),
        ("${{V}}", "bad substitution"),
        ("${ V}", "bad substitution"),
        ("${V:=x}", "unsupported modifier `:=`"),
        ("${V=x}", "unsupported modifier `=`"),
        ("${V:#x}", "unsupported modifier `:#`"),
        ("${V:/x/y}", "unsupported modifier `:/`"),
        ("${V@Q}", "unsupported modifier `@`"),
        ("${V/x}", "missing `/`"),
        ("${U?}", "`U`: is not allowed to be unset"),
        ("${E:?}", "`E`: is not allowed to be empty"),
        ("${U:?please set U}", "`U`: please set U"),
        ("'a", "single-quote"),
        ("\"a", "double-quote"),
        ("\"a\\", "double-quote"),
    ] {
        check_error(word, want);
    }
    let deep = format!("{}x{}", "${U:-".repeat(5000), "}".repeat(5000));
    check_error(&deep, "nested");
}

#[test]
fn a_backtick_may_escape() {
    let got = expand("c:\\x `$V $V", '`', &environment()).unwrap().text;
    assert_eq!(got, "c:\\x $V val");
}

#[test]
fn words_split_outside_quotes() {
    let words = |word| expand_words(word, '\\', &environment()).unwrap().words;
    assert_eq!(words("x${TWO}y"), ["xa", "by"]);
    assert_eq!(words("\"$TWO\" '' c\\ d"), ["a b", "", "c d"]);
    assert!(words("$U ").is_empty());
}

#[test]
fn heredocs_keep_quotes() {
    let got = expand_heredoc("'$V' \"$V\" \\$V `x` \\n\n", &environment()).unwrap();
    assert_eq!(got.text, "'val' \"val\" $V `x` n\n");
}

#[test]
fn display_keeps_what_is_unknown() {
    let show = |text| expand_for_display(text, '\\', &environment());
    assert_eq!(
        show("echo \"$V\" '$V' $U ${U:-x} \\$V"),
        "echo \"val\" '$V' $U ${U:-x} \\$V"
    );
    assert_eq!(show("it's"), "it's", "what can't be read stays");
}

#[test]
fn uses_are_reported() {
    let uses = expand("$V${U}${W:-$V}", '\\', &environment()).unwrap().uses;
    let short: Vec<_> = uses
        .iter()
        .map(|it| (it.name.as_str(), it.defined, it.guarded))
        .collect();
    assert_eq!(
        short,
        [
            ("V", true, false),
            ("U", false, false),
            ("V", true, false),
            ("W", false, true)
        ]
    );
}

#[test]
fn growth_has_an_end() {
    let mut environment: Environment = [("A", "x".repeat(1 << 19))].into_iter().collect();
    assert!(matches!(
        expand("$A$A$A", '\\', &environment),
        Err(ExpandError::TooLong(_))
    ));
    environment.set("B", "xy".repeat(1000));
    assert!(matches!(
        expand("${A//x/$B}", '\\', &environment),
        Err(ExpandError::TooLong(_))
    ));
}

proptest! {
    #[test]
    fn never_panics(word in "[$\\{\\}:#%/?*a-cV\"'\\\\` ü+=-]{0,40}") {
        let _ = expand(&word, '\\', &environment());
        let _ = expand(&word, '`', &environment());
        let _ = expand_words(&word, '\\', &environment());
        let _ = expand_heredoc(&word, &environment());
        let _ = expand_for_display(&word, '\\', &environment());
    }

    #[test]
    fn words_without_special_characters_stay(word in "[a-zA-Z0-9_./:=@ü-]{0,40}") {
        prop_assert_eq!(expand(&word, '\\', &environment()).unwrap().text, word);
    }
}
