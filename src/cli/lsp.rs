//! `varve lsp`: a language server on standard input and output.

use super::arguments::LspArguments;
use super::failure::{Exit, Failure};
use super::lint::Standing;
use super::machine::Machine;
use crate::context::find_ignore;
use crate::lsp::{self, Entry, FrameError, Host, Image, ImageLayer, Rules, Server};
use crate::oci::{ImageConfig, Reference};
use crate::store::Store;
use std::fs;
use std::io::{self, BufReader, BufWriter};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

/// Messages that wait to be looked at. More stay in the pipe.
const WAITING: usize = 64;

/// Entries of a directory that are looked at, and that an editor is told.
const MOST_LOOKED_AT: usize = 20_000;
const MOST_ENTRIES: usize = 500;

/// Bytes of an image's config.
const LARGEST_CONFIG: u64 = 4 << 20;

pub(super) fn run(arguments: LspArguments) -> Result<Exit, Failure> {
    let (sender, receiver) = sync_channel(WAITING);
    // It is blocked in `read` when the program ends, and ends with it.
    std::thread::spawn(move || {
        let mut input = BufReader::new(io::stdin());
        loop {
            let message = lsp::read(&mut input);
            let is_last = !matches!(message, Ok(Some(_)));
            if sender.send(message).is_err() || is_last {
                return;
            }
        }
    });
    let machine = Outside {
        root: arguments.store.root,
        standing: None,
    };
    serve(Server::new(machine), &receiver)
}

type Received = Result<Option<Vec<u8>>, FrameError>;

fn serve(mut server: Server<Outside>, receiver: &Receiver<Received>) -> Result<Exit, Failure> {
    let mut output = BufWriter::new(io::stdout().lock());
    loop {
        // What has come in meanwhile may take back what waits.
        while server.waiting() < WAITING {
            let received = match server.waiting() {
                0 => receiver.recv().unwrap_or(Ok(None)),
                _ => match receiver.try_recv() {
                    Ok(received) => received,
                    Err(_) => break,
                },
            };
            match received {
                Ok(Some(body)) => server.receive(&body),
                Ok(None) if server.waiting() > 0 => break,
                // The client went away without a word.
                Ok(None) => return Ok(Exit::Failed),
                Err(error) => return Err(Failure::caused(&error, Exit::Failed)),
            }
        }
        for message in server.work() {
            lsp::write(&mut output, &message).map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => Failure::silent(Exit::Failed),
                _ => Failure::caused(&error, Exit::Failed),
            })?;
        }
        match server.ended() {
            Some(0) => return Ok(Exit::Done),
            Some(_) => return Ok(Exit::Failed),
            None => {}
        }
    }
}

/// The machine as an editor's questions need it.
#[derive(Debug)]
struct Outside {
    /// The store, as given.
    root: Option<PathBuf>,
    /// Settings, until somebody says that they may have changed.
    standing: Option<Standing>,
}

impl Host for Outside {
    fn rules(&mut self, path: Option<&Path>, directory: Option<&Path>) -> Result<Rules, String> {
        let here = match directory {
            Some(directory) => directory.to_path_buf(),
            None => std::env::current_dir().map_err(|error| error.to_string())?,
        };
        let unsaved = here.join("Dockerfile");
        let path = path.unwrap_or(&unsaved);
        let mut standing = match self.standing.take() {
            Some(standing) => standing,
            None => Standing::read(&here).map_err(|failure| failure.text)?,
        };
        let rules = standing.of(path).map_err(|failure| failure.text);
        self.standing = Some(standing);
        rules.map(|rules| Rules {
            selection: rules.selection,
            options: rules.options,
            ignore_comments: rules.ignore_comments,
        })
    }

    fn forget(&mut self) {
        self.standing = None;
    }

    fn entries(&mut self, path: &Path, directory: &str) -> Vec<Entry> {
        path.parent()
            .and_then(|context| entries(context, path, Path::new(directory)))
            .unwrap_or_default()
    }

    fn image(&mut self, name: &str) -> Option<Image> {
        // Nobody who hovers wants a store to be made.
        let root = Machine::store_directory(self.root.as_deref()).ok()?;
        if !root.is_dir() {
            return None;
        }
        // Held open it would keep a prune waiting.
        image(&Machine::store_alone(Some(&root)).ok()?, name)
    }
}

/// The entries of a directory of a context, without those that the ignore file keeps out.
fn entries(context: &Path, dockerfile: &Path, directory: &Path) -> Option<Vec<Entry>> {
    let is_below = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !directory.components().all(is_below) {
        return None;
    }
    // A link may lead out of the context; COPY would not follow it.
    let context = fs::canonicalize(context).ok()?;
    let inside = fs::canonicalize(context.join(directory)).ok()?;
    let below = inside.strip_prefix(&context).ok()?;
    let ignore = find_ignore(&context, Some(dockerfile)).unwrap_or_default().ignore;
    let mut entries = Vec::new();
    for entry in fs::read_dir(&inside).ok()?.take(MOST_LOOKED_AT).flatten() {
        // What is no text can't be written in a Dockerfile.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = below.join(&name);
        let path = path.as_os_str().as_encoded_bytes();
        let is_out = match is_directory {
            true => !ignore.may_include_below(path),
            false => ignore.excludes(path),
        };
        if !is_out {
            entries.push(Entry { name, is_directory });
        }
    }
    entries.sort();
    entries.truncate(MOST_ENTRIES);
    Some(entries)
}

fn image(store: &Store, name: &str) -> Option<Image> {
    let name = name.parse::<Reference>().ok()?.or_latest().to_string();
    let record = store.image_named(&name).ok()??;
    let config = store.read_blob(&record.id, LARGEST_CONFIG).ok()?;
    let config = ImageConfig::from_bytes(&config).ok()?;
    let made_by = config.history.iter().filter(|step| !step.empty_layer);
    let mut made_by = made_by.map(|step| step.created_by.clone());
    let layers = record.layers.iter().map(|layer| {
        let known = layer.content.and_then(|content| store.layer_of(&content).ok()?);
        ImageLayer {
            made_by: made_by.next().unwrap_or_default(),
            size: known.map(|known| known.size),
        }
    });
    let environment = config.config.env.iter().map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    });
    Some(Image {
        id: record.id.to_string(),
        platform: config.platform().to_string(),
        created: config.created.clone(),
        size: record.size,
        layers: layers.collect(),
        environment: environment.collect(),
        user: config.config.user.clone(),
        working_directory: config.config.working_dir.clone(),
    })
}
