//! `RUN --mount`: reads its options, left to right.

use super::spelling::{parse_bool, parse_size};
use crate::diagnostic::{Diagnostic, Span};
use crate::dockerfile::Flag;
use crate::resolve::{csv_fields, refuse_variables};

/// `--mount` as written, its values expanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MountOptions {
    pub(super) kind: Type,
    pub(super) from: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) id: String,
    pub(super) env: Option<String>,
    pub(super) sharing: Option<super::Sharing>,
    pub(super) read_only: bool,
    pub(super) required: bool,
    pub(super) size: Option<u64>,
    pub(super) mode: Option<u16>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// `type=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Type {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

const TYPES: [(&str, Type); 5] = [
    ("bind", Type::Bind),
    ("cache", Type::Cache),
    ("tmpfs", Type::Tmpfs),
    ("secret", Type::Secret),
    ("ssh", Type::Ssh),
];

impl Type {
    pub(super) fn name(self) -> &'static str {
        TYPES
            .iter()
            .find(|(_, it)| *it == self)
            .map_or("bind", |(name, _)| name)
    }
}

const SHARINGS: [(&str, super::Sharing); 3] = [
    ("shared", super::Sharing::Shared),
    ("private", super::Sharing::Private),
    ("locked", super::Sharing::Locked),
];

const KEYS: [&str; 18] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "size",
    "required",
];

/// The types of mounts, and the keys beside `type` that each of them takes; other spellings of a key are left out.
pub const MOUNT_KEYS: [(&str, &[&str]); 5] = [
    ("bind", &["from", "source", "target", "readonly", "readwrite", "id"]),
    (
        "cache",
        &[
            "id",
            "target",
            "sharing",
            "from",
            "source",
            "mode",
            "uid",
            "gid",
            "readonly",
            "readwrite",
        ],
    ),
    ("tmpfs", &["target", "size", "readonly", "readwrite", "id"]),
    (
        "secret",
        &["id", "source", "target", "env", "required", "mode", "uid", "gid"],
    ),
    ("ssh", &["id", "target", "required", "mode", "uid", "gid"]),
];

/// What can be said before any variable is known: the fields are fields, and `from` has no variable.
pub(super) fn check(flag: &Flag) -> Result<(), Diagnostic> {
    for (field, span) in fields(flag)? {
        if let Some((key, value)) = field.split_once('=')
            && key.eq_ignore_ascii_case("from")
        {
            refuse_variables("from", value, span)?;
        }
    }
    Ok(())
}

/// Reads the options; `expand` does the variables of a value.
pub(super) fn read(
    flag: &Flag,
    mut expand: impl FnMut(&str) -> Result<String, Diagnostic>,
) -> Result<MountOptions, Diagnostic> {
    let mut mount = MountOptions::default();
    let mut read_only = None;
    for (field, span) in fields(flag)? {
        let refuse = |message: String| Err(Diagnostic::error("bad-mount", span, message));
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        let kind = mount.kind;
        let of_other_type = || refuse(format!("unexpected key `{key}` for mount type `{}`", kind.name()));
        let may_be_required = matches!(kind, Type::Secret | Type::Ssh);
        let Some(value) = value else {
            match key.as_str() {
                "readonly" | "ro" => read_only = Some(true),
                "readwrite" | "rw" => read_only = Some(false),
                "required" if may_be_required => mount.required = true,
                "required" => return of_other_type(),
                _ if KEYS.contains(&key.as_str()) || key == "env" => {
                    return refuse(format!("invalid field `{field}` must be a key=value pair"));
                }
                _ => return Err(unknown_key(span, &key, &field)),
            }
            continue;
        };
        let value = if key == "from" {
            value.to_owned()
        } else {
            expand(value)?
        };
        let no_value = || refuse(format!("invalid value for `{key}`: `{value}`"));
        match key.as_str() {
            "type" => match TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&value)) {
                Some((_, kind)) => mount.kind = *kind,
                None => {
                    return Err(
                        Diagnostic::error("bad-mount", span, format!("unsupported mount type `{value}`"))
                            .suggest(&value, TYPES.map(|(name, _)| name)),
                    );
                }
            },
            "from" => mount.from = value,
            "source" | "src" => mount.source = value,
            "target" | "dst" | "destination" => mount.target = value,
            "readonly" | "ro" => match parse_bool(&value) {
                Some(it) => read_only = Some(it),
                None => return no_value(),
            },
            "readwrite" | "rw" => match parse_bool(&value) {
                Some(it) => read_only = Some(!it),
                None => return no_value(),
            },
            "required" if may_be_required => match parse_bool(&value) {
                Some(it) => mount.required = it,
                None => return no_value(),
            },
            "size" if kind == Type::Tmpfs => match parse_size(&value) {
                Some(size) => mount.size = Some(size).filter(|size| *size > 0),
                None => return no_value(),
            },
            "required" | "size" => return of_other_type(),
            "id" => mount.id = value,
            "sharing" => match SHARINGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&value)) {
                Some((_, sharing)) => mount.sharing = Some(*sharing),
                None => {
                    return Err(
                        Diagnostic::error("bad-mount", span, format!("unsupported sharing value `{value}`"))
                            .suggest(&value, SHARINGS.map(|(name, _)| name)),
                    );
                }
            },
            "mode" => match u16::from_str_radix(&value, 8) {
                Ok(mode) if mode <= 0o7777 && !value.starts_with('+') => mount.mode = Some(mode),
                _ => {
                    return refuse(format!(
                        "invalid value `{value}` for mode: want octal digits up to 7777"
                    ));
                }
            },
            "uid" | "gid" => match value.parse::<u32>() {
                Ok(id) if !value.starts_with('+') => {
                    *(if key == "uid" { &mut mount.uid } else { &mut mount.gid }) = Some(id);
                }
                _ => return no_value(),
            },
            "env" => mount.env = Some(value),
            _ => return Err(unknown_key(span, &key, &field)),
        }
    }
    mount.read_only = read_only.unwrap_or(!matches!(mount.kind, Type::Cache | Type::Tmpfs));
    match contradiction(&mount) {
        Some(message) => Err(Diagnostic::error("bad-mount", flag.span, message)),
        None => Ok(mount),
    }
}

