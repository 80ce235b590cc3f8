//! What the layout looks like.

use super::*;

fn check(text: &str, expected: &str) {
    let laid_out = format(text).expect("a sound file");
    assert_eq!(laid_out, expected, "from:\n{text}");
    assert_eq!(format(&laid_out).as_deref(), Ok(expected), "twice");
}

#[test]
fn keywords_and_blanks() {
    check(
        "\n\nfrom  a   as b  \nrun   x  y\t\n\n\n\n  # c  \ncopy --from=a   x\ty /z\nHEALTHCHECK  --interval=1s  cmd  a",
        "FROM a AS b\nRUN x  y\n\n# c\nCOPY --from=a x y /z\nHEALTHCHECK --interval=1s CMD a\n",
    );
    check(
        "FROM a\nCMD [ \"a\" ,\"b\"]\nonbuild  run x\n",
        "FROM a\nCMD [\"a\", \"b\"]\nONBUILD RUN x\n",
    );
    check("FROM a\nRUN  --   --mount x\n", "FROM a\nRUN -- --mount x\n");
    check("FROM a\nENV k  v   w  \n", "FROM a\nENV k v   w\n");
}

#[test]
fn stages_stand_apart() {
    check(
        "ARG x\nFROM a\nRUN x\n# about b\n# more\nFROM b\n\n\nRUN y\n\n# c\nFROM c\n\n\n",
        "ARG x\nFROM a\nRUN x\n\n# about b\n# more\nFROM b\n\nRUN y\n\n# c\nFROM c\n",
    );
    check("FROM a\nFROM b", "FROM a\n\nFROM b\n");
    check("CMD\n\nFROM a", "CMD\n\nFROM a\n");
}

#[test]
fn continued_lines() {
    check(
        "FROM a\nRUN x &&\\\n  y \\\n\n  # c\n      -z   \\  \n && w\n",
        "FROM a\nRUN x && \\\n    y \\\n        # c\n        -z \\\n    && w\n",
    );
    // A word that is cut, quotes, an escaped blank, and a substitution in quotes.
    check(
        "FROM a\nRUN x\\\ny \"a \\\n   b\" \\\n  'c \\\n d' e\\ \\\n  f \"$(g \\\n h)\"\n",
        "FROM a\nRUN x\\\ny \"a \\\n   b\" \\\n    'c \\\n d' e\\ \\\n    f \"$(g \\\n    h)\"\n",
    );
    check(
        "FROM a\nRUN if x; then \\\n\ty; \\\n\telse \\\n\t\tz; \\\n\tfi\n",
        "FROM a\nRUN if x; then \\\n    y; \\\n    else \\\n        z; \\\n    fi\n",
    );
    check(
        "FROM a\nCOPY x \\\n     y \\\n     /z\n",
        "FROM a\nCOPY x \\\n    y \\\n    /z\n",
    );
    check(
        "FROM a\nCMD [\"x\", \\\n  \"y z\", \\\n    \"w\"]\n",
        "FROM a\nCMD [\"x\", \\\n    \"y z\", \\\n        \"w\"]\n",
    );
}

#[test]
fn pairs_stand_below_each_other() {
    check(
        "FROM a\nENV a=1 b=\"2  3\" c=4\\ 5\nLABEL x=y \\\n  # c\n  z=\nENV \\\n a=1 b=2\n",
        "FROM a\nENV a=1 \\\n    b=\"2  3\" \\\n    c=4\\ 5\nLABEL x=y \\\n      # c\n      z=\nENV \\\n    a=1 \\\n    b=2\n",
    );
    check(
        "FROM a\nonbuild env a=1 b=2\nARG a=1 b\n",
        "FROM a\nONBUILD ENV a=1 \\\n            b=2\nARG a=1 b\n",
    );
    // On a line of its own it would be a comment.
    check("FROM a\nENV a=1 #b=2\n", "FROM a\nENV a=1 #b=2\n");
}

#[test]
fn heredocs_stay_as_they_are() {
    check(
        "FROM a\nrun  <<E  cat  \n  x  \n\n\n\ty\nE\ncopy <<-'A B'  <<C   /d\n\ta\n\tA B\nc  \nC\n",
        "FROM a\nRUN <<E  cat\n  x  \n\n\n\ty\nE\nCOPY <<-'A B' <<C /d\n\ta\n\tA B\nc  \nC\n",
    );
}

#[test]
fn line_ends_and_directives() {
    check(
        "\u{feff}#syntax = x\r\n#  escape=`\r\nFROM a\r\nRUN x `\r\n  y\n",
        "\u{feff}# syntax=x\r\n# escape=`\r\nFROM a\r\nRUN x `\r\n    y\r\n",
    );
    // Without the blank line the comment would be a directive.
    check("\n\n# escape=`\nFROM  a\n", "\n# escape=`\nFROM a\n");
    check(" #!x\n# check=skip=all\nFROM  a\n", " #!x\n# check=skip=all\nFROM a\n");
}

#[test]
fn other_shells_are_left_alone_where_in_doubt() {
    check(
        "# escape=`\nFROM a\nRUN x 'a `\n b' `\n  y\n",
        "# escape=`\nFROM a\nRUN x 'a `\n b' `\n    y\n",
    );
    check(
        "FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN \"a`\" \\\n  b\"\n",
        "FROM a\nSHELL [\"pwsh\", \"-c\"]\nRUN \"a`\" \\\n  b\"\n",
    );
}

#[test]
fn marked_lists_are_sorted() {
    check(
        "FROM a\nRUN i \\\n  # varve: sort\n  zlib \\\n  Curl=${V} \\\n  bash \\\n  && j \\\n  d \\\n  c\n",
        "FROM a\nRUN i \\\n    # varve: sort\n    bash \\\n    Curl=${V} \\\n    zlib \\\n    && j \\\n    d \\\n    c\n",
    );
    check(
        "FROM a\n# varve: sort\nRUN i \\\n  b \\\n  a; \\\n  j \\\n  d \\\n  c\n",
        "FROM a\n# varve: sort\nRUN i \\\n    b \\\n    a; \\\n    c \\\n    d \\\n    j\n",
    );
    check("FROM a\nRUN i \\\n  b \\\n  a\n", "FROM a\nRUN i \\\n    b \\\n    a\n");
}

#[test]
fn what_is_broken_is_not_touched() {
    assert!(matches!(format("FROM a\nFOO\n"), Err(FormatError::Broken(_))));
    assert!(matches!(format("  \n"), Err(FormatError::Broken(_))));
}
