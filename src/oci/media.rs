//! Media types of OCI and of Docker's schema 2, and what each of them means.

/// An OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// An OCI layer that is not compressed.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// An OCI layer in gzip form.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// An OCI layer in zstd form.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Docker's manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's layer that is not compressed.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// Docker's layer in gzip form.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// Docker's layer in zstd form; no registry's specification knows it, but other tools write it.
pub const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// How a layer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerForm {
    /// A plain tar.
    Tar,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// What a media type says that a document is. Parameters after `;` do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A list of manifests.
    Index,
    /// A manifest.
    Manifest,
    /// An image config.
    Config,
    /// A layer.
    Layer(LayerForm),
    /// Anything else: attestations, signatures, artifacts.
    Other,
}

/// What a media type says that a document is.
pub fn kind(media_type: &str) -> Kind {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence {
        OCI_INDEX | DOCKER_INDEX => Kind::Index,
        OCI_MANIFEST | DOCKER_MANIFEST => Kind::Manifest,
        OCI_CONFIG | DOCKER_CONFIG => Kind::Config,
        // Layers that may not be distributed are layers all the same.
        OCI_LAYER
        | DOCKER_LAYER
        | "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar" => Kind::Layer(LayerForm::Tar),
        OCI_LAYER_GZIP
        | DOCKER_LAYER_GZIP
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => Kind::Layer(LayerForm::Gzip),
        OCI_LAYER_ZSTD | DOCKER_LAYER_ZSTD | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => {
            Kind::Layer(LayerForm::Zstd)
        }
        _ => Kind::Other,
    }
}

/// The media type of an index or a manifest by what it says of itself, or by its fields where it says nothing.
pub fn of_document(bytes: &[u8]) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Fields {
        #[serde(rename = "mediaType", default)]
        media_type: String,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let Ok(fields) = serde_json::from_slice::<Fields>(bytes) else {
        return OCI_MANIFEST;
    };
    let essence = fields.media_type.split(';').next().unwrap_or_default().trim();
    let known = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];
    known
        .into_iter()
        .find(|it| *it == essence)
        .unwrap_or(match fields.manifests {
            Some(_) => OCI_INDEX,
            None => OCI_MANIFEST,
        })
}

/// The family of media types that a manifest is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// OCI.
    #[default]
    Oci,
    /// Docker's schema 2.
    Docker,
}

impl Family {
    /// The family's index.
    pub fn index(self) -> &'static str {
        match self {
            Self::Oci => OCI_INDEX,
            Self::Docker => DOCKER_INDEX,
        }
    }

    /// The family's manifest.
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Oci => OCI_MANIFEST,
            Self::Docker => DOCKER_MANIFEST,
        }
    }

    /// The family's image config.
    pub fn config(self) -> &'static str {
        match self {
            Self::Oci => OCI_CONFIG,
            Self::Docker => DOCKER_CONFIG,
        }
    }

    /// The family's layer in some form.
    pub fn layer(self, form: LayerForm) -> &'static str {
        match (self, form) {
            (Self::Oci, LayerForm::Tar) => OCI_LAYER,
            (Self::Oci, LayerForm::Gzip) => OCI_LAYER_GZIP,
            (Self::Oci, LayerForm::Zstd) => OCI_LAYER_ZSTD,
            (Self::Docker, LayerForm::Tar) => DOCKER_LAYER,
            (Self::Docker, LayerForm::Gzip) => DOCKER_LAYER_GZIP,
            (Self::Docker, LayerForm::Zstd) => DOCKER_LAYER_ZSTD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::image::{MediaType, ToDockerV2S2};

    #[test]
    fn constants_are_those_of_the_specification() {
        let oci = [
            (OCI_INDEX, MediaType::ImageIndex),
            (OCI_MANIFEST, MediaType::ImageManifest),
            (OCI_CONFIG, MediaType::ImageConfig),
            (OCI_LAYER, MediaType::ImageLayer),
            (OCI_LAYER_GZIP, MediaType::ImageLayerGzip),
            (OCI_LAYER_ZSTD, MediaType::ImageLayerZstd),
        ];
        for (ours, theirs) in oci {
            assert_eq!(ours, theirs.as_ref());
        }
        let docker = [
            (DOCKER_INDEX, MediaType::ImageIndex),
            (DOCKER_MANIFEST, MediaType::ImageManifest),
            (DOCKER_CONFIG, MediaType::ImageConfig),
            (DOCKER_LAYER_GZIP, MediaType::ImageLayerGzip),
        ];
        for (ours, theirs) in docker {
            assert_eq!(ours, theirs.to_docker_v2s2().unwrap());
        }
    }

    #[test]
    fn parameters_do_not_count() {
        assert_eq!(
            kind("application/vnd.oci.image.index.v1+json; charset=utf-8"),
            Kind::Index
        );
        assert_eq!(kind("application/vnd.in-toto+json"), Kind::Other);
        assert_eq!(kind(""), Kind::Other);
    }
}
