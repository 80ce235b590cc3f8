//! Reading `--attest`, `--provenance` and `--sbom`: what is to be said of an image.

use super::failure::Usage;
use super::output::fields;
use crate::attest::{BillForm, Detail, SlsaVersion};
use crate::build::{Attestations, ProvenanceRequest};

/// What all flags together ask for; of one kind the last counts, and the short flags come after `--attest`.
pub(super) fn attestations(
    attest: &[String],
    provenance: Option<&str>,
    sbom: Option<&str>,
) -> Result<Attestations, Usage> {
    let mut asked = Asked::default();
    for spec in attest {
        asked.take(&format!("--attest {spec}"), spec)?;
    }
    for (flag, kind, value) in [("--provenance", "provenance", provenance), ("--sbom", "sbom", sbom)] {
        let Some(value) = value else { continue };
        let spec = match value.to_ascii_lowercase().as_str() {
            "true" | "1" => format!("type={kind}"),
            "false" | "0" => format!("type={kind},disabled=true"),
            _ => format!("type={kind},{value}"),
        };
        asked.take(&format!("{flag}={value}"), &spec)?;
    }
    Ok(Attestations {
        provenance: asked.provenance,
        bill: asked.bill,
        index: asked.index.unwrap_or_default(),
    })
}

#[derive(Default)]
struct Asked {
    provenance: Option<ProvenanceRequest>,
    bill: Option<BillForm>,
    index: Option<bool>,
}

impl Asked {
    fn take(&mut self, flag: &str, spec: &str) -> Result<(), Usage> {
        let bad = |text: &str| Usage::new(format!("`{flag}`: {text}"));
        let mut pairs = Vec::new();
        for (key, value) in fields(spec)? {
            pairs.push((key.clone(), value.ok_or_else(|| bad(&format!("`{key}` has no value")))?));
        }
        let kind = pairs
            .iter()
            .find(|(key, _)| key == "type")
            .map(|(_, kind)| kind.clone());
        let kind = kind.ok_or_else(|| bad("say `type=provenance` or `type=sbom`"))?;
        if kind != "provenance" && kind != "sbom" {
            return Err(bad(&format!("`{kind}` is neither `provenance` nor `sbom`")));
        }
        let (mut provenance, mut bill, mut disabled) = (ProvenanceRequest::default(), BillForm::default(), false);
        for (key, value) in &pairs {
            let flag = || match value.to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(bad(&format!("`{key}={value}` is neither true nor false"))),
            };
            let unknown = |choices: &str| bad(&format!("`{key}={value}`: want {choices}"));
            match (kind.as_str(), key.as_str()) {
                (_, "type") => {}
                (_, "disabled") => disabled = flag()?,
                (_, "form") => {
                    let index = match value.as_str() {
                        "index" => true,
                        "referrers" => false,
                        _ => return Err(unknown("`referrers` or `index`")),
                    };
                    if self.index.is_some_and(|before| before != index) {
                        return Err(bad("all attestations of an image have the same `form`"));
                    }
                    self.index = Some(index);
                }
                ("provenance", "mode") => {
                    provenance.detail = match value.as_str() {
                        "min" => Detail::Min,
                        "max" => Detail::Max,
                        _ => return Err(unknown("`min` or `max`")),
                    };
                }
                ("provenance", "version") => {
                    provenance.version = match value.as_str() {
                        "v1" => SlsaVersion::V1,
                        "v0.2" => SlsaVersion::V02,
                        _ => return Err(unknown("`v1` or `v0.2`")),
                    };
                }
                ("provenance", "builder-id") => provenance.builder.clone_from(value),
                ("provenance", "reproducible") => provenance.reproducible = flag()?,
                // BuildKit's ways to say less, and to measure: there is nothing that they would change.
                ("provenance", "inline-only" | "capture-usage" | "complete-materials") => drop(flag()?),
                ("sbom", "format") => {
                    bill = match value.as_str() {
                        "spdx" => BillForm::Spdx,
                        "cyclonedx" => BillForm::CycloneDx,
                        _ => return Err(unknown("`spdx` or `cyclonedx`")),
                    };
                }
                ("sbom", "generator") if matches!(value.as_str(), "" | "varve") => {}
                ("sbom", "generator") => {
                    return Err(bad(&format!(
                        "the image `{value}` is not run: varve looks for software itself, leave `generator` out"
                    )));
                }
                _ => return Err(bad(&format!("`{key}` says nothing about `type={kind}`"))),
            }
        }
        match kind.as_str() {
            "sbom" => self.bill = (!disabled).then_some(bill),
            _ => self.provenance = (!disabled).then_some(provenance),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attest: &[&str], provenance: Option<&str>, sbom: Option<&str>) -> Result<Attestations, Usage> {
        let attest: Vec<String> = attest.iter().map(|it| (*it).to_owned()).collect();
        attestations(&attest, provenance, sbom)
    }

    #[test]
    fn nothing_is_said_unless_asked_for() {
        assert!(read(&[], None, None).unwrap().is_empty());
        assert!(read(&["type=sbom"], Some("false"), Some("false")).unwrap().is_empty());
        assert!(
            read(&["type=sbom", "type=sbom,disabled=true"], None, None)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn attributes_are_read() {
        let asked = read(
            &["type=sbom,format=cyclonedx,form=index"],
            Some("mode=max,version=v0.2,builder-id=https://ci.example/1,reproducible=true,inline-only=true"),
            None,
        )
        .unwrap();
        assert_eq!(asked.bill, Some(BillForm::CycloneDx));
        assert!(asked.index);
        let provenance = asked.provenance.unwrap();
        assert_eq!((provenance.detail, provenance.version), (Detail::Max, SlsaVersion::V02));
        assert_eq!(provenance.builder, "https://ci.example/1");
        assert!(provenance.reproducible);
        assert_eq!(read(&[], Some("true"), Some("1")).unwrap().bill, Some(BillForm::Spdx));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "mode=max",
            "type=cosign",
            "type=sbom,mode=max",
            "type=provenance,mode=all",
            "type=provenance,version=v2",
            "type=sbom,generator=docker.io/some/scanner",
            "type=sbom,disabled=perhaps",
            "type=sbom,form=beside",
            "type=sbom,format",
        ] {
            assert!(read(&[bad], None, None).is_err(), "{bad}");
        }
        assert!(read(&["type=sbom,form=index", "type=provenance,form=referrers"], None, None).is_err());
    }
}
