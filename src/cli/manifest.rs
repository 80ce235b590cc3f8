//! `varve manifest`: indexes of images that were built on different machines.

use super::arguments::{ServerArguments, StoreArguments};
use super::build::tag;
use super::failure::{Exit, Failure, Usage};
use super::machine::{self, Machine};
use super::{network, print, print_text};
use crate::export;
use crate::http::Client;
use crate::images::{self, ImagesError, List, Lists};
use crate::oci::{Platform, Reference};
use crate::registry::Registries;
use crate::schedule::Cancel;
use crate::store::{Store, StoreError};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Work with indexes of several images
#[derive(Debug, Subcommand)]
pub(super) enum ManifestCommand {
    /// Make an index of images of the store and of registries
    Create(CreateArguments),
    /// Add images to an index
    Add(AddArguments),
    /// Say for which platform an entry of an index is, or put notes on it
    Annotate(AnnotateArguments),
    /// Print an index or a manifest
    Inspect(InspectArguments),
    /// Push an index with all that it lists
    Push(PushArguments),
    /// Take entries out of an index
    Remove(TakeArguments),
    /// Forget indexes
    Rm(RmArguments),
}

#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    servers: ServerArguments,
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    #[command(flatten)]
    common: Common,

    /// Add to the index if there is one of this name
    #[arg(short = 'a', long, visible_alias = "append")]
    amend: bool,

    /// Note on the index; repeatable
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<String>,

    /// Name of the index, as NAME[:TAG]
    #[arg(value_name = "INDEX")]
    index: String,

    /// Images or indexes of the store or of registries
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct AddArguments {
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    what: Said,

    /// Name of the index
    #[arg(value_name = "INDEX")]
    index: String,

    /// Images or indexes of the store or of registries
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

/// What is said of entries.
#[derive(Debug, Args)]
pub(super) struct Said {
    /// Processor, as Go calls it
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,

    /// Operating system
    #[arg(long, value_name = "OS")]
    os: Option<String>,

    /// Variant of the processor
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,

    /// Version of the operating system
    #[arg(long, value_name = "VERSION")]
    os_version: Option<String>,

    /// Features of the operating system; repeatable, or with commas
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    os_features: Vec<String>,

    /// Note on the entry; repeatable
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct AnnotateArguments {
    #[command(flatten)]
    common: Common,

    #[command(flatten)]
    what: Said,

    /// Put the notes on the index itself
    #[arg(long = "index", conflicts_with = "image")]
    on_index: bool,

    /// Name of the index
    #[arg(value_name = "INDEX")]
    index: String,

    /// Entry, by name, digest or platform
    #[arg(value_name = "IMAGE", required_unless_present = "on_index")]
    image: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct InspectArguments {
    #[command(flatten)]
    common: Common,

    /// Print the document byte by byte
    #[arg(long)]
    raw: bool,

    /// Index or image of the store or of a registry
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct PushArguments {
    #[command(flatten)]
    common: Common,

    /// Forget the index when it is pushed
    #[arg(short = 'p', long, visible_alias = "rm")]
    purge: bool,

    /// Accepted: all that an index lists is pushed
    #[arg(long, hide = true)]
    all: bool,

    /// Print the digest only; always so
    #[arg(short = 'q', long, hide = true)]
    quiet: bool,

    /// Name of the index
    #[arg(value_name = "INDEX")]
    index: String,

    /// Name to push it to [default: its own]
    #[arg(value_name = "DESTINATION")]
    destination: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TakeArguments {
    #[command(flatten)]
    common: Common,

    /// Name of the index
    #[arg(value_name = "INDEX")]
    index: String,

    /// Entries, by name, digest or platform
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RmArguments {
    #[command(flatten)]
    store: StoreArguments,

    /// Names of indexes
    #[arg(value_name = "INDEX", required = true)]
    indexes: Vec<String>,
}

pub(super) fn run(command: ManifestCommand, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    match command {
        ManifestCommand::Create(arguments) => {
            let bench = Bench::new(&arguments.common, cancel)?;
            let name = tag(&arguments.index)?;
            let mut list = match (bench.lists().open(&name), arguments.amend) {
                (Ok(None), _) => List::default(),
                (Ok(Some(list)), true) => list,
                (Ok(Some(_)) | Err(ImagesError::NotAnIndex(_)), false) => {
                    let why = format!("`{}` is there already: `--amend` adds to an index", name.familiar());
                    return Err(Failure::machine(why));
                }
                (Err(error), _) => return Err(failed(&error)),
            };
            for image in &arguments.images {
                bench.lists().add(&mut list, image).map_err(|error| failed(&error))?;
            }
            list.index.annotations.extend(notes(&arguments.annotations)?);
            bench.keep(&list, &name)
        }
        ManifestCommand::Add(arguments) => {
            let bench = Bench::new(&arguments.common, cancel)?;
            let (name, mut list) = bench.open(&arguments.index)?;
            for image in &arguments.images {
                let added = bench.lists().add(&mut list, image).map_err(|error| failed(&error))?;
                arguments.what.say(&mut list, |digest| added.contains(digest))?;
            }
            bench.keep(&list, &name)
        }
        ManifestCommand::Annotate(arguments) => {
            let bench = Bench::new(&arguments.common, cancel)?;
            let (name, mut list) = bench.open(&arguments.index)?;
            match &arguments.image {
                Some(image) => {
                    let meant = bench.lists().meant(&list, image).map_err(|error| failed(&error))?;
                    arguments.what.say(&mut list, |digest| meant.contains(digest))?;
                }
                None => list.index.annotations.extend(notes(&arguments.what.annotations)?),
            }
            bench.keep(&list, &name)
        }
        ManifestCommand::Remove(arguments) => {
            let bench = Bench::new(&arguments.common, cancel)?;
            let (name, mut list) = bench.open(&arguments.index)?;
            for image in &arguments.images {
                let meant = bench.lists().meant(&list, image).map_err(|error| failed(&error))?;
                list.index.manifests.retain(|entry| !meant.contains(&entry.digest));
            }
            bench.keep(&list, &name)
        }
        ManifestCommand::Inspect(arguments) => {
            let bench = Bench::new(&arguments.common, cancel)?;
            let bytes = images::raw(&bench.store, &bench.registries, &arguments.name);
            document(&bytes.map_err(|error| failed(&error))?, arguments.raw)
        }
        ManifestCommand::Push(arguments) => push(&arguments, cancel),
        ManifestCommand::Rm(arguments) => {
            let store = Machine::store_alone(arguments.store.root.as_deref())?;
            arguments.indexes.iter().try_for_each(|text| forget(&store, text))?;
            Ok(Exit::Done)
        }
    }
}

/// Prints a document, for people or as it is.
pub(super) fn document(bytes: &[u8], raw: bool) -> Result<Exit, Failure> {
    let text = match (raw, serde_json::from_slice::<serde_json::Value>(bytes)) {
        (false, Ok(value)) => serde_json::to_string_pretty(&value).unwrap_or_default() + "\n",
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    print_text(&text).map_err(|_| Failure::silent(Exit::Failed))?;
    Ok(Exit::Done)
}

fn push(arguments: &PushArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let bench = Bench::new(&arguments.common, cancel)?;
    let (name, _) = bench.open(&arguments.index)?;
    let top = bench.store.top_of(&name.to_string()).map_err(|error| failed(&error))?;
    let top = top.ok_or_else(|| failed(&ImagesError::NotFound(arguments.index.clone())))?;
    let to = arguments.destination.as_deref().map(tag).transpose()?.unwrap_or(name);
    let tell = |pushed: crate::registry::Pushed| super::note(&pushed.to_string());
    let pushed = export::push_top(&bench.store, &top.digest, &[to], &bench.registries, false, &tell);
    print(&pushed.map_err(|error| failed(&error))?.to_string())?;
    if arguments.purge {
        forget(&bench.store, &arguments.index)?;
    }
    Ok(Exit::Done)
}

fn forget(store: &Store, text: &str) -> Result<(), Failure> {
    let name = tag(text)?.or_latest().to_string();
    let found = store.write(|records| {
        let found = records.top_of(&name)?.is_some();
        if found {
            records.remove_name(&name)?;
            records.remove_unnamed_tops()?;
        }
        Ok(found)
    });
    match found.map_err(|error: StoreError| failed(&error))? {
        true => Ok(()),
        false => Err(failed(&ImagesError::NotAnIndex(text.to_owned()))),
    }
}

impl Said {
    /// Says it of the entries that are meant.
    fn say(&self, list: &mut List, meant: impl Fn(&crate::digest::BlobDigest) -> bool) -> Result<(), Usage> {
        let notes = notes(&self.annotations)?;
        for entry in list.index.manifests.iter_mut().filter(|entry| meant(&entry.digest)) {
            let old = entry.platform.clone().unwrap_or_default();
            let text = |new: &Option<String>, old: String| new.clone().unwrap_or(old);
            let variant = match (&self.variant, &self.arch) {
                // Another processor has variants of its own.
                (None, Some(arch)) if *arch != old.architecture => String::new(),
                (variant, _) => text(variant, old.variant),
            };
            let new = Platform::new(&text(&self.os, old.os), &text(&self.arch, old.architecture), &variant);
            let os_features = match self.os_features.is_empty() {
                true => old.os_features,
                false => self.os_features.clone(),
            };
            let platform = Platform {
                os_version: text(&self.os_version, old.os_version),
                os_features,
                ..new
            };
            if platform != Platform::default() {
                entry.platform = Some(platform);
            }
            entry.annotations.extend(notes.clone());
        }
        Ok(())
    }
}

fn notes(given: &[String]) -> Result<BTreeMap<String, String>, Usage> {
    let note = |text: &String| {
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty())?;
        Some((key.to_owned(), value.to_owned()))
    };
    given
        .iter()
        .map(|text| note(text).ok_or_else(|| Usage::new(format!("`--annotation {text}`: want KEY=VALUE"))))
        .collect()
}

/// What each of these commands works with.
struct Bench<'a> {
    store: Store,
    registries: Registries,
    _stops: crate::schedule::OnCancel<'a>,
    _signals: machine::Listening,
}

impl<'a> Bench<'a> {
    fn new(common: &Common, cancel: &'a Arc<Cancel>) -> Result<Self, Failure> {
        let (http, settings) = network::servers(&common.servers)?;
        // Layers of images of the store may be of users whom only a namespace shows.
        let machine = Machine::enter(common.store.root.as_deref())?;
        let signals = machine::cancel_on_signals(cancel)?;
        let store = machine.store()?;
        let client = Client::new(http);
        let stopped = client.clone();
        Ok(Self {
            store,
            registries: Registries::new(client, settings),
            _stops: cancel.on_cancel(move || stopped.stop()),
            _signals: signals,
        })
    }

    fn lists(&self) -> Lists<'_> {
        Lists {
            store: &self.store,
            registries: &self.registries,
        }
    }

    /// An index that has to be there.
    fn open(&self, text: &str) -> Result<(Reference, List), Failure> {
        let name = tag(text)?.or_latest();
        let list = self.lists().open(&name).map_err(|error| failed(&error))?;
        let list = list.ok_or_else(|| failed(&ImagesError::NotFound(text.to_owned())))?;
        Ok((name, list))
    }

    fn keep(&self, list: &List, name: &Reference) -> Result<Exit, Failure> {
        let name = name.clone().or_latest();
        self.lists().keep(list, &name).map_err(|error| failed(&error))?;
        let unnamed = self.store.write(|records| records.remove_unnamed_tops());
        unnamed.map_err(|error: StoreError| failed(&error))?;
        print(&format!("Created manifest list {name}"))?;
        Ok(Exit::Done)
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::caused(error, Exit::Failed)
}
