//! `varve tag` and `varve rmi`.

use super::arguments::{RemoveArguments, TagArguments};
use super::{each, failed};
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::cli::{build, note, print};
use crate::images::{self, ImagesError, StoredImage};
use crate::oci::Reference;
use crate::store::{Store, StoreError};

pub(super) fn tag(arguments: &TagArguments) -> Result<Exit, Failure> {
    let names: Vec<Reference> = arguments
        .names
        .iter()
        .map(|name| build::tag(name))
        .collect::<Result<_, _>>()?;
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let image = images::find(&store, &arguments.image).map_err(|error| failed(&error))?;
    let named = store.write(|records| {
        names.into_iter().try_for_each(|name| {
            let name = name.or_latest().to_string();
            match &image.top {
                Some(top) => records.put_name_of_top(&name, image.id(), &top.digest),
                None => records.put_name(&name, image.id()),
            }
        })
    });
    named.map_err(|error: StoreError| failed(&error))?;
    Ok(Exit::Done)
}

pub(super) fn remove(arguments: &RemoveArguments) -> Result<Exit, Failure> {
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    each(&arguments.images, |text| remove_one(&store, text, arguments.force))
}

fn remove_one(store: &Store, text: &str, force: bool) -> Result<(), Failure> {
    let image = match images::find(store, text) {
        Ok(image) => image,
        Err(error @ ImagesError::NotFound(_)) if force => {
            note(&failed(&error).text);
            return Ok(());
        }
        Err(error) => return Err(failed(&error)),
    };
    // A name that was given counts before an ID, as when it is looked up.
    let name = text.parse::<Reference>().ok().map(|name| name.or_latest().to_string());
    let name = name.filter(|name| image.names.contains(name));
    let lost: Vec<String> = match &name {
        Some(name) => vec![name.clone()],
        None if image.names.len() > 1 && !force => {
            return Err(Failure::machine(format!(
                "the image `{text}` has several names: {}; remove these, or all at once with `--force`",
                image.familiar().join(", ")
            )));
        }
        None if image.names.is_empty() && is_led_to(store, &image)? && !force => {
            return Err(Failure::machine(format!(
                "an index with a name leads to the image `{text}`: remove that name, or the image with `--force`"
            )));
        }
        None => image.names.clone(),
    };
    let gone = store.write(|records| {
        for name in &lost {
            records.remove_name(name)?;
        }
        let mut gone = records.remove_unnamed_tops()?;
        // An index with a name may still lead to it.
        let needed = records.led_to()?.contains(image.id()) && !force;
        if !needed && !gone.contains(image.id()) && records.names_of(image.id())?.is_empty() {
            records.remove_image(image.id())?;
            gone.push(*image.id());
        }
        Ok(gone)
    });
    let gone = gone.map_err(|error: StoreError| failed(&error))?;
    for name in lost {
        let short = name.parse::<Reference>().map_or(name, |it| it.familiar());
        print(&format!("Untagged: {short}"))?;
    }
    for digest in gone {
        print(&format!("Deleted: {digest}"))?;
    }
    Ok(())
}

fn is_led_to(store: &Store, image: &StoredImage) -> Result<bool, Failure> {
    let led_to = store.read(|records| records.led_to());
    let led_to = led_to.map_err(|error: StoreError| failed(&error))?;
    Ok(led_to.contains(image.id()))
}
