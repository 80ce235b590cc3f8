//! Mirrors: where the images of some names are really asked for.
//!
//! A name keeps its registry in everything that is recorded; only requests go elsewhere, each with the credentials of
//! the server that it goes to. The rules are those of containers-registries.conf(5).

use super::{Registries, RegistryError};
use crate::oci::Reference;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What holds for all names that begin alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// A registry's host, with a port and the first parts of repositories where it matters, or `*.DOMAIN`. Of several
    /// routes the one with the longest prefix counts.
    pub prefix: String,
    /// What takes the prefix's place in requests.
    pub location: Option<String>,
    /// Whether it is spoken to without TLS.
    pub insecure: bool,
    /// Whether such images may not be had at all.
    pub blocked: bool,
    /// Who is asked first, in this order.
    pub mirrors: Vec<Mirror>,
}

/// Another place with the same images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// What takes the prefix's place.
    pub location: String,
    /// Whether it is spoken to without TLS.
    pub insecure: bool,
    /// What it is asked for.
    pub serves: Serves,
}

/// What a mirror is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serves {
    /// Every image.
    #[default]
    All,
    /// Images that are named by their digest.
    Digests,
    /// Images that are named by a tag.
    Tags,
}

/// What is asked for at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What a name leads to.
    Document,
    /// A blob, which is the same wherever it comes from.
    Blob,
}

/// Mirrors that failed, and their repositories that lack something: they are not asked again.
#[derive(Debug, Default)]
pub(super) struct Silent(Mutex<BTreeSet<String>>);

impl Silent {
    fn has(&self, place: &Reference) -> bool {
        let silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silent.contains(place.registry()) || silent.contains(&whole(place))
    }

    fn add(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
    }
}

impl Route {
    /// Whether its places can stand in names.
    ///
    /// # Errors
    /// The place that can't.
    pub fn check(&self) -> Result<(), String> {
        let wildcard = self.prefix.strip_prefix("*.");
        let places = match wildcard {
            Some(domain) if domain.is_empty() || domain.contains('/') => return Err(self.prefix.clone()),
            Some(_) => None,
            None => Some(&self.prefix),
        };
        let mirrors = self.mirrors.iter().map(|mirror| &mirror.location);
        match places
            .into_iter()
            .chain(&self.location)
            .chain(mirrors)
            .find(|it| !is_place(it))
        {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(()),
        }
    }

    /// How many bytes of a name the prefix takes, if the name begins with it.
    fn covers(&self, name: &str) -> Option<usize> {
        if let Some(domain) = self.prefix.strip_prefix('*') {
            let host = name.split('/').next().unwrap_or(name);
            let bare = host.split(':').next().unwrap_or(host);
            return bare.ends_with(domain).then_some(host.len());
        }
        begins(name, &self.prefix).then_some(self.prefix.len())
    }

    /// Places to be spoken to without TLS.
    pub(super) fn insecure_places(&self) -> impl Iterator<Item = &str> {
        let own = self.insecure.then(|| self.location.as_deref().unwrap_or(&self.prefix));
        let mirrors = self.mirrors.iter().filter(|mirror| mirror.insecure);
        own.into_iter().chain(mirrors.map(|mirror| &*mirror.location))
    }
}

impl Registries {
    fn route(&self, name: &str) -> Option<(&Route, usize)> {
        let routes = self.0.settings.routes.iter();
        routes
            .filter_map(|route| Some((route, route.covers(name)?)))
            .max_by_key(|(route, _)| route.prefix.trim_start_matches('*').len())
    }

    /// Where an image lives, for those who write to it.
    pub(super) fn origin_of(&self, image: &Reference) -> Result<Reference, RegistryError> {
        let name = image.to_string();
        match self.route(&name) {
            None => Ok(image.clone()),
            Some((route, _)) if route.blocked => Err(RegistryError::Blocked {
                name,
                prefix: route.prefix.clone(),
            }),
            Some((route, taken)) => match &route.location {
                Some(location) => moved(&name, taken, location),
                None => Ok(image.clone()),
            },
        }
    }

    /// Where an image is asked for, in this order; the last one is where it lives.
    fn places(&self, image: &Reference, wanted: Wanted) -> Result<Vec<Reference>, RegistryError> {
        let origin = self.origin_of(image)?;
        let name = image.to_string();
        let mut places = Vec::new();
        if let Some((route, taken)) = self.route(&name) {
            for mirror in &route.mirrors {
                let serves = match mirror.serves {
                    Serves::All => true,
                    Serves::Digests => wanted == Wanted::Blob || image.digest().is_some(),
                    // Its blobs follow from what it said of a tag.
                    Serves::Tags => wanted == Wanted::Blob || image.digest().is_none(),
                };
                let place = moved(&name, taken, &mirror.location)?;
                if serves && place != origin && !self.0.silent.has(&place) {
                    places.push(place);
                }
            }
        }
        places.push(origin);
        Ok(places)
    }

