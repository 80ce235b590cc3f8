//! Holds `src/` to the table of rooms in `docs/ARCHITECTURE.md`.
//!
//! A room names only the rooms in its third column, each of which stands above it, and its front file opens with
//! the sentence of its second column.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

struct Room {
    name: String,
    sentence: String,
    imports: BTreeSet<String>,
}

fn table(markdown: &str) -> Vec<Room> {
    let names = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut rooms: Vec<Room> = Vec::new();
    for line in markdown.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, sentence, imports] = cells[..] else {
            panic!("a row of the table has three cells: {line}")
        };
        let imports = match imports {
            "all above" => rooms.iter().map(|room| room.name.clone()).collect(),
            listed => names(listed).into_iter().collect(),
        };
        rooms.push(Room {
            name: names(name).remove(0),
            sentence: sentence.to_owned(),
            imports,
        });
    }
    rooms
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("src is a tree of directories") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The text without comments, so that docs may name what code may not.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rooms that a file names as `crate::room`, alone or as members of `crate::{…}`.
fn named_rooms(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut rooms = BTreeSet::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        if !rest.starts_with('{') {
            rooms.insert(word(rest));
            continue;
        }
        let mut depth = 0;
        let mut member_begins = false;
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && (c == '{' || c == ',') {
                member_begins = true;
            } else if member_begins && !c.is_whitespace() {
                rooms.insert(word(&rest[at..]));
                member_begins = false;
            }
        }
    }
    rooms
}

fn complaints(root: &Path) -> Vec<String> {
    let rooms = table(&fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the table is there"));
    let known: BTreeMap<&str, usize> = rooms
        .iter()
        .enumerate()
        .map(|(row, room)| (room.name.as_str(), row))
        .collect();
    let mut complaints = Vec::new();
    let folders: BTreeSet<String> = fs::read_dir(root.join("src"))
        .expect("src is there")
        .map(|entry| entry.expect("src can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("rooms have plain names"))
        .collect();
    let listed: BTreeSet<String> = rooms.iter().map(|room| room.name.clone()).collect();
    for name in folders.symmetric_difference(&listed) {
        complaints.push(format!("`{name}` is only in one of src/ and the table"));
    }
    for (row, room) in rooms.iter().enumerate() {
        for import in &room.imports {
            if known.get(import.as_str()).is_none_or(|other| *other >= row) {
                complaints.push(format!(
                    "the table lets `{}` import `{import}`, which does not stand above it",
                    room.name
                ));
            }
        }
        let folder = root.join("src").join(&room.name);
        let front = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
        if front.lines().next() != Some(&format!("//! {}", room.sentence)) {
            complaints.push(format!("src/{}/mod.rs does not open with its sentence", room.name));
        }
        for file in rust_files(&folder) {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            for named in named_rooms(&code(&text)) {
                if known.contains_key(named.as_str()) && named != room.name && !room.imports.contains(&named) {
                    complaints.push(format!("{}: `{}` names `{named}`", file.display(), room.name));
                }
            }
        }
    }
    complaints
}

#[test]
fn the_house_agrees_with_its_table() {
    let complaints = complaints(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_check_sees_what_it_should() {
    let rooms = named_rooms("use crate::{\n    digest::X,\n    layer::{A, plan},\n};\nuse crate::store;");
    assert_eq!(rooms.into_iter().collect::<Vec<_>>(), ["digest", "layer", "store"]);
    assert!(named_rooms(&code("// use crate::cli;")).is_empty());
    let rooms = table("| `a` | Does. | |\n| `b` | Is. | `a` |\n| `c` | All. | all above |\n");
    assert_eq!(rooms[2].imports.len(), 2);
}
