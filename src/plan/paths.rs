//! Paths inside an image, by the rules of Go's `path` package. All of them use slashes, and none leaves the root.

/// The absolute path without `.`, `..`, empty components and trailing slash.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => (),
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `path` seen from the directory `from`; clean.
pub(super) fn join(from: &str, path: &str) -> String {
    if path.starts_with('/') {
        clean(path)
    } else {
        clean(&format!("{from}/{path}"))
    }
}

/// Cleans without making absolute, as Go's `path.Clean` does.
pub(super) fn clean_text(path: &str) -> String {
    if path.starts_with('/') {
        return clean(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => (),
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

/// Where a COPY goes: absolute, with a slash at the end when it must be a directory.
pub(super) fn destination(workdir: &str, path: &str) -> String {
    let mut absolute = join(workdir, path);
    let directory = matches!(path, "" | ".") || path.ends_with('/') || path.ends_with("/.");
    if directory && !absolute.ends_with('/') {
        absolute.push('/');
    }
    absolute
}

/// WORKDIR as it is stored: relative ones are joined and cleaned, absolute ones stay as written.
pub(super) fn workdir(current: &str, path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        join(current, path)
    }
}

/// The directories that `path` enters before it leaves them by `..`, apart from those above its end.
pub(super) fn passes(path: &str) -> Vec<String> {
    let end = clean(path);
    let mut parts: Vec<&str> = Vec::new();
    let mut passes: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => (),
            ".." => {
                let here = format!("/{}", parts.join("/"));
                parts.pop();
                let above_end = end == here || end.strip_prefix(&here).is_some_and(|rest| rest.starts_with('/'));
                let known = passes
                    .iter()
                    .any(|it| it.starts_with(&format!("{here}/")) || *it == here);
                if here != "/" && !above_end && !known {
                    passes.push(here);
                }
            }
            part => parts.push(part),
        }
    }
    passes
}

/// The last component: Go's `path.Base`.
pub(super) fn base(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".",
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_keep_their_slash() {
        for (workdir, path, want) in [
            ("/", "/a", "/a"),
            ("/", "/a/", "/a/"),
            ("/w", ".", "/w/"),
            ("/w", "", "/w/"),
            ("/w", "a/.", "/w/a/"),
            ("/w", "../up", "/up"),
            ("/w", "../../../..", "/"),
            ("/", ".", "/"),
            ("/", "/", "/"),
        ] {
            assert_eq!(destination(workdir, path), want, "{workdir} {path}");
        }
    }

    #[test]
    fn working_directories() {
        assert_eq!(workdir("/a", "b/"), "/a/b");
        assert_eq!(workdir("/a", "/env/x/"), "/env/x/");
        assert_eq!(workdir("", "x"), "/x");
        assert_eq!(passes("/a//b/./c/../"), ["/a/b/c"]);
        assert!(passes("/a/b/").is_empty());
        assert_eq!(passes("/x/../y/../z"), ["/x", "/y"]);
        assert_eq!(clean_text("a//../b/"), "b");
        assert_eq!(clean_text(""), ".");
    }
}
