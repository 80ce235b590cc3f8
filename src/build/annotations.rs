//! Which of the notes that were asked for belong to which of the images at hand.

use super::{Annotation, AnnotationPlace, BuildError};
use crate::export::{Annotations, IndexNotes};
use crate::oci::Platform;

/// Sorts notes for the images of a build, one for each platform, and for the index that joins them; of two on one place
/// the later counts.
///
/// # Errors
/// As BuildKit has it: a note on an index where there is none, and a note on the image of a platform that is not built.
pub(super) fn sorted<'a>(
    given: impl IntoIterator<Item = &'a Annotation>,
    built: &[Platform],
    has_index: bool,
) -> Result<(Vec<Annotations>, IndexNotes), BuildError> {
    let mut of_images = vec![Annotations::default(); built.len()];
    let mut of_index = IndexNotes::default();
    for Annotation {
        place,
        platform,
        key,
        value,
    } in given
    {
        let refuse = |why: String| Err(BuildError::Annotation { key: key.clone(), why });
        let note = || (key.clone(), value.clone());
        let on_index = match place {
            AnnotationPlace::Manifest | AnnotationPlace::ManifestDescriptor => None,
            AnnotationPlace::Index => Some(&mut of_index.index),
            AnnotationPlace::IndexDescriptor => Some(&mut of_index.descriptor),
        };
        if let Some(notes) = on_index {
            if !has_index {
                return refuse("an image for one platform has no index to write it on".to_owned());
            }
            notes.extend([note()]);
            continue;
        }
        let is_meant = |its: &Platform| platform.as_ref().is_none_or(|wanted| is_same(wanted, its));
        let mut found = false;
        for (its, notes) in built.iter().zip(&mut of_images) {
            if is_meant(its) {
                found = true;
                match place {
                    AnnotationPlace::ManifestDescriptor => notes.descriptor.extend([note()]),
                    _ => notes.manifest.extend([note()]),
                }
            }
        }
        if let (false, Some(platform)) = (found, platform) {
            let built: Vec<String> = built.iter().map(|it| format!("`{it}`")).collect();
            return refuse(format!(
                "no image for `{platform}` is built, only for {}",
                built.join(", ")
            ));
        }
    }
    Ok((of_images, of_index))
}

fn is_same(one: &Platform, other: &Platform) -> bool {
    (&one.os, &one.architecture, &one.variant) == (&other.os, &other.architecture, &other.variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(place: AnnotationPlace, platform: Option<&str>, value: &str) -> Annotation {
        let host = Platform::new("linux", "amd64", "");
        Annotation {
            place,
            platform: platform.map(|text| Platform::parse(text, &host).unwrap()),
            key: "k".to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn notes_go_where_they_belong() {
        use AnnotationPlace::*;
        let built = [Platform::new("linux", "amd64", "")];
        let given = [
            note(Manifest, None, "1"),
            note(ManifestDescriptor, Some("linux/x86_64"), "2"),
            note(Manifest, Some("linux/amd64"), "3"),
        ];
        let (found, _) = sorted(&given, &built, false).unwrap();
        assert_eq!(
            (found[0].manifest["k"].as_str(), found[0].descriptor["k"].as_str()),
            ("3", "2")
        );
        for bad in [
            note(Index, None, ""),
            note(IndexDescriptor, None, ""),
            note(Manifest, Some("linux/arm64"), ""),
        ] {
            assert!(sorted(&[bad], &built, false).is_err());
        }
    }

    #[test]
    fn several_images_have_notes_of_their_own() {
        use AnnotationPlace::*;
        let built = ["amd64", "arm64"].map(|it| Platform::new("linux", it, ""));
        let given = [
            note(Manifest, None, "all"),
            note(Manifest, Some("linux/arm64/v8"), "arm"),
            note(Index, None, "index"),
            note(IndexDescriptor, None, "beside"),
        ];
        let (images, index) = sorted(&given, &built, true).unwrap();
        assert_eq!((&*images[0].manifest["k"], &*images[1].manifest["k"]), ("all", "arm"));
        assert_eq!((&*index.index["k"], &*index.descriptor["k"]), ("index", "beside"));
        assert!(sorted(&[note(Manifest, Some("linux/s390x"), "")], &built, true).is_err());
    }
}
