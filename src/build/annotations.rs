//! Which of the notes that were asked for belong to the image at hand.

use super::{Annotation, AnnotationPlace, BuildError};
use crate::export::Annotations;
use crate::oci::Platform;

/// Sorts notes for the only image of a build; of two on one place the later counts.
///
/// # Errors
/// As BuildKit has it: a note on an index, which the build of one image does not write, and a note on the image of
/// another platform.
pub(super) fn of_image<'a>(
    given: impl IntoIterator<Item = &'a Annotation>,
    built: &Platform,
) -> Result<Annotations, BuildError> {
    let mut annotations = Annotations::default();
    for Annotation {
        place,
        platform,
        key,
        value,
    } in given
    {
        let refuse = |why: String| Err(BuildError::Annotation { key: key.clone(), why });
        let notes = match place {
            AnnotationPlace::Manifest => &mut annotations.manifest,
            AnnotationPlace::ManifestDescriptor => &mut annotations.descriptor,
            AnnotationPlace::Index | AnnotationPlace::IndexDescriptor => {
                return refuse("an image for one platform has no index to write it on".to_owned());
            }
        };
        if let Some(platform) = platform
            && (&platform.os, &platform.architecture, &platform.variant)
                != (&built.os, &built.architecture, &built.variant)
        {
            return refuse(format!("no image for `{platform}` is built, only one for `{built}`"));
        }
        notes.insert(key.clone(), value.clone());
    }
    Ok(annotations)
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
        let built = Platform::new("linux", "amd64", "");
        let sorted = |given: &[Annotation]| of_image(given, &built);
        let given = [
            note(Manifest, None, "1"),
            note(ManifestDescriptor, Some("linux/x86_64"), "2"),
            note(Manifest, Some("linux/amd64"), "3"),
        ];
        let found = sorted(&given).unwrap();
        assert_eq!(
            (found.manifest["k"].as_str(), found.descriptor["k"].as_str()),
            ("3", "2")
        );
        for bad in [
            note(Index, None, ""),
            note(IndexDescriptor, None, ""),
            note(Manifest, Some("linux/arm64"), ""),
        ] {
            assert!(sorted(&[bad]).is_err());
        }
    }
}
