//! CycloneDX 1.6.

use super::bill::{Described, TOOL, uuid};
use crate::inventory::{Inventory, License, OsRelease, Package};
use serde_json::{Value, json};

/// How the image is referred to in the document.
const IMAGE: &str = "image";
const SYSTEM: &str = "operating-system";

/// The document, whose subject is the image.
pub(super) fn document(of: &Described<'_>, inventory: &Inventory) -> Value {
    let mut components: Vec<Value> = inventory.os.iter().map(system).collect();
    components.extend(inventory.packages.iter().map(component));
    let mut parts: Vec<&str> = inventory.os.iter().map(|_| SYSTEM).collect();
    parts.extend(inventory.packages.iter().map(|package| package.purl.as_str()));
    let mut image = json!({
        "type": "container",
        "bom-ref": IMAGE,
        "name": of.name,
        "version": format!("sha256:{}", of.digest.hex()),
    });
    if let Some(url) = of.url {
        image["purl"] = json!(url);
    }
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(of.digest)),
        "version": 1,
        "metadata": {
            "timestamp": of.created,
            "tools": {"components": [{"type": "application", "name": TOOL.0, "version": TOOL.1}]},
            "component": image,
        },
        "components": components,
        "dependencies": [{"ref": IMAGE, "dependsOn": parts}],
    });
    if !inventory.notes.is_empty() {
        let notes = inventory.notes.iter().map(|note| property("varve:note", note));
        document["metadata"]["properties"] = notes.collect();
    }
    document
}

fn system(os: &OsRelease) -> Value {
    let mut system = json!({"type": "operating-system", "bom-ref": SYSTEM, "name": os.id});
    if let Some(version) = os.version_id.as_ref().or(os.codename.as_ref()) {
        system["version"] = json!(version);
    }
    if let Some(name) = &os.pretty_name {
        system["description"] = json!(name);
    }
    system
}

fn component(package: &Package) -> Value {
    let occurrences: Vec<Value> = package
        .evidence
        .iter()
        .map(|it| json!({"location": format!("/{}", it.path), "additionalContext": format!("layer {}", it.layer)}))
        .collect();
    let mut component = json!({
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "purl": package.purl,
        "evidence": {"occurrences": occurrences},
    });
    if !package.version.is_empty() {
        component["version"] = json!(package.version);
    }
    if !package.licenses.is_empty() {
        component["licenses"] = licenses(&package.licenses);
    }
    if let Some(supplier) = &package.supplier {
        component["supplier"] = json!({"name": supplier});
    }
    if let Some((name, version)) = &package.source {
        component["properties"] = json!([
            property("varve:source:name", name),
            property("varve:source:version", version),
        ]);
    }
    component
}

/// One expression, or a list of names: the schema does not let them mix.
fn licenses(all: &[License]) -> Value {
    if let [License::Expression(text)] = all {
        return match text.contains(' ') {
            true => json!([{"expression": text}]),
            false => json!([{"license": {"id": text}}]),
        };
    }
    let entry = |license: &License| match license {
        License::Expression(text) if !text.contains(' ') => json!({"license": {"id": text}}),
        License::Expression(text) | License::Named(text) => json!({"license": {"name": text}}),
    };
    all.iter().map(entry).collect()
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}
