//! The SQLite file: opening it cheaply, its format, and transactions.

use super::{Records, StoreError};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The newest format of the database that this program knows.
pub(super) const FORMAT: i64 = 3;

/// How long to wait for another writer; their transactions take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections kept for reuse: about the number of workers.
const IDLE: usize = 16;

const TABLES: &str = "
CREATE TABLE steps (
    key BLOB PRIMARY KEY, content BLOB NOT NULL, created_s INTEGER NOT NULL, created_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL, place TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX steps_by_place ON steps (place, used);
CREATE TABLE ingredients (key BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (content BLOB PRIMARY KEY, diff_id BLOB NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE imports (diff_id BLOB PRIMARY KEY, content BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX imports_by_content ON imports (content);
CREATE TABLE blobs (
    diff_id BLOB NOT NULL, compression TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, compression)
) WITHOUT ROWID;
CREATE TABLE memos (
    kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE images (
    id BLOB PRIMARY KEY, manifest BLOB, layers TEXT NOT NULL, created_s INTEGER NOT NULL, created_ns INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE TABLE names (name TEXT PRIMARY KEY, image BLOB NOT NULL, top BLOB) WITHOUT ROWID;
CREATE INDEX names_by_image ON names (image);
CREATE TABLE tops (digest BLOB PRIMARY KEY, images TEXT NOT NULL, blobs TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 3;
";

/// From format 2, in which a name led to one image.
const FROM_2: &str = "
ALTER TABLE names ADD COLUMN top BLOB;
CREATE TABLE tops (digest BLOB PRIMARY KEY, images TEXT NOT NULL, blobs TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 3;
";

/// From format 1, which wrote five pages for a step instead of three.
const FROM_1: &str = "
DROP INDEX steps_by_content;
ALTER TABLE ingredients RENAME TO old_ingredients;
CREATE TABLE ingredients (key BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO ingredients (key, body) SELECT key, body FROM old_ingredients;
DROP TABLE old_ingredients;
PRAGMA user_version = 2;
";

/// The database of a store: a few connections, one for each thread that is inside at the moment.
pub(super) struct Database {
    root: PathBuf,
    idle: Mutex<Vec<Link>>,
}

struct Link {
    connection: Connection,
    /// Whether it has been told how to write.
    writer: Cell<bool>,
}

impl Database {
    /// Opens the database in the folder `root`, and makes its tables when it is new.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        let database = Self {
            root: root.to_owned(),
            idle: Mutex::default(),
        };
        let link = database.connect()?;
        let found = database.format(&link.connection)?;
        if found > FORMAT {
            return Err(database.future(found));
        }
        if found < FORMAT {
            database.create(&link)?;
        }
        database.give_back(link);
        Ok(database)
    }

    pub(super) fn read<T, E: From<StoreError>>(&self, look: impl FnOnce(&Records<'_>) -> Result<T, E>) -> Result<T, E> {
        let link = self.take()?;
        let result = {
            let transaction = rusqlite::Transaction::new_unchecked(&link.connection, TransactionBehavior::Deferred)
                .map_err(|source| self.error("begin to read", source))?;
            look(&Records::new(&transaction, &self.root))
            // Dropping a transaction that wrote nothing ends it.
        };
        self.give_back(link);
        result
    }

    /// One look-up: as [`Database::read`], but SQLite's own transaction of one statement is cheaper.
    pub(super) fn read_one<T>(
        &self,
        look: impl FnOnce(&Records<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let link = self.take()?;
        let result = look(&Records::new(&link.connection, &self.root));
        self.give_back(link);
        result
    }

    pub(super) fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&Records<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let link = self.take()?;
        let result = self.write_on(&link, write);
        self.give_back(link);
        result
    }

    fn write_on<T, E: From<StoreError>>(
        &self,
        link: &Link,
        write: impl FnOnce(&Records<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.prepare_to_write(link)
            .map_err(|source| self.error("prepare to write", source))?;
        // Immediate: a transaction that becomes a writer later fails at once when another one was faster.
        let transaction = rusqlite::Transaction::new_unchecked(&link.connection, TransactionBehavior::Immediate)
            .map_err(|source| self.error("begin to write", source))?;
        let value = write(&Records::new(&transaction, &self.root))?;
        transaction.commit().map_err(|source| self.error("write", source))?;
        Ok(value)
    }

    fn connect(&self) -> Result<Link, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Link> {
            let connection = Connection::open_with_flags(self.root.join("varve.db"), flags)?;
            connection.busy_timeout(PATIENCE)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(Link {
                connection,
                writer: Cell::new(false),
            })
        };
        open().map_err(|source| self.error("open a connection", source))
    }

    fn format(&self, connection: &Connection) -> Result<i64, StoreError> {
        connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|source| self.error("read the format", source))
    }

    fn future(&self, found: i64) -> StoreError {
        StoreError::Future {
            root: self.root.clone(),
            found,
            known: FORMAT,
        }
    }

    fn create(&self, link: &Link) -> Result<(), StoreError> {
        let wal = || -> rusqlite::Result<()> {
            if !shares_memory(&self.root) {
                return Ok(());
            }
            // Changing the mode needs the file alone and does not wait, so a crowd of first users takes turns.
            let started = std::time::Instant::now();
            loop {
                match link.connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
                    Err(busy)
                        if busy.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                            && started.elapsed() < PATIENCE =>
                    {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    other => return other,
                }
            }
        };
        wal().map_err(|source| self.error("choose the journal", source))?;
        self.write_on(link, |_| {
            // Another program may have been faster.
            let steps: &[&str] = match self.format(&link.connection)? {
                0 => &[TABLES],
                1 => &[FROM_1, FROM_2],
                2 => &[FROM_2],
                FORMAT => return Ok(()),
                found => return Err(self.future(found)),
            };
            steps.iter().try_for_each(|sql| {
                let done = link.connection.execute_batch(sql);
                done.map_err(|source| self.error("create the tables", source))
            })
        })
    }

    /// Sets what only writers need, once per connection, so that a build that finds everything done does not pay for it.
    fn prepare_to_write(&self, link: &Link) -> rusqlite::Result<()> {
        if link.writer.get() {
            return Ok(());
        }
        let connection = &link.connection;
        let journal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if journal == "wal" {
            // The last commits may be lost in a power cut, but never the database: a lost row is a miss.
            connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        } else {
            connection.query_row("PRAGMA journal_mode = TRUNCATE", [], |_| Ok(()))?;
            connection.execute_batch("PRAGMA synchronous = FULL")?;
        }
        link.writer.set(true);
        Ok(())
    }

    fn take(&self) -> Result<Link, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.connect(), Ok)
    }

    fn give_back(&self, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if link.connection.is_autocommit() && idle.len() < IDLE {
            idle.push(link);
        }
    }

    fn error(&self, action: &'static str, source: rusqlite::Error) -> StoreError {
        StoreError::database(&self.root, action, source)
    }
}

/// Whether programs can share memory through files of this folder, which the write-ahead log needs.
fn shares_memory(folder: &Path) -> bool {
    // Network file systems and FUSE, by the magic numbers of statfs(2).
    const REMOTE: [u64; 9] = [
        0x6969,      // NFS
        0x0102_1997, // 9p
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x517b,      // SMB
        0x6573_5546, // FUSE
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x5346_414f, // AFS
    ];
    match rustix::fs::statfs(folder) {
        #[expect(
            clippy::cast_sign_loss,
            reason = "the magic number is 32 bits wide and its sign has no meaning"
        )]
        Ok(found) => !REMOTE.contains(&u64::from(found.f_type as u32)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_shared_memory_gets_a_rollback_journal() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("varve.db")).unwrap();
        connection.execute_batch(TABLES).unwrap();
        drop(connection);
        let database = Database::open(folder.path()).unwrap();
        let journal = database.write(|records| records.pragma("journal_mode")).unwrap();
        assert_eq!(journal, "truncate");
    }

    #[test]
    fn a_store_of_format_1_keeps_what_it_knows() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("varve.db")).unwrap();
        let old = TABLES
            .replace("body TEXT NOT NULL) WITHOUT ROWID", "body TEXT NOT NULL)")
            .replace(", top BLOB", "")
            .replace("user_version = 3", "user_version = 1");
        let old: String = old
            .lines()
            .filter(|line| !line.starts_with("CREATE TABLE tops"))
            .collect();
        connection.execute_batch(&old).unwrap();
        connection
            .execute_batch(
                "CREATE INDEX steps_by_content ON steps (content);
                 INSERT INTO ingredients (key, body) VALUES (x'01', 'told')",
            )
            .unwrap();
        drop(connection);
        let database = Database::open(folder.path()).unwrap();
        let body = database.read_one(|records| {
            records.find("look", "SELECT body FROM ingredients WHERE key = x'01'", [], |row| {
                row.get::<_, String>(0)
            })
        });
        assert_eq!(body.unwrap().as_deref(), Some("told"));
        let format = database.format(&database.connect().unwrap().connection).unwrap();
        assert_eq!(format, FORMAT);
        let tops = database.read_one(|records| records.tops());
        assert!(tops.unwrap().is_empty());
    }
}
