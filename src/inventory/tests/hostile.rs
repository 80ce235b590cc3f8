use super::programs::zip;
use super::*;

/// Whatever is cut off, turned or repeated, an inventory comes out.
#[test]
fn damage_is_survived() {
    let archive = zip(&[(
        "META-INF/maven/a/b/pom.properties",
        b"groupId=a\nartifactId=b\nversion=1\n",
    )]);
    let lock = br#"{"packages": {"node_modules/a": {"version": "1.0.0"}}}"#.to_vec();
    let sqlite = {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let database = rusqlite::Connection::open(&path).unwrap();
        database
            .execute_batch("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB); INSERT INTO Packages VALUES (1, zeroblob(9000));")
            .unwrap();
        drop(database);
        std::fs::read(path).unwrap()
    };
    for (path, good) in [
        ("a.jar", archive),
        ("package-lock.json", lock),
        ("var/lib/rpm/rpmdb.sqlite", sqlite),
    ] {
        let step = (good.len() / 300).max(1);
        for at in (0..good.len()).step_by(step) {
            take(&Memory::default().with(path, &good[..at]));
            for value in [0, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                take(&Memory::default().with(path, bad));
            }
        }
    }
}

#[test]
fn deep_nesting_is_a_note() {
    let deep = format!(
        "{}{}",
        "{\"dependencies\": {\"a\": ".repeat(100_000),
        "}}".repeat(100_000)
    );
    let inventory = take(&Memory::default().with("package-lock.json", deep));
    assert_eq!(inventory.notes.len(), 1);
}

#[test]
fn notes_have_no_control_characters() {
    let inventory = take(&Memory::default().with("\u{1b}[2J/package-lock.json", "{"));
    assert_eq!(inventory.notes.len(), 1);
    assert!(!inventory.notes[0].contains('\u{1b}'), "{:?}", inventory.notes);
}

#[test]
fn names_with_control_characters_are_no_packages() {
    let lock =
        r#"{"packages": {"node_modules/a\u001b[31m": {"version": "1.0.0"}, "node_modules/b": {"version": "\n"}}}"#;
    let inventory = take(&Memory::default().with("package-lock.json", lock));
    assert!(inventory.packages.is_empty());
}

#[test]
fn a_small_archive_with_a_large_member_is_not_unpacked() {
    let bomb = zip(&[("META-INF/maven/a/b/pom.properties", &vec![b'\n'; 64 << 20])]);
    assert!(bomb.len() < 1 << 20);
    let mut lying = bomb.clone();
    // The size in the directory is a lie.
    let at = lying.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
    lying[at + 24..at + 28].copy_from_slice(&8_u32.to_le_bytes());
    for archive in [bomb, lying] {
        assert!(take(&Memory::default().with("x.jar", archive)).packages.is_empty());
    }
}
