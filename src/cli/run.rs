//! `varve run`: a container from an image of the store.

use super::arguments::{NetworkArgument, RunArguments};
use super::failure::{Exit, Failure, Usage};
use super::machine::Machine;
use super::network;
use super::note;
use crate::digest::Fields;
use crate::execute::{BaseImage, Stack, Tree, TreeLayer};
use crate::export::{self, Image, LayerPlace, LayerSource, Options, Output};
use crate::layer::{OverlayXattrs, Ownership};
use crate::runtime::{self, BindMount, RunRequest, RuntimeError, Streams};
use crate::sandbox::{ExecFailure, ExitStatus, Network, SandboxError, resolv_file};
use crate::store::Store;
use std::error::Error;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(arguments: RunArguments) -> Result<Exit, Failure> {
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    if let Some(text) = machine.note() {
        note(&format!("note: {text}"));
    }
    let store = machine.store()?;
    let image = Arc::new(find(&store, &arguments.image)?);
    let host = machine.host();
    let tree = Tree::of_base(&image);
    if let Some(directory) = &arguments.bundle {
        fill_bundle(
            &store,
            &image,
            &tree,
            directory,
            host.ownership == Ownership::Mapped && host.devices,
        )?;
    }
    let stack = Stack::of(&tree, &store, &host).map_err(|error| failed(&error))?;
    let draft = store.draft().map_err(|error| failed(&error))?;
    let mut lowers = stack.lowers();
    if lowers.is_empty() {
        let nothing = draft.work().map_err(|error| failed(&error))?.join("nothing");
        std::fs::create_dir(&nothing)
            .map_err(|error| Failure::container(format!("cannot create `{}`: {error}", nothing.display())))?;
        lowers.push(nothing);
    }
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let tty = arguments.tty.unwrap_or(is_terminal);
    let (passwd, group) = (stack.read_small(b"etc/passwd"), stack.read_small(b"etc/group"));
    let mut request = RunRequest::new(lowers, draft.tree(), &image.config().config);
    request.userxattr = host.overlay_xattrs == OverlayXattrs::User;
    request.passwd = passwd.as_deref();
    request.group = group.as_deref();
    request.command = Some(arguments.command).filter(|words| !words.is_empty());
    request.entrypoint = arguments.entrypoint.map(|program| vec![program]);
    request.env = arguments.env.iter().filter_map(|given| variable(given)).collect();
    request.user = arguments.user;
    request.workdir = arguments.workdir;
    request.tty = tty;
    request.interactive = arguments.interactive || tty && is_terminal;
    request.network = match arguments.network {
        NetworkArgument::None => Network::None,
        NetworkArgument::Default | NetworkArgument::Host => Network::Inherit,
    };
    request.hostname = arguments.hostname.unwrap_or_else(|| name_for(draft.tree()));
    request.resolv_conf = std::fs::read_to_string("/etc/resolv.conf")
        .ok()
        .map(|text| resolv_file(&text, request.network == Network::Inherit));
    request.mounts = arguments
        .volumes
        .iter()
        .map(|given| volume(given))
        .collect::<Result<_, _>>()?;

    if let Some(directory) = &arguments.bundle {
        let spec = runtime::bundle(&request).map_err(|error| failed(&error))?;
        let path = directory.join("config.json");
        let text = serde_json::to_vec_pretty(&spec).unwrap_or_default();
        std::fs::write(&path, text)
            .map_err(|error| Failure::container(format!("cannot write `{}`: {error}", path.display())))?;
        return Ok(Exit::Done);
    }
    let streams = Streams::standard().map_err(|error| failed(&error))?;
    let status = runtime::run(&request, &streams).map_err(|error| not_started(&error))?;
    Ok(Exit::Command(match status {
        ExitStatus::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
        ExitStatus::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
    }))
}