/// The fields, each with its place: the whole flag where quotes, escapes or continuations stand in it.
fn fields(flag: &Flag) -> Result<Vec<(String, Span)>, Diagnostic> {
    let value = flag.value.as_deref().unwrap_or_default();
    let fields = csv_fields(value)
        .map_err(|error| Diagnostic::error("bad-mount", flag.span, format!("failed to parse csv mounts: {error}")))?;
    let written = "--mount=".len() + value.len();
    let plain = (flag.span.end - flag.span.start) as usize == written && !value.contains('"');
    let mut at = flag.span.end.saturating_sub(value.len() as u32);
    let placed = fields.into_iter().map(|field| {
        let end = at + field.len() as u32;
        let span = if plain { Span::new(at, end) } else { flag.span };
        at = end + 1;
        (field, span)
    });
    Ok(placed.collect())
}

fn unknown_key(span: Span, key: &str, field: &str) -> Diagnostic {
    Diagnostic::error("bad-mount", span, format!("unexpected key `{key}` in `{field}`"))
        .suggest(key, KEYS.into_iter().chain(["env"]))
}

/// What does not go together, whatever the order.
fn contradiction(mount: &MountOptions) -> Option<String> {
    let kind = mount.kind.name();
    let has_owner = matches!(mount.kind, Type::Cache | Type::Secret | Type::Ssh);
    let not_allowed = |key: &str| Some(format!("`{key}` not allowed for `{kind}` type mounts"));
    if mount.mode.is_some() && !has_owner {
        return not_allowed("mode");
    }
    if mount.uid.is_some() && !has_owner {
        return not_allowed("uid");
    }
    if mount.gid.is_some() && !has_owner {
        return not_allowed("gid");
    }
    if mount.sharing.is_some() && mount.kind != Type::Cache {
        return Some(format!("invalid cache sharing set for `{kind}` mount"));
    }
    match mount.kind {
        Type::Secret if !mount.from.is_empty() => Some("secret mount should not have a `from`".to_owned()),
        Type::Secret if mount.source.is_empty() && mount.target.is_empty() && mount.id.is_empty() => {
            Some("invalid secret mount: one of `id`, `source` and `target` is required".to_owned())
        }
        Type::Secret if !mount.source.is_empty() && !mount.id.is_empty() => {
            Some("both `source` and `id` can't be set".to_owned())
        }
        Type::Ssh if !mount.source.is_empty() => Some("ssh mount does not support `source`".to_owned()),
        Type::Bind | Type::Cache | Type::Tmpfs if mount.target.is_empty() => {
            Some(format!("`{kind}` mount needs a `target`"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MountOptions, Diagnostic> {
        let flag = Flag {
            name: "mount".to_owned(),
            value: Some(text.to_owned()),
            span: Span::default(),
        };
        check(&flag)?;
        read(&flag, |value| Ok(value.replace("$V", "val")))
    }

    #[test]
    fn options() {
        let bind = parse("target=/x,SRC=$V,from=a").unwrap();
        assert_eq!(
            (bind.kind, bind.source.as_str(), bind.read_only),
            (Type::Bind, "val", true)
        );
        assert!(!parse("target=/x,rw").unwrap().read_only);
        assert!(!parse("dst=/x,ro=0").unwrap().read_only);
        let cache = parse("type=Cache,target=/c,sharing=LOCKED,mode=0700,uid=5").unwrap();
        assert_eq!(
            (cache.sharing, cache.mode, cache.uid, cache.gid, cache.read_only),
            (Some(super::super::Sharing::Locked), Some(0o700), Some(5), None, false)
        );
        assert_eq!(parse("type=tmpfs,target=/t,size=1m").unwrap().size, Some(1 << 20));
        let secret = parse("type=secret,id=a,required,env=A").unwrap();
        assert_eq!((secret.required, secret.env.as_deref()), (true, Some("A")));
        assert_eq!(parse("\"target=/a,b\"").unwrap().target, "/a,b");
    }

    /// Every option with every type: what is taken, and what is refused.
    #[test]
    fn options_of_every_type() {
        // For each option: the types that take it, out of bind, cache, tmpfs, secret and ssh.
        let table = [
            ("target=/x", "bcths"),
            ("dst=/x", "bcths"),
            ("destination=x", "bcths"),
            ("source=s", "bcth"),
            ("src=s", "bcth"),
            ("from=f", "bcts"),
            ("ro", "bcths"),
            ("readonly=true", "bcths"),
            ("rw=1", "bcths"),
            ("readwrite", "bcths"),
            ("id=i", "bcths"),
            ("sharing=private", "c"),
            ("sharing=shared", "c"),
            ("mode=0640", "chs"),
            ("uid=7", "chs"),
            ("gid=7", "chs"),
            ("size=1g", "t"),
            ("size=0", "t"),
            ("required", "hs"),
            ("required=false", "hs"),
            ("env=E", "bcths"),
        ];
        let types = [
            ('b', "bind"),
            ('c', "cache"),
            ('t', "tmpfs"),
            ('h', "secret"),
            ('s', "ssh"),
        ];
        for (option, takers) in table {
            for (letter, name) in types {
                // A secret has an id or a source, not both.
                let id = if letter == 'h' && !option.starts_with("s") && !option.starts_with("id") {
                    ",id=i"
                } else {
                    ""
                };
                let target = if option.contains("/x") { "" } else { ",target=/t" };
                let text = format!("type={name}{id}{target},{option}");
                assert_eq!(parse(&text).is_ok(), takers.contains(letter), "{text}");
            }
        }
        let default = |text: &str| parse(text).unwrap().read_only;
        assert_eq!(
            [
                "target=/x",
                "type=cache,target=/x",
                "type=tmpfs,target=/x",
                "type=tmpfs,target=/x,ro"
            ]
            .map(default),
            [true, false, false, true]
        );
    }

    #[test]
    fn listed_keys_are_those_that_are_taken() {
        const OTHER_SPELLINGS: [&str; 5] = ["src", "dst", "destination", "ro", "rw"];
        // Those that make no sense, and are passed over.
        const IDLE: [(&str, &str); 6] = [
            ("tmpfs", "from"),
            ("tmpfs", "source"),
            ("secret", "readonly"),
            ("secret", "readwrite"),
            ("ssh", "readonly"),
            ("ssh", "readwrite"),
        ];
        for (kind, listed) in MOUNT_KEYS {
            for key in KEYS
                .into_iter()
                .chain(["env"])
                .filter(|key| *key != "type" && !OTHER_SPELLINGS.contains(key))
            {
                let value = match key {
                    "sharing" => "locked",
                    "mode" => "0700",
                    "uid" | "gid" | "size" => "1",
                    "required" | "readonly" | "readwrite" => "true",
                    _ => "x",
                };
                let rest = match (kind, key) {
                    ("bind" | "cache" | "tmpfs", key) if key != "target" => ",target=/x",
                    ("secret", key) if !matches!(key, "id" | "source" | "target") => ",id=x",
                    _ => "",
                };
                let taken = parse(&format!("type={kind},{key}={value}{rest}")).is_ok();
                let idle =
                    IDLE.contains(&(kind, key)) || key == "env" && kind != "secret" || (kind, key) == ("ssh", "from");
                assert_eq!(listed.contains(&key), taken && !idle, "{kind} {key}");
            }
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("type=bnd,target=/x", "unsupported mount type `bnd`"),
            ("target=/x,colour=red", "unexpected key `colour`"),
            ("target=/x,colour", "unexpected key `colour`"),
            ("target", "must be a key=value pair"),
            ("type=bind", "needs a `target`"),
            (
                "required,type=secret,id=x",
                "unexpected key `required` for mount type `bind`",
            ),
            ("size=1m,type=tmpfs,target=/x", "unexpected key `size`"),
            ("type=bind,target=/x,mode=1", "`mode` not allowed"),
            ("type=tmpfs,target=/x,uid=1", "`uid` not allowed"),
            ("type=cache,target=/x,mode=99", "invalid value `99` for mode"),
            ("type=cache,target=/x,mode=10000", "for mode"),
            ("type=cache,target=/x,uid=-1", "invalid value for `uid`"),
            ("type=cache,target=/x,sharing=al", "unsupported sharing value"),
            ("target=/x,sharing=shared", "invalid cache sharing"),
            ("type=secret", "one of `id`, `source` and `target`"),
            ("type=secret,id=a,source=b", "both `source` and `id`"),
            ("type=secret,id=a,from=b", "should not have a `from`"),
            ("type=ssh,source=b", "does not support `source`"),
            ("from=$X,target=/x", "doesn't support variable expansion"),
            ("target=/x,ro=maybe", "invalid value for `ro`"),
            ("target=\"/x\"", "failed to parse csv mounts"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains(want), "{text}: {}", error.message);
        }
        assert_eq!(
            parse("type=cahce,target=/x").unwrap_err().help,
            ["did you mean `cache`?"]
        );
        assert_eq!(parse("tagret=/x").unwrap_err().help, ["did you mean `target`?"]);
    }
}
