//! Finds the settings that hold for a file.
//!
//! First the environment, then one file, then the command line; see `docs/lint.md`.

use super::arguments::{format, label, threshold};
use crate::cli::failure::{Exit, Failure};
use crate::cli::note;
use crate::lint::config::{Complaint, Kind, Settings, hadolint_yaml, varve_toml};
use crate::lint::{Selection, canonical};
use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a configuration that are read.
const LARGEST: u64 = 1 << 20;

/// All that is known about settings.
#[derive(Debug)]
pub(super) struct Configuration {
    environment: Settings,
    command: Settings,
    /// The file that was named, or else hadolint's.
    file: Option<Found>,
    /// Whether it was named, so that no other is looked for.
    is_named: bool,
    /// As hadolint: broken files are passed over, and no other kind is looked for.
    as_hadolint: bool,
    /// By directory: what holds for files there.
    known: HashMap<PathBuf, Arc<Holding>>,
}

/// What holds for files of one directory.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// The sum of all.
    pub(super) settings: Settings,
    /// The file that has a part in it.
    pub(super) file: Option<PathBuf>,
}

impl Holding {
    /// The rules for the file at `path`.
    pub(super) fn selection(&self, path: &Path) -> Selection {
        self.settings.selection(self.relative(path).as_deref())
    }

    /// `path` from where the configuration is.
    fn relative(&self, path: &Path) -> Option<PathBuf> {
        let directory = std::path::absolute(self.file.as_ref()?).ok()?;
        let path = std::path::absolute(path).ok()?;
        path.strip_prefix(directory.parent()?).ok().map(Path::to_path_buf)
    }
}

#[derive(Debug)]
struct Found {
    path: PathBuf,
    settings: Settings,
}

impl Configuration {
    /// Reads the environment, and the file `named` or hadolint's own, which is looked for `here` first.
    pub(super) fn new(
        command: Settings,
        named: Option<&Path>,
        here: &Path,
        as_hadolint: bool,
    ) -> Result<Self, Failure> {
        let mut configuration = Self {
            environment: environment(as_hadolint)?,
            command,
            file: None,
            is_named: named.is_some(),
            as_hadolint,
            known: HashMap::new(),
        };
        configuration.file = match named {
            Some(path) => Some(configuration.read(path)?.unwrap_or(Found {
                path: path.to_path_buf(),
                settings: Settings::default(),
            })),
            None => match hadolints(here).into_iter().find(|path| path.is_file()) {
                Some(path) => configuration.read(&path)?,
                None => None,
            },
        };
        Ok(configuration)
    }

    /// What holds for files of `directory`, an absolute path.
    pub(super) fn holding(&mut self, directory: &Path) -> Result<Arc<Holding>, Failure> {
        if let Some(known) = self.known.get(directory) {
            return Ok(Arc::clone(known));
        }
        let found = match self.is_named || self.as_hadolint {
            true => None,
            false => self.upwards(directory)?,
        };
        let found = found.as_ref().or(self.file.as_ref());
        let mut settings = self.environment.clone();
        if let Some(found) = found {
            settings = settings.and(found.settings.clone());
        }
        if !self.as_hadolint && !self.command.formats.is_empty() {
            // hadolint writes them all; who names a format wants that one.
            settings.formats.clear();
        }
        let holding = Arc::new(Holding {
            settings: settings.and(self.command.clone()),
            file: found.map(|found| found.path.clone()),
        });
        self.known.insert(directory.to_path_buf(), Arc::clone(&holding));
        Ok(holding)
    }

