//! Goes through a root file system, and gives each file that tells of software to whoever reads its form.

use super::files::{Budget, FileFact, Files, LARGEST_TEXT, Reader};
use super::os_release::OsRelease;
use super::package::{Ecosystem, Evidence, Found, Inventory, Package};
use super::{apk, copyright, dotnet, dpkg, elf, golang, java, npm, php, pnpm, python, rpm, ruby, rust, yarn};
use std::collections::{BTreeMap, BTreeSet};

/// Most sentences about what could not be read.
const MOST_NOTES: usize = 100;
/// Largest section of a program, in bytes.
const LARGEST_SECTION: u64 = 16 << 20;

/// What a file may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Dpkg,
    Apk,
    Rpm(rpm::Form),
    NpmLock,
    NpmInstalled,
    Yarn,
    Pnpm,
    CargoLock,
    GoModule,
    GoSum,
    PythonMetadata,
    Requirements,
    PythonLock,
    Pipfile,
    GemLock,
    GemInstalled,
    Composer,
    Java,
    Dotnet,
    Program,
}

/// Whether a file may tell of software, by its path and whether it can be executed; or says what the system is.
pub fn wanted(path: &str, executable: bool) -> bool {
    form(path, executable).is_some() || matches!(path, ETC_RELEASE | USR_RELEASE) || path.ends_with("/copyright")
}

const ETC_RELEASE: &str = "etc/os-release";
const USR_RELEASE: &str = "usr/lib/os-release";

/// Takes the inventory of a root file system.
pub fn take(files: &dyn Files) -> Inventory {
    let mut all: Vec<&FileFact> = files.all().iter().collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    let mut taker = Taker {
        files,
        by_path: all.iter().map(|file| (file.path.as_str(), *file)).collect(),
        budget: Budget::default(),
        os: None,
        found: Found::default(),
        notes: Vec::new(),
    };
    // Most have the second and a link to it.
    taker.os = [ETC_RELEASE, USR_RELEASE]
        .iter()
        .find_map(|path| Some(OsRelease::read(&taker.text(taker.by_path.get(path)?)?)));
    let modules: BTreeSet<&str> = all.iter().filter_map(|file| file.path.strip_suffix("go.mod")).collect();
    for file in all {
        let Some(form) = form(&file.path, file.executable) else {
            continue;
        };
        // What a `go.sum` lists is more than what is used; the file beside it says that.
        if form == Form::GoSum && file.path.strip_suffix("go.sum").is_some_and(|it| modules.contains(it)) {
            continue;
        }
        match taker.packages(form, file) {
            Some(packages) => packages.into_iter().for_each(|package| taker.add(package, file)),
            None => taker.note(format!(
                "`{}` can't be read as what its name says",
                file.path.escape_debug()
            )),
        }
    }
    if taker.found.is_full() {
        taker.notes.push("there are more packages than are listed".to_owned());
    }
    Inventory {
        os: taker.os,
        packages: taker.found.finish(),
        notes: taker.notes,
    }
}

fn form(path: &str, executable: bool) -> Option<Form> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let known = match name {
        "status" if folder == "var/lib/dpkg" => Form::Dpkg,
        _ if folder == "var/lib/dpkg/status.d" && !name.ends_with(".md5sums") => Form::Dpkg,
        "installed" if matches!(folder, "lib/apk/db" | "usr/lib/apk/db") => Form::Apk,
        _ if rpm::FOLDERS.contains(&folder) => Form::Rpm(rpm::form_of(name)?),
        "package-lock.json" | "npm-shrinkwrap.json" => Form::NpmLock,
        "package.json" if npm::is_installed(path) => Form::NpmInstalled,
        "yarn.lock" => Form::Yarn,
        "pnpm-lock.yaml" => Form::Pnpm,
        "Cargo.lock" => Form::CargoLock,
        "go.mod" => Form::GoModule,
        "go.sum" => Form::GoSum,
        "requirements.txt" => Form::Requirements,
        "poetry.lock" | "uv.lock" => Form::PythonLock,
        "Pipfile.lock" => Form::Pipfile,
        "Gemfile.lock" => Form::GemLock,
        "composer.lock" => Form::Composer,
        "installed.json" if folder.ends_with("vendor/composer") => Form::Composer,
        _ if python::is_metadata(path) => Form::PythonMetadata,
        _ if ruby::is_specification(path) => Form::GemInstalled,
        _ if java::is_archive(name) => Form::Java,
        _ if name.ends_with(".deps.json") => Form::Dotnet,
        _ if executable => Form::Program,
        _ => return None,
    };
    Some(known)
}