    /// Asks one place after the other, until one gives something. `None` means that it has nothing to say.
    pub(super) fn anywhere<T>(
        &self,
        image: &Reference,
        wanted: Wanted,
        ask: impl Fn(&Reference) -> Result<Option<T>, RegistryError>,
    ) -> Result<Option<(T, Reference)>, RegistryError> {
        let mut places = self.places(image, wanted)?;
        let Some(origin) = places.pop() else { return Ok(None) };
        let mut troubles = Vec::new();
        for place in places {
            let error = match ask(&place) {
                Ok(Some(found)) => return Ok(Some((found, place))),
                Ok(None) => continue,
                Err(error) if error.is_stopped() || matches!(error, RegistryError::Store(_)) => return Err(error),
                Err(error) => error,
            };
            self.mistrust(&place, &error);
            troubles.push((whole(&place), error));
        }
        match ask(&origin) {
            Ok(found) => Ok(found.map(|found| (found, origin))),
            Err(error) if troubles.is_empty() || error.is_stopped() => Err(error),
            Err(error) => Err(RegistryError::Nowhere {
                source: Box::new(error),
                mirrors: troubles
                    .iter()
                    .map(|(place, error)| format!("`{place}`: {}", in_words(error)))
                    .collect(),
            }),
        }
    }

    /// Leaves a mirror alone from now on, as far as the error tells.
    pub(super) fn mistrust(&self, place: &Reference, error: &RegistryError) {
        self.0.silent.add(match error {
            RegistryError::Http(_) | RegistryError::Damaged { .. } => place.registry().to_owned(),
            _ => whole(place),
        });
    }

    /// Whether a place is spoken to without TLS by the user's word.
    pub(super) fn is_insecure(&self, place: &str) -> bool {
        let settings = &self.0.settings;
        let routes = settings.routes.iter().flat_map(Route::insecure_places);
        let named = settings.insecure.iter().map(String::as_str);
        named.chain(routes).any(|known| match known.strip_prefix('*') {
            Some(domain) => place
                .split(['/', ':'])
                .next()
                .is_some_and(|host| host.ends_with(domain)),
            None => begins(place, known),
        })
    }
}

/// An error with its causes, in one line.
fn in_words(error: &RegistryError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// Registry and repository.
pub(super) fn whole(place: &Reference) -> String {
    format!("{}/{}", place.registry(), place.repository())
}

/// Whether a name begins with whole parts.
fn begins(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with('/') || (prefix.contains('/') && rest.starts_with([':', '@']))
    })
}

/// A name with other first parts.
fn moved(name: &str, taken: usize, location: &str) -> Result<Reference, RegistryError> {
    let text = format!("{location}{}", &name[taken..]);
    text.parse().map_err(|_| RegistryError::NoPlace(text))
}

/// Whether a text is a host, with or without a port and the first parts of repositories.
fn is_place(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or(text);
    let read: Result<Reference, _> = format!("{text}/x").parse();
    read.is_ok_and(|it| it.registry() == host && it.tag().is_none() && it.digest().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_covers_whole_parts() {
        let route = |prefix: &str| Route {
            prefix: prefix.to_owned(),
            ..Route::default()
        };
        let covers = |prefix: &str, name: &str| route(prefix).covers(name);
        assert_eq!(covers("docker.io", "docker.io/library/x:1"), Some(9));
        assert_eq!(covers("docker.io/library", "docker.io/library/x:1"), Some(17));
        assert_eq!(covers("docker.io/lib", "docker.io/library/x:1"), None);
        assert_eq!(covers("h.test", "h.test:5000/x"), None);
        assert_eq!(covers("h.test:5000", "h.test:5000/x"), Some(11));
        assert_eq!(covers("h.test/x", "h.test/x@sha256:0"), Some(8));
        assert_eq!(covers("h.test/x:1", "h.test/x:1"), Some(10));
        assert_eq!(covers("*.test", "a.b.test:5000/x"), Some(13));
        assert_eq!(covers("*.test", "test/x"), None);
        assert_eq!(covers("*.test", "atest/x"), None);
    }

    #[test]
    fn places_are_hosts() {
        for good in ["localhost", "h.test", "h:5000/a/b", "docker.io/library", "[::1]:5000"] {
            assert!(is_place(good), "{good}");
        }
        for bad in [
            "",
            "mirror",
            "mirror/x",
            "h.test/",
            "h.test/A",
            "http://h.test",
            "h.test/x:1",
            "h.test//x",
        ] {
            assert!(!is_place(bad), "{bad}");
        }
        let wrong = Route {
            prefix: "*.a/b".to_owned(),
            ..Route::default()
        };
        assert_eq!(wrong.check(), Err("*.a/b".to_owned()));
    }
}
