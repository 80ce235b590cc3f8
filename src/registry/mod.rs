//! Speaks to OCI registries: a reference to a digest, a digest to stored blobs.
//!
//! Enter by [`Registries::pull`]: the name of an image in, a [`Pulled`] out, whose manifest and config are in the store;
//! [`Pulled::fetch`] brings its layers, when somebody wants them. [`Registries::push`] takes a [`Parcel`] to a name, and
//! [`Registries::refer`] one that refers to another.
//! [`Registries::login`] tries a password before [`Credentials::keep`] writes it down.
//!
//! Invariant: what gets a name in the store has the digest and size that its descriptor claims. Passwords go to the
//! registry that they are for, or to the token server that it names over TLS, and are asked for only by a registry that
//! refuses to answer without.

mod artifact;
mod auth;
mod blob;
mod challenge;
mod credentials;
mod error;
mod login;
mod pull;
mod push;
mod referrers;
mod remember;
mod route;
mod upload;

#[cfg(test)]
pub(crate) mod tests;

pub use credentials::Credentials;
pub use error::RegistryError;
pub use login::{Kept, Secret};
pub use pull::Pulled;
pub use push::{Arrival, Parcel, Part, PartBytes, Pushed};
pub use referrers::Found;
pub use remember::origin;
pub use route::{Mirror, Route, Serves};

use crate::digest::BlobDigest;
use crate::http::{Client, Method, Request, Url};
use crate::oci::Reference;
use auth::Tokens;
use route::{Silent, whole};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Registries that are spoken to without TLS, as they stand in names; those on this machine always are.
    pub insecure: Vec<String>,
    /// Users and passwords.
    pub credentials: Credentials,
    /// Mirrors and the like, whose places were checked ([`Route::check`]).
    pub routes: Vec<Route>,
}

/// All registries of one build: tokens are asked for once, and a blob is fetched by one thread at a time.
///
/// Cloning is cheap and gives the same registries.
#[derive(Clone)]
pub struct Registries(Arc<Inner>);

struct Inner {
    client: Client,
    settings: Settings,
    tokens: Tokens,
    fetching: Mutex<BTreeMap<BlobDigest, Arc<Mutex<()>>>>,
    silent: Silent,
    /// What names led to. For one build a name means one thing, however often and for how many platforms it is used.
    meanings: Mutex<BTreeMap<String, Meaning>>,
}

/// What a name led to, once that is known; held while somebody asks.
type Meaning = Arc<Mutex<Option<BlobDigest>>>;

impl Registries {
    /// Registries that are asked nothing yet.
    pub fn new(client: Client, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            client,
            settings,
            tokens: Tokens::default(),
            fetching: Mutex::default(),
            silent: Silent::default(),
            meanings: Mutex::default(),
        }))
    }

    /// A request to the registry that stands in a name, whatever routes say; `what` is what follows the repository.
    fn request(&self, method: Method, image: &Reference, what: &str) -> Result<Request, RegistryError> {
        let path = format!("/v2/{}/{what}", image.repository());
        Ok(Request::new(method, self.address(&whole(image), &path)?))
    }

    /// An address of a registry, for one of its repositories or itself.
    fn address(&self, place: &str, path: &str) -> Result<Url, RegistryError> {
        let registry = place.split('/').next().unwrap_or(place);
        let host = host_of(registry);
        let url = Url::of(true, host, path)?;
        let plain = self.is_insecure(place) || (url.is_loopback() && !self.0.client.knows(&url));
        Ok(if plain { Url::of(false, host, path)? } else { url })
    }
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

/// Where a registry's API is: the host and port, by the registry's name.
pub fn host_of(registry: &str) -> &str {
    if registry == DOCKER { DOCKER_HOST } else { registry }
}

/// The registry of names that name none.
const DOCKER: &str = "docker.io";
/// Its API's host.
const DOCKER_HOST: &str = "registry-1.docker.io";
