//! `varve history`: how the layers of an image came about.

use super::arguments::HistoryArguments;
use super::failed;
use super::table::{Column, show};
use super::words::{ago, document_time, size};
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::cli::print;
use crate::images;
use crate::layer::Time;
use crate::oci::parse_time;
use crate::store::now;
use serde_json::{Value, json};

const HEADINGS: [Column; 6] = [
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

/// Characters of an instruction that are shown.
const SHOWN: usize = 45;
/// What stands for the images that steps once were.
const MISSING: &str = "<missing>";

pub(super) fn run(arguments: &HistoryArguments) -> Result<Exit, Failure> {
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let image = images::find(&store, &arguments.image).map_err(|error| failed(&error))?;
    let sizes = image.layer_sizes(&store).map_err(|error| failed(&error))?;
    let mut sizes = sizes.into_iter();
    let mut rows: Vec<Value> = Vec::new();
    for line in &image.config.history {
        let bytes = match line.empty_layer {
            true => 0,
            false => sizes.next().flatten().unwrap_or_default(),
        };
        let time = line.created.as_deref().and_then(parse_time);
        let time = time.map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
        let created_at = time.map(document_time).unwrap_or_default();
        let since = match (time, arguments.human) {
            (Some(time), true) => ago(time, now()),
            (Some(_), false) => created_at.clone(),
            (None, _) => "N/A".to_owned(),
        };
        // One line, whatever a heredoc holds.
        let mut created_by = line.created_by.replace(['\t', '\n', '\r'], " ");
        if !arguments.no_trunc && created_by.chars().count() > SHOWN {
            created_by = created_by.chars().take(SHOWN - 1).collect::<String>() + "…";
        }
        let bytes = match arguments.human {
            true => size(bytes),
            false => bytes.to_string(),
        };
        rows.push(json!({
            "ID": MISSING,
            "CreatedSince": since,
            "CreatedAt": created_at,
            "CreatedBy": created_by,
            "Size": bytes,
            "Comment": line.comment,
        }));
    }
    rows.reverse();
    if let Some(row) = rows.first_mut() {
        row["ID"] = match arguments.no_trunc {
            true => image.id().to_string().into(),
            false => image.id().hex()[..12].into(),
        };
    }
    if arguments.quiet {
        for row in rows {
            print(row["ID"].as_str().unwrap_or_default())?;
        }
        return Ok(Exit::Done);
    }
    let columns = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
    show(rows, arguments.format.as_deref(), &columns, &HEADINGS)
}
