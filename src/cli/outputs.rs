//! Reading `-o`: in which form a result is handed out, and where to.

use super::annotations::attribute;
use super::failure::Usage;
use super::output::fields;
use crate::build::{Destination, Output, OutputKind};
use crate::layer::Compression;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// The outputs; none given means the image goes to the store only. `push` has it go to its registries.
///
/// # Errors
/// When they make no sense, alone or together; `named` says whether the image has a name without them.
pub(super) fn outputs(given: &[String], push: bool, named: bool) -> Result<Vec<Output>, Usage> {
    let mut all = Vec::new();
    for text in given {
        let one = output(text, push)?;
        if push && !one.iter().any(|output| output.kind == OutputKind::Registry) {
            return Err(Usage::new(format!(
                "`--push` and `-o {text}` can't be used together: only the types registry and image can be pushed"
            )));
        }
        all.extend(one);
    }
    if push && all.is_empty() {
        all.push(Output::new(OutputKind::Registry, None));
    }
    let nameless = |output: &Output| output.kind == OutputKind::Registry && output.names.is_empty();
    if !named && all.iter().any(nameless) {
        return Err(Usage::new("an image needs a name to be pushed: give it one with `-t`"));
    }
    Ok(all)
}

fn output(given: &str, push: bool) -> Result<Vec<Output>, Usage> {
    if !given.contains('=') && !given.contains(',') {
        return Ok(vec![if given == "-" {
            Output::new(OutputKind::Tar, Some(stdout()?))
        } else {
            Output::new(OutputKind::Local, Some(Destination::Path(PathBuf::from(given))))
        }]);
    }
    let (mut pushed, mut stored) = (None, true);
    let bad = |text: &str| Usage::new(format!("`-o {given}`: {text}"));
    let (mut kind, mut destination) = (None, None);
    let mut output = Output::new(OutputKind::Oci, None);
    let mut as_directory = false;
    let mut level = None;
    let mut compression = None;
    for (key, value) in fields(given)? {
        let value = value.ok_or_else(|| bad(&format!("`{key}` has no value")))?;
        let flag = || match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(bad(&format!("`{key}={value}` is neither true nor false"))),
        };
        match key.as_str() {
            "type" => {
                kind = Some(match value.as_str() {
                    "oci" => OutputKind::Oci,
                    "docker" => OutputKind::Docker,
                    "tar" => OutputKind::Tar,
                    "local" => OutputKind::Local,
                    "cacheonly" => OutputKind::Nothing,
                    "image" => OutputKind::Store,
                    "registry" => OutputKind::Registry,
                    _ => {
                        let kinds = ["oci", "docker", "tar", "local", "cacheonly", "image", "registry"];
                        let hint = crate::diagnostic::nearest(&value, kinds)
                            .map_or_else(|| kinds.join(", "), |near| format!("did you mean `{near}`?"));
                        return Err(bad(&format!("`{value}` is no type of output: {hint}")));
                    }
                });
            }
            "dest" => destination = Some(value),
            "tar" => as_directory = !flag()?,
            "name" => output.names = value.split(',').map(super::build::tag).collect::<Result<_, _>>()?,
            "compression" => compression = Some(value),
            "compression-level" => {
                level = Some(
                    value
                        .parse::<i32>()
                        .map_err(|_| bad(&format!("`{value}` is no level")))?,
                );
            }
            "push" => pushed = Some(flag()?),
            "push-by-digest" => output.by_digest = flag()?,
            "platform-split" => output.platform_split = Some(flag()?),
            "name-canonical" => output.name_canonical = flag()?,
            "dangling-name-prefix" => output.dangling_prefix = Some(super::build::tag(&value)?),
            "store" => stored = flag()?,
            // Images of the store are unpacked when somebody needs their files.
            "unpack" => drop(flag()?),
            "force-compression" => output.force_compression = flag()?,
            "rewrite-timestamp" => output.rewrite_timestamp = flag()?,
            "oci-mediatypes" => output.oci_media_types = Some(flag()?),
            "source-date-epoch" => {
                let seconds = value.parse::<i64>();
                output.epoch = Some(seconds.map_err(|_| bad(&format!("`{value}` is no number of seconds")))?);
            }
            _ if key.starts_with("annotation") => {
                output
                    .annotations
                    .push(attribute(&key, value).map_err(|why| bad(&why))?);
            }
            _ => return Err(bad(&format!("`{key}` is not known"))),
        }
    }
    output.compression = match (compression.as_deref(), level) {
        (None | Some("gzip"), level) => Compression::gzip(level),
        (Some("zstd"), level) => Compression::zstd(level),
        (Some("uncompressed" | "none"), _) => Ok(Compression::None),
        (Some(other), _) => return Err(bad(&format!("`{other}` is no compression: gzip, zstd or uncompressed"))),
    }
    .map_err(|error| bad(&error.to_string()))?;
    output.kind = match (
        kind.ok_or_else(|| bad("a type is missing, as in `type=oci`"))?,
        as_directory,
    ) {
        (OutputKind::Oci, true) => OutputKind::OciDirectory,
        (OutputKind::Docker, true) => OutputKind::DockerDirectory,
        (kind, false) => kind,
        (_, true) => return Err(bad("`tar=false` is for the types oci and docker")),
    };
    let needs_path = matches!(
        output.kind,
        OutputKind::Local | OutputKind::OciDirectory | OutputKind::DockerDirectory
    );
    output.destination = match destination.as_deref() {
        Some(_) if output.kind == OutputKind::Registry => {
            return Err(bad("`dest=` is for files: `name=` says where an image is pushed"));
        }
        None if matches!(
            output.kind,
            OutputKind::Nothing | OutputKind::Store | OutputKind::Registry
        ) =>
        {
            None
        }
        None | Some("-") if needs_path => return Err(bad("`dest=` must name a directory")),
        None | Some("-") => Some(stdout().map_err(|_| bad("`dest=` is missing, and standard output is a terminal"))?),
        Some(path) => Some(Destination::Path(PathBuf::from(path))),
    };
    let pushes = match (output.kind, pushed) {
        (OutputKind::Registry, Some(false)) => return Err(bad("`type=registry` always pushes")),
        (OutputKind::Registry, _) => true,
        (OutputKind::Store, pushed) => pushed.unwrap_or(push),
        (_, Some(_)) => return Err(bad("`push=` is for the types image and registry")),
        (_, None) => false,
    };
    if output.by_digest && !pushes {
        return Err(bad("`push-by-digest=true` has no effect without `push=true`"));
    }
    let is_image = output.kind == OutputKind::Store;
    if !is_image && (output.name_canonical || output.dangling_prefix.is_some() || !stored) {
        return Err(bad(
            "`name-canonical=`, `dangling-name-prefix=` and `store=` are for the type image",
        ));
    }
    if output.platform_split.is_some() && !matches!(output.kind, OutputKind::Local | OutputKind::Tar) {
        return Err(bad("`platform-split=` is for the types local and tar"));
    }
    if is_image && pushes {
        let kept = Output {
            names: output.names.clone(),
            epoch: output.epoch,
            rewrite_timestamp: output.rewrite_timestamp,
            compression: output.compression,
            force_compression: output.force_compression,
            oci_media_types: output.oci_media_types,
            annotations: output.annotations.clone(),
            name_canonical: output.name_canonical,
            dangling_prefix: output.dangling_prefix.take(),
            ..Output::new(OutputKind::Store, None)
        };
        output.kind = OutputKind::Registry;
        return Ok(if stored { vec![kept, output] } else { vec![output] });
    }
    if is_image && !stored {
        // Built and cached, and no more.
        output.kind = OutputKind::Nothing;
    }
    Ok(vec![output])
}

fn stdout() -> Result<Destination, Usage> {
    if std::io::stdout().is_terminal() {
        return Err(Usage::new("`-` writes to standard output, which is a terminal"));
    }
    Ok(Destination::Stream(Box::new(raw_stdout())))
}

/// Standard output for bytes.
pub(super) fn raw_stdout() -> impl std::io::Write + Send {
    std::io::BufWriter::with_capacity(1 << 16, Stdout)
}

/// Standard output without its own buffer, which ends lines early.
struct Stdout;

impl std::io::Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}