fn failed(error: &(dyn Error + 'static)) -> Failure {
    Failure::caused(error, Exit::Container)
}

/// As `docker run` has it: 127 for a program that is not there, 126 for one that can't be executed, 125 for the rest.
fn not_started(error: &RuntimeError) -> Failure {
    let exit = match error {
        RuntimeError::Sandbox(SandboxError::Exec {
            failure: ExecFailure::NotFound,
            ..
        }) => Exit::Command(127),
        RuntimeError::Sandbox(SandboxError::Exec { .. }) => Exit::Command(126),
        _ => Exit::Container,
    };
    Failure::caused(error, exit)
}

/// An image by name, or by the first digits of its ID.
fn find(store: &Store, text: &str) -> Result<BaseImage, Failure> {
    let named = BaseImage::named(store, text).map_err(|error| failed(&error))?;
    let found = match named {
        Some(image) => Some(image),
        None => BaseImage::with_id(store, text).map_err(|error| failed(&error))?,
    };
    let found = found.ok_or_else(|| {
        Failure::container(format!(
            "there is no image `{text}` in the store; `varve images` lists them, `varve build -t {text} .` makes one"
        ))
    })?;
    // A base image that was pulled may lack layers that no build needed.
    let registries = network::usual()?;
    found.from_registry(&registries, store).map_err(|error| failed(&error))
}

/// A bare name takes the caller's variable, and is left out when there is none.
fn variable(given: &str) -> Option<String> {
    if given.contains('=') {
        return Some(given.to_owned());
    }
    std::env::var_os(given).map(|value| format!("{given}={}", value.to_string_lossy()))
}

fn volume(given: &str) -> Result<BindMount, Usage> {
    let bad = |text: &str| Usage::new(format!("`-v {given}`: {text}"));
    let fields: Vec<&str> = given.split(':').collect();
    let (source, target, options) = match fields[..] {
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(bad("want SOURCE:TARGET[:ro]")),
    };
    if !target.starts_with('/') {
        return Err(bad("the target must be an absolute path"));
    }
    let read_only = match options {
        "" | "rw" => false,
        "ro" => true,
        other => return Err(bad(&format!("`{other}` is not known: `ro` or `rw`"))),
    };
    let source = std::fs::canonicalize(source).map_err(|error| bad(&format!("cannot find `{source}`: {error}")))?;
    Ok(BindMount {
        source,
        target: PathBuf::from(target),
        read_only,
    })
}

/// Twelve digits, as Docker names containers that nobody named.
fn name_for(directory: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let digest = Fields::new("varve 2026 container name v1")
        .bytes(directory.as_os_str().as_bytes())
        .file_digest();
    digest.hex()[..12].to_owned()
}

/// Writes the image's files to the bundle: copies, since the container may write to them.
fn fill_bundle(
    store: &Store,
    image: &Arc<BaseImage>,
    tree: &Tree,
    directory: &Path,
    ownership: bool,
) -> Result<(), Failure> {
    let layers: Result<Vec<LayerSource>, Failure> = tree
        .layers()
        .into_iter()
        .map(|layer| match layer {
            TreeLayer::Delta(content) => Ok(LayerSource::Delta(*content)),
            TreeLayer::Base(base, index) => {
                let descriptor = Box::new(base.blob(*index, store).map_err(|error| failed(&error))?);
                Ok(LayerSource::Blob {
                    diff_id: base.layers()[*index],
                    descriptor,
                    place: LayerPlace::Store,
                })
            }
        })
        .collect();
    let (config, layers) = (image.config().clone(), layers?);
    let image = Image {
        config,
        layers,
        history: Vec::new(),
        created: crate::layer::Time::default(),
    };
    let output = Output::Local {
        path: directory.join("rootfs"),
        ownership,
    };
    export::export(
        store,
        &[export::Member::plain(&image)],
        output,
        &Options::default(),
        &|| false,
    )
    .map_err(|error| failed(&error))?;
    Ok(())
}
