//! The bill of materials: what the program is built from, as CycloneDX 1.5.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use toml::Table;

use super::graph::{Graph, Package};
use super::time::Time;
use crate::program::Outcome;

/// `graph` is what the program is built from on one platform; `lock` is `Cargo.lock`, which has the checksums.
pub(super) fn make(graph: &Graph, program: &str, lock: &str, time: Time) -> Outcome<Value> {
    let checksums = checksums(lock).ok_or("Cargo.lock has another shape than expected")?;
    let root = graph.packages.values().find(|package| package.name == program && package.source.is_none());
    let root = root.ok_or("the program is not in the graph")?;
    let built: Vec<&Package> = graph.packages.values().collect();
    let mut components: Vec<Value> = built
        .iter()
        .filter(|package| package.name != program)
        .map(|package| component(package, "library", &checksums))
        .collect();
    components.sort_by_key(reference_of);
    let mut dependencies: Vec<Value> = built
        .iter()
        .map(|package| {
            let mut on: Vec<String> =
                package.builds_on.iter().filter_map(|id| graph.packages.get(id)).map(reference).collect();
            on.sort_unstable();
            json!({ "ref": reference(package), "dependsOn": on })
        })
        .collect();
    dependencies.sort_by_key(|dependency| dependency["ref"].as_str().unwrap_or_default().to_owned());
    let root = component(root, "application", &checksums);
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(&json!([root, components, dependencies])),
        "version": 1,
        "metadata": {
            "timestamp": time.iso(),
            "tools": { "components": [{ "type": "application", "name": "cargo xtask dist", "version": env!("CARGO_PKG_VERSION") }] },
            "component": root,
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Package, kind: &str, checksums: &BTreeMap<(String, String), String>) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "purl": reference(package),
    });
    if let Some(text) = &package.description {
        component["description"] = text.split_whitespace().collect::<Vec<_>>().join(" ").into();
    }
    if let Some(license) = &package.license {
        component["licenses"] =
            json!([{ "expression": license.replace(" / ", " OR ").replace('/', " OR ") }]);
    }
    if let Some(checksum) = checksums.get(&(package.name.clone(), package.version.clone())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

/// A package URL, which also serves as the reference within the document.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

fn reference_of(component: &Value) -> String {
    component["bom-ref"].as_str().unwrap_or_default().to_owned()
}

/// A UUID that stands for the content (version 8: made by a rule of one's own), so that the same content has the same.
fn serial(content: &Value) -> String {
    let hash = Sha256::digest(content.to_string());
    let mut bytes: [u8; 16] = std::array::from_fn(|index| hash[index]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = super::make::hexadecimal(&bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    format!("urn:uuid:{}", parts.join("-"))
}

fn checksums(lock: &str) -> Option<BTreeMap<(String, String), String>> {
    let lock: Table = lock.parse().ok()?;
    let packages = lock.get("package")?.as_array()?.iter();
    let checksums = packages.filter_map(|package| {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        Some(((text("name")?, text("version")?), text("checksum")?))
    });
    Some(checksums.collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dist::graph::tests::small;

    const LOCK: &str = "[[package]]\nname = \"left\"\nversion = \"1.0.0\"\nchecksum = \"abcd\"\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";

    fn built() -> Graph {
        let mut graph = small();
        graph.keep("ours v0.1.0\nleft v1.0.0\nbase v2.0.0\n");
        graph
    }

    fn bom() -> Value {
        make(&built(), "ours", LOCK, Time(0)).unwrap()
    }

    fn strings(values: &Value, key: &str) -> Vec<String> {
        values.as_array().unwrap().iter().map(|value| value[key].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn it_lists_what_the_program_is_built_from_and_no_more() {
        let bom = bom();
        assert_eq!(strings(&bom["components"], "purl"), ["pkg:cargo/base@2.0.0", "pkg:cargo/left@1.0.0"]);
        assert_eq!(bom["metadata"]["component"]["purl"], "pkg:cargo/ours@0.1.0");
        assert_eq!(bom["metadata"]["component"]["type"], "application");
        let left = &bom["components"][1];
        assert_eq!(left["hashes"], json!([{ "alg": "SHA-256", "content": "abcd" }]));
        assert_eq!(left["licenses"], json!([{ "expression": "MIT" }]));
    }

    #[test]
    fn every_reference_leads_somewhere_and_is_there_once() {
        let bom = bom();
        let mut known = strings(&bom["components"], "bom-ref");
        known.push(bom["metadata"]["component"]["bom-ref"].as_str().unwrap().to_owned());
        let unique: BTreeSet<&String> = known.iter().collect();
        assert_eq!(unique.len(), known.len());
        let listed = strings(&bom["dependencies"], "ref");
        assert_eq!(listed.iter().collect::<BTreeSet<_>>(), unique);
        for dependency in bom["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(listed.contains(&on.as_str().unwrap().to_owned()), "{on}");
            }
        }
    }

    #[test]
    fn the_serial_number_is_a_uuid_of_the_content() {
        let bom = bom();
        let serial = bom["serialNumber"].as_str().unwrap();
        let uuid = serial.strip_prefix("urn:uuid:").unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "8");
        assert_eq!(serial, make(&built(), "ours", LOCK, Time(5)).unwrap()["serialNumber"]);
        assert_ne!(serial, make(&built(), "ours", "package = []", Time(0)).unwrap()["serialNumber"]);
    }
}
