//! SPDX 2.3.

use super::bill::{Described, TOOL, short_name, to_seconds};
use crate::inventory::{Inventory, License, OsRelease, Package};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
const SYSTEM: &str = "SPDXRef-OperatingSystem";

/// The document, of which the image is the only thing described, and which contains all packages.
pub(super) fn document(of: &Described<'_>, inventory: &Inventory) -> Value {
    let mut texts = BTreeMap::new();
    let mut packages = vec![image(of)];
    let mut relations = vec![relation(DOCUMENT, "DESCRIBES", IMAGE)];
    if let Some(os) = &inventory.os {
        packages.push(system(os));
        relations.push(relation(IMAGE, "CONTAINS", SYSTEM));
    }
    for package in &inventory.packages {
        let id = format!(
            "SPDXRef-Package-{}-{}",
            package.ecosystem.purl_type(),
            short_name(&package.purl)
        );
        relations.push(relation(IMAGE, "CONTAINS", &id));
        packages.push(describe(package, &id, &mut texts));
    }
    let texts: Vec<Value> = texts
        .into_iter()
        .map(|(id, name)| json!({"licenseId": id, "extractedText": name, "name": name}))
        .collect();
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": of.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/image-sha256-{}", of.digest.hex()),
        "creationInfo": {
            "created": to_seconds(of.created),
            "creators": [format!("Tool: {}-{}", TOOL.0, TOOL.1)],
        },
        "packages": packages,
        "relationships": relations,
    });
    if !texts.is_empty() {
        document["hasExtractedLicensingInfos"] = Value::Array(texts);
    }
    if !inventory.notes.is_empty() {
        document["comment"] = json!(inventory.notes.join("\n"));
    }
    document
}

fn image(of: &Described<'_>) -> Value {
    let mut image = json!({
        "SPDXID": IMAGE,
        "name": of.name,
        "versionInfo": format!("sha256:{}", of.digest.hex()),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": of.digest.hex()}],
    });
    if let Some(url) = of.url {
        image["externalRefs"] = located(url);
    }
    image
}

fn system(os: &OsRelease) -> Value {
    let mut system = json!({
        "SPDXID": SYSTEM,
        "name": os.id,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    });
    if let Some(version) = os.version_id.as_ref().or(os.codename.as_ref()) {
        system["versionInfo"] = json!(version);
    }
    if let Some(name) = &os.pretty_name {
        system["summary"] = json!(name);
    }
    system
}

fn describe(package: &Package, id: &str, texts: &mut BTreeMap<String, String>) -> Value {
    let found: Vec<String> = package
        .evidence
        .iter()
        .map(|it| format!("/{} in layer {}", it.path, it.layer))
        .collect();
    let mut told = format!("found by {}", found.join(", "));
    if let Some((name, version)) = &package.source {
        told = format!("built from {name} {version}; {told}");
    }
    let mut out = json!({
        "SPDXID": id,
        "name": package.name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "copyrightText": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": declared(&package.licenses, texts),
        "sourceInfo": told,
        "supplier": match &package.supplier {
            Some(supplier) => format!("Organization: {supplier}"),
            None => "NOASSERTION".to_owned(),
        },
        "externalRefs": located(&package.purl),
    });
    if !package.version.is_empty() {
        out["versionInfo"] = json!(package.version);
    }
    out
}

/// All statements together, those that are no expressions as references to their words.
fn declared(licenses: &[License], texts: &mut BTreeMap<String, String>) -> String {
    let mut parts = licenses.iter().map(|license| match license {
        License::Expression(text) if licenses.len() > 1 && text.contains(" OR ") => format!("({text})"),
        License::Expression(text) => text.clone(),
        License::Named(name) => {
            let id = format!("LicenseRef-{}", short_name(name));
            texts.insert(id.clone(), name.clone());
            id
        }
    });
    let Some(first) = parts.next() else {
        return "NOASSERTION".to_owned();
    };
    parts.fold(first, |all, part| format!("{all} AND {part}"))
}

fn located(url: &str) -> Value {
    json!([{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}])
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to})
}