struct Taker<'a> {
    files: &'a dyn Files,
    by_path: BTreeMap<&'a str, &'a FileFact>,
    budget: Budget,
    os: Option<OsRelease>,
    found: Found,
    notes: Vec<String>,
}

impl Taker<'_> {
    /// What a file tells; `None` when it is damaged, too large, or can't be had.
    fn packages(&self, form: Form, file: &FileFact) -> Option<Vec<Package>> {
        let os = self.os.as_ref();
        let text = || self.text(file);
        let bytes = || self.reader(file)?.whole(LARGEST_TEXT);
        Some(match form {
            Form::Dpkg => dpkg::read(&text()?, os),
            Form::Apk => apk::read(&text()?, os),
            Form::Rpm(form) => rpm::read(form, &self.reader(file)?, os)?,
            Form::NpmLock => npm::lock(&bytes()?)?,
            // Packages may bring such files as examples, which say nothing.
            Form::NpmInstalled => npm::installed(&bytes()?).into_iter().collect(),
            Form::Yarn => yarn::read(&text()?),
            Form::Pnpm => pnpm::read(&text()?),
            Form::CargoLock => rust::lock(&text()?)?,
            Form::GoModule => golang::module(&text()?),
            Form::GoSum => golang::sum(&text()?),
            Form::PythonMetadata => python::metadata(&text()?).into_iter().collect(),
            Form::Requirements => python::requirements(&text()?),
            Form::PythonLock => python::lock(&text()?)?,
            Form::Pipfile => python::pipfile(&bytes()?)?,
            Form::GemLock => ruby::lock(&text()?),
            Form::GemInstalled => ruby::specification(&text()?).into_iter().collect(),
            Form::Composer => php::read(&bytes()?)?,
            Form::Java => java::read(&file.path, &self.reader(file)?)?,
            Form::Dotnet => dotnet::read(&bytes()?)?,
            Form::Program => self.program(file).unwrap_or_default(),
        })
    }

    /// What a program says that it was made of; most say nothing.
    fn program(&self, file: &FileFact) -> Option<Vec<Package>> {
        let reader = self.reader(file)?;
        let elf = elf::Elf::read(&reader)?;
        let audited = elf.section(rust::SECTION, LARGEST_SECTION);
        match audited.and_then(|section| rust::audited(&section)) {
            Some(packages) => Some(packages),
            None => golang::program(&elf),
        }
    }

    fn add(&mut self, mut package: Package, file: &FileFact) {
        if package.ecosystem == Ecosystem::Deb {
            let copyright = self.by_path.get(dpkg::copyright_of(&package.name).as_str());
            let text = copyright.and_then(|copyright| self.text(copyright));
            package.licenses = text.map(|text| copyright::licenses(&text)).unwrap_or_default();
        }
        let evidence = Evidence {
            path: file.path.clone(),
            layer: file.layer,
        };
        self.found.add(package, evidence);
    }

    fn reader(&self, file: &FileFact) -> Option<Reader<'_>> {
        let bytes = self.files.open(file).ok()?;
        Some(Reader::new(bytes, file.size, &self.budget))
    }

    fn text(&self, file: &FileFact) -> Option<String> {
        let bytes = self.reader(file)?.whole(LARGEST_TEXT)?;
        Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(note);
        }
    }
}
