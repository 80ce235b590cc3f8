//! The files of a commit, in a directory.

use super::fetch::Repository;
use super::program::user_of;
use super::{Commit, GitError, Session};
use std::fs;
use std::io;
use std::path::Path;
use walkdir::WalkDir;

/// What says that a submodule can't be had without its history.
const NO_DEPTH: [&str; 5] = ["--depth", "shallow", "not our ref", "unadvertised", "did not contain"];

impl Session<'_> {
    /// Fetches the commit and moves its files, or those of the wanted subdirectory, into the empty directory `target`,
    /// which has to be on the file system of the session's scratch directory. Returns when the commit was made, in
    /// seconds since 1970.
    ///
    /// Links in it are as the repository has them: none was followed, and they may point anywhere.
    ///
    /// # Errors
    /// [`GitError::NoCommit`], [`GitError::NoDirectory`], and whatever keeps git from fetching.
    pub fn check_out(&self, commit: &Commit, target: &Path) -> Result<i64, GitError> {
        let keep = self.source.keeps_git_dir();
        let files = self.scratch.join("files");
        let beside = self.scratch.join("repository");
        for directory in [&files, &beside] {
            fs::create_dir(directory).map_err(GitError::file("create", directory))?;
        }
        let directory = if keep { &files } else { &beside }.join(".git");
        let repository = Repository {
            directory: directory.to_str().ok_or_else(|| {
                GitError::file("use", &directory)(io::Error::other("the store's path is no UTF-8 text"))
            })?,
            files: &files,
        };
        self.fetch(repository, commit, keep)?;
        self.own(
            repository,
            &["checkout", "--quiet", "--force", "--detach", &commit.object],
        )?;
        // A file of another kind is not read by git either.
        let has_submodules = fs::symlink_metadata(files.join(".gitmodules")).is_ok_and(|it| it.is_file());
        if self.source.submodules && has_submodules {
            self.submodules(repository)?;
        }
        let time = self.time(repository, commit)?;
        if keep {
            self.tidy(repository, &directory)?;
        } else if has_submodules {
            remove_links(&files)?;
        }
        let wanted = self.subdirectory(&files, commit)?;
        move_all(&wanted, target)?;
        Ok(time)
    }

    fn submodules(&self, repository: Repository<'_>) -> Result<(), GitError> {
        let mut all = vec![
            "submodule",
            "update",
            "--init",
            "--recursive",
            "--force",
            "--progress",
            "--depth=1",
        ];
        let mut said = self.network(repository, &all)?;
        if !said.good && said.mentions(&NO_DEPTH) {
            all.retain(|word| *word != "--depth=1");
            said = self.network(repository, &all)?;
        }
        match said.good {
            true => Ok(()),
            false => Err(self.failed("fetch the submodules of", &said)),
        }
    }

    fn time(&self, repository: Repository<'_>, commit: &Commit) -> Result<i64, GitError> {
        let what = format!("{}^{{commit}}", commit.object);
        let said = self.own(repository, &["log", "-1", "--format=%ct", &what, "--"])?;
        let time = String::from_utf8_lossy(&said).trim().parse();
        time.map_err(|_| GitError::BadRefs(self.source.public_remote()))
    }

    /// Takes out of a `.git` that stays what tells of the fetch: passwords, and notes of the moment.
    fn tidy(&self, repository: Repository<'_>, directory: &Path) -> Result<(), GitError> {
        let public = self.source.public_remote();
        self.own(repository, &["remote", "set-url", "--", "origin", &public])?;
        let fetched = directory.join("FETCH_HEAD");
        absent(fs::remove_file(&fetched)).map_err(GitError::file("remove", &fetched))?;
        // Submodules with relative addresses have the password as well.
        let Some((user, _)) = user_of(&self.source.remote) else {
            return Ok(());
        };
        let secret = format!("{user}@");
        for entry in WalkDir::new(directory) {
            let entry = entry.map_err(|error| walking(directory, error))?;
            let path = entry.path();
            let has_addresses = matches!(entry.file_name().to_str(), Some("config" | "FETCH_HEAD"));
            if entry.file_type().is_file() && has_addresses {
                let text = fs::read_to_string(path).map_err(GitError::file("read", path))?;
                fs::write(path, text.replace(&secret, "")).map_err(GitError::file("write", path))?;
            }
        }
        Ok(())
    }

    /// The wanted directory. No link is followed on the way: it might lead anywhere.
    fn subdirectory(&self, files: &Path, commit: &Commit) -> Result<std::path::PathBuf, GitError> {
        let mut path = files.to_path_buf();
        for name in self.source.subdir.split('/').filter(|name| !name.is_empty()) {
            path.push(name);
            if !fs::symlink_metadata(&path).is_ok_and(|it| it.is_dir()) {
                return Err(GitError::NoDirectory {
                    remote: self.source.public_remote(),
                    commit: commit.id.clone(),
                    subdir: self.source.subdir.clone(),
                });
            }
        }
        Ok(path)
    }
}

/// Removes what links submodules to their repositories. git never checks out a file of this name.
fn remove_links(files: &Path) -> Result<(), GitError> {
    for entry in WalkDir::new(files) {
        let entry = entry.map_err(|error| walking(files, error))?;
        if entry.file_name() == ".git" && !entry.file_type().is_dir() {
            fs::remove_file(entry.path()).map_err(GitError::file("remove", entry.path()))?;
        }
    }
    Ok(())
}

fn move_all(from: &Path, to: &Path) -> Result<(), GitError> {
    for entry in fs::read_dir(from).map_err(GitError::file("read", from))? {
        let entry = entry.map_err(GitError::file("read", from))?;
        let path = entry.path();
        fs::rename(&path, to.join(entry.file_name())).map_err(GitError::file("move", path))?;
    }
    Ok(())
}

fn walking(directory: &Path, error: walkdir::Error) -> GitError {
    let path = error.path().unwrap_or(directory).to_path_buf();
    let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
    GitError::file("walk through", path)(source)
}

fn absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
