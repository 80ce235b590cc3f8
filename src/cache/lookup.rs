//! Asking the store, and words for a miss.

use super::Ingredients;
use crate::store::{Known, StepDone, StepRecord, Store, StoreError};
use std::fmt;

/// What a look-up found.
#[derive(Debug)]
pub enum Found {
    /// The step is done, and what it left is here, or known to be elsewhere.
    Hit(StepDone, Known),
    /// It is not.
    Miss(MissReason),
}

/// Why a step's result is not there; its `Display` ends the sentence "built because".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissReason {
    /// No record of a step at this place.
    New,
    /// The value of this name is another than the last time.
    Changed(String),
    /// This was not there the last time.
    Added(String),
    /// This was there the last time.
    Removed(String),
    /// The cache was not asked.
    NoCache,
    /// The record is there, what it names is not.
    Lost,
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("it is new"),
            Self::Changed(name) if name == "copied files" => f.write_str("copied files changed"),
            Self::Changed(name) => write!(f, "{name} changed"),
            Self::Added(name) => write!(f, "{name} is new"),
            Self::Removed(name) => write!(f, "{name} is gone"),
            Self::NoCache => f.write_str("the cache is switched off"),
            Self::Lost => f.write_str("its stored result is gone"),
        }
    }
}

/// Whether the step with these ingredients is done; `place` names it across builds, for the reason of a miss.
///
/// # Errors
/// When the store can't be read.
pub fn look_up(store: &Store, ingredients: &Ingredients, place: &str) -> Result<Found, StoreError> {
    if let Some(done) = store.done(&ingredients.key())? {
        // A record is a claim: the delta may have been removed since.
        return Ok(match store.knows_delta(&done.content)? {
            Known::Not => Found::Miss(MissReason::Lost),
            known => Found::Hit(done, known),
        });
    }
    let earlier = store.latest_steps_at(place, 1)?;
    let reason = match earlier.first() {
        Some((_, earlier)) => difference(&earlier.ingredients, ingredients.named()),
        None => MissReason::New,
    };
    Ok(Found::Miss(reason))
}

/// Keeps what a step left.
///
/// # Errors
/// When the store can't be written.
pub fn record(store: &Store, ingredients: &Ingredients, place: &str, done: StepDone) -> Result<(), StoreError> {
    let StepDone {
        content,
        created,
        duration,
    } = done;
    let ingredients_named = ingredients.named().to_vec();
    let record = StepRecord {
        content,
        created,
        duration,
        place: place.to_owned(),
        ingredients: ingredients_named,
    };
    store.put_step(&ingredients.key(), &record)
}

/// The first difference that tells most: an ingredient that changed, came or went.
fn difference(before: &[(String, String)], now: &[(String, String)]) -> MissReason {
    for (name, value) in now {
        match before.iter().find(|(other, _)| other == name) {
            None => return MissReason::Added(name.clone()),
            Some((_, earlier)) if earlier != value && !repeated(now, name) => return MissReason::Changed(name.clone()),
            Some(_) => {}
        }
    }
    let gone = before
        .iter()
        .find(|(name, _)| !now.iter().any(|(other, _)| other == name));
    match gone {
        Some((name, _)) => MissReason::Removed(name.clone()),
        // Equal names and values in another order, or of a name that stands several times.
        None => before
            .iter()
            .zip(now)
            .find(|(before, now)| before != now)
            .map_or(MissReason::New, |(_, (name, _))| MissReason::Changed(name.clone())),
    }
}

fn repeated(values: &[(String, String)], name: &str) -> bool {
    values.iter().filter(|(other, _)| other == name).nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_miss_names_what_differs() {
        let table = [
            (&[("a", "1")][..], &[("a", "2")][..], "a changed"),
            (&[("a", "1")], &[("a", "1"), ("variable B", "2")], "variable B is new"),
            (&[("a", "1"), ("b", "2")], &[("a", "1")], "b is gone"),
            (&[("h", "1"), ("h", "2")], &[("h", "2"), ("h", "1")], "h changed"),
        ];
        for (before, now, reason) in table {
            assert_eq!(difference(&named(before), &named(now)).to_string(), reason);
        }
    }
}
