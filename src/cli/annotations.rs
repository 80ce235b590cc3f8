//! Reading `--annotation`, and attributes of outputs that mean the same.

use super::failure::Usage;
use crate::build::{Annotation, AnnotationPlace};
use crate::oci::Platform;

/// `[PLACE[PLATFORM][,PLACE…]:]KEY=VALUE`: one annotation for each place; by default the manifest.
pub(super) fn annotation(given: &str) -> Result<Vec<Annotation>, Usage> {
    let bad = |why: String| Usage::new(format!("`--annotation {given}`: {why}"));
    let Some((name, value)) = given.split_once('=') else {
        return Err(bad("want KEY=VALUE".to_owned()));
    };
    let (places, key) = match name.split_once(':') {
        Some((places, key)) => (places, key),
        None => ("manifest", name),
    };
    let one = |place: &str| {
        let (place, platform) = place_and_platform(place)?;
        made(place, platform, key, value)
    };
    places.split(',').map(|place| one(place).map_err(bad)).collect()
}

/// The attribute `annotation[-PLACE][[PLATFORM]].KEY` of an output.
pub(super) fn attribute(name: &str, value: String) -> Result<Annotation, String> {
    let want = || format!("`{name}` is not known: want `annotation.KEY`, or a place as in `annotation-manifest.KEY`");
    let rest = name.strip_prefix("annotation").ok_or_else(want)?;
    // A key may have points and brackets of its own; a platform has neither.
    let (place, key) = rest.split_once('.').ok_or_else(want)?;
    let place = match place.strip_prefix('-') {
        Some(place) => place.to_owned(),
        None if place.is_empty() || place.starts_with('[') => format!("manifest{place}"),
        None => return Err(want()),
    };
    let (place, platform) = place_and_platform(&place)?;
    made(place, platform, key, &value)
}

fn made(place: AnnotationPlace, platform: Option<Platform>, key: &str, value: &str) -> Result<Annotation, String> {
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(format!("`{key}` can't be the key of an annotation"));
    }
    Ok(Annotation {
        place,
        platform,
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

fn place_and_platform(text: &str) -> Result<(AnnotationPlace, Option<Platform>), String> {
    let (place, platform) = match text.split_once('[') {
        None => (text, None),
        Some((place, rest)) => {
            let platform = rest
                .strip_suffix(']')
                .ok_or_else(|| format!("`{text}`: a bracket is not closed"))?;
            let parsed = Platform::parse(platform, &Platform::host()).map_err(|error| error.to_string())?;
            (place, Some(parsed))
        }
    };
    let places = [
        ("manifest", AnnotationPlace::Manifest),
        ("manifest-descriptor", AnnotationPlace::ManifestDescriptor),
        ("index", AnnotationPlace::Index),
        ("index-descriptor", AnnotationPlace::IndexDescriptor),
    ];
    match places.iter().find(|(name, _)| *name == place) {
        Some((_, found)) => Ok((*found, platform)),
        None => {
            let names = places.map(|(name, _)| name);
            let hint = crate::diagnostic::nearest(place, names)
                .map_or_else(|| names.join(", "), |near| format!("did you mean `{near}`?"));
            Err(format!("`{place}` is no place of an annotation: {hint}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(annotation: &Annotation) -> String {
        let platform = annotation
            .platform
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        format!(
            "{:?}[{platform}] {}={}",
            annotation.place, annotation.key, annotation.value
        )
    }

    #[test]
    fn flags() {
        for (given, want) in [
            ("a.b=c=d", "Manifest[] a.b=c=d"),
            ("a=", "Manifest[] a="),
            ("index:a=b", "Index[] a=b"),
            ("manifest[linux/arm64]:a=b:c", "Manifest[linux/arm64] a=b:c"),
            ("index,manifest-descriptor:a=b", "Index[] a=b; ManifestDescriptor[] a=b"),
            ("index-descriptor:x:y=z", "IndexDescriptor[] x:y=z"),
        ] {
            let found: Vec<String> = annotation(given).unwrap().iter().map(shown).collect();
            assert_eq!(found.join("; "), want, "{given}");
        }
        for bad in [
            "a",
            "=b",
            "x:y=z",
            "manifest[linux:a=b",
            "manifest[//]:a=b",
            ":a=b",
            "a b=c",
            "manifest:=x",
        ] {
            assert!(annotation(bad).is_err(), "{bad}");
        }
        assert!(
            annotation("manifset:a=b")
                .unwrap_err()
                .to_string()
                .contains("did you mean `manifest`?")
        );
    }

    #[test]
    fn attributes() {
        for (name, want) in [
            ("annotation.org.x", "Manifest[] org.x=v"),
            ("annotation-manifest.A", "Manifest[] A=v"),
            ("annotation[linux/amd64].a", "Manifest[linux/amd64] a=v"),
            (
                "annotation-manifest-descriptor[linux/arm/v7].a[0].b",
                "ManifestDescriptor[linux/arm/v7] a[0].b=v",
            ),
            ("annotation-index.a", "Index[] a=v"),
        ] {
            assert_eq!(shown(&attribute(name, "v".to_owned()).unwrap()), want);
        }
        for bad in [
            "annotation",
            "annotations.a",
            "annotation-nothing.a",
            "annotation.",
            "annotation-.a",
        ] {
            assert!(attribute(bad, String::new()).is_err(), "{bad}");
        }
    }
}