    /// The nearest `varve.toml` with a table for this, in `directory` or above.
    fn upwards(&self, directory: &Path) -> Result<Option<Found>, Failure> {
        for directory in directory.ancestors() {
            let path = directory.join("varve.toml");
            if path.is_file()
                && let Some(found) = self.read(&path)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn read(&self, path: &Path) -> Result<Option<Found>, Failure> {
        let text = text(path).map_err(|error| {
            let text = format!("error: cannot read the configuration `{}`: {error}", path.display());
            let exit = if self.as_hadolint { Exit::Failed } else { Exit::Usage };
            Failure { text, exit }
        })?;
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let (settings, complaints) = match is_toml {
            true => varve_toml(&text),
            false => {
                let (settings, complaints) = hadolint_yaml(&text);
                (Some(settings), complaints)
            }
        };
        let found = settings.map(|settings| Found {
            path: path.to_path_buf(),
            settings,
        });
        if self.as_hadolint {
            let broken: Vec<Complaint> = complaints.into_iter().filter(|it| it.kind == Kind::Broken).collect();
            if broken.is_empty() {
                return Ok(found);
            }
            note(&told(path, "warning: the configuration is not used", &broken));
            return Ok(None);
        }
        match complaints.is_empty() {
            true => Ok(found),
            false => Err(Failure {
                text: told(path, "error", &complaints),
                exit: Exit::Usage,
            }),
        }
    }
}

fn told(path: &Path, word: &str, complaints: &[Complaint]) -> String {
    let told: Vec<String> = complaints
        .iter()
        .take(20)
        .map(|complaint| match &complaint.help {
            Some(help) => format!("{word}: {}:{complaint}\nhelp: {help}", path.display()),
            None => format!("{word}: {}:{complaint}", path.display()),
        })
        .collect();
    // A file is free to have control characters in its keys; the terminal is not theirs.
    told.join("\n")
        .replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8 text"))
}

/// Where hadolint looks, in its order, when it is started `here`.
fn hadolints(here: &Path) -> Vec<PathBuf> {
    let mut bases = vec![here.join(".hadolint")];
    let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let config = env::var_os("XDG_CONFIG_HOME").filter(|config| !config.is_empty());
    let config = config
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".config")));
    bases.extend(config.map(|config| config.join("hadolint")));
    if let Some(home) = home {
        bases.push(home.join(".hadolint/hadolint"));
        bases.push(home.join(".hadolint/config"));
        bases.push(home.join(".hadolint"));
    }
    let both = bases.iter().flat_map(|base| {
        ["yaml", "yml"].map(|extension| {
            let mut path = base.clone().into_os_string();
            path.push(".");
            path.push(extension);
            PathBuf::from(path)
        })
    });
    both.collect()
}

/// The variables of hadolint. Values that make no sense count as not there with hadolint, and are errors with us.
fn environment(as_hadolint: bool) -> Result<Settings, Failure> {
    let value = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let truth = |name: &str| {
        value(name).map(|value| matches!(value.to_lowercase().as_str(), "1" | "y" | "on" | "true" | "yes"))
    };
    let list = |name: &str| -> Vec<String> {
        let value = value(name).unwrap_or_default();
        value
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let fails = |name: &str, why: String| -> Result<(), Failure> {
        match as_hadolint {
            true => Ok(()),
            false => Err(Failure {
                text: format!("error: `{name}`: {why}"),
                exit: Exit::Usage,
            }),
        }
    };
    let codes = |name: &str| -> Result<Vec<String>, Failure> {
        let mut codes = Vec::new();
        for word in list(name) {
            match (as_hadolint, canonical(&word)) {
                (false, None) => fails(name, format!("no rule `{word}`"))?,
                (false, Some(code)) => codes.push(code),
                (true, _) => codes.push(word),
            }
        }
        Ok(codes)
    };
    let mut settings = Settings {
        ignored: codes("HADOLINT_IGNORE")?,
        trusted_registries: list("HADOLINT_TRUSTED_REGISTRIES"),
        strict_labels: truth("HADOLINT_STRICT_LABELS"),
        disable_ignore_pragma: truth("HADOLINT_DISABLE_IGNORE_PRAGMA"),
        no_fail: truth("HADOLINT_NOFAIL"),
        no_color: value("NO_COLOR").map(|_| true),
        verbose: truth("HADOLINT_VERBOSE"),
        ..Settings::default()
    };
    for (level, name) in [
        (crate::lint::Level::Error, "HADOLINT_OVERRIDE_ERROR"),
        (crate::lint::Level::Warning, "HADOLINT_OVERRIDE_WARNING"),
        (crate::lint::Level::Info, "HADOLINT_OVERRIDE_INFO"),
        (crate::lint::Level::Style, "HADOLINT_OVERRIDE_STYLE"),
    ] {
        settings
            .levels
            .extend(codes(name)?.into_iter().map(|code| (level, code)));
    }
    if let Some(word) = value("HADOLINT_FORMAT") {
        match format(&word) {
            Ok(format) => settings.formats.push(format),
            Err(why) => fails("HADOLINT_FORMAT", why)?,
        }
    }
    if let Some(word) = value("HADOLINT_FAILURE_THRESHOLD") {
        match threshold(&word) {
            Ok(level) => settings.failure_threshold = Some(level),
            Err(why) => fails("HADOLINT_FAILURE_THRESHOLD", why)?,
        }
    }
    for word in list("HADOLINT_REQUIRE_LABELS") {
        match label(&word) {
            Ok((name, kind)) => {
                settings.label_schema.insert(name, kind);
            }
            Err(why) => fails("HADOLINT_REQUIRE_LABELS", why)?,
        }
    }
    Ok(settings)
}
