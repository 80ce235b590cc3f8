//! What a build says of its image: in files, in layouts, in registries, and back again.

use crate::support::{Guard, Registry, Running, Workbench, peer, python_module};
use serde_json::Value;
use std::fs;
use std::path::Path;

const STATUS: &str = "Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4+deb12u5\n\
    Maintainer: Some Body <some@body.example>\n\n\
    Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13.dfsg-1\n";

/// An image with a few packages.
fn bench() -> Workbench {
    let bench = Workbench::with(
        "FROM scratch AS base\nCOPY etc /etc\nCOPY status /var/lib/dpkg/status\n\
         FROM base\nARG TOKEN\nARG FLAVOUR\nCOPY requirements.txt /app/\nLABEL a=b\n",
    );
    bench.file("etc/os-release", "ID=debian\nVERSION_ID=12\n");
    bench.file("status", STATUS);
    bench.file("requirements.txt", "six==1.16.0\n");
    bench
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn purls(document: &Value) -> Vec<&str> {
    let packages = document["packages"].as_array().unwrap().iter();
    let refs = packages.filter_map(|it| it["externalRefs"][0]["referenceLocator"].as_str());
    refs.filter(|it| !it.starts_with("pkg:docker/")).collect()
}

const PURLS: [&str; 3] = [
    "pkg:deb/debian/base-files@12.4%2Bdeb12u5?arch=amd64&distro=debian-12",
    "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12",
    "pkg:pypi/six@1.16.0",
];

fn shown(bench: &Workbench, words: &[&str]) -> Value {
    let run = bench.varve([&["inspect"], words].concat()).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn files_beside_an_output_of_files_say_it() {
    let bench = bench();
    let out = bench.text("work/out");
    bench.build(&["-o", &out]);
    assert!(
        !bench.path("work/out/provenance.json").exists(),
        "nothing is said unless asked for"
    );
    bench.build(&["--sbom", "--provenance", "-o", &out]);
    let statement = json(bench.path("work/out/sbom.spdx.json"));
    assert_eq!(statement["predicateType"], "https://spdx.dev/Document");
    assert_eq!(purls(&statement["predicate"]), PURLS);
    let provenance = json(bench.path("work/out/provenance.json"));
    assert_eq!(provenance["predicateType"], "https://slsa.dev/provenance/v1");
    let archive = bench.text("work/files.tar");
    bench.build(&["--sbom=format=cyclonedx", "-o", &format!("type=tar,dest={archive}")]);
    let statement = json(bench.path("work/files.tar.sbom.cdx.json"));
    assert_eq!(statement["predicate"]["components"].as_array().unwrap().len(), 4);
    bench.build(&["--sbom", "-o", "-"]).says(["a stream has no place"]);
    bench
        .try_build(&["--sbom=generator=some/scanner"])
        .fails(2)
        .says(["`some/scanner` is not run"]);
}

#[test]
fn provenance_tells_what_was_asked_and_nothing_that_is_secret() {
    let bench = bench();
    let out = bench.text("work/out");
    let words = [
        "-o",
        &out,
        "--build-arg",
        "TOKEN=hunter2",
        "--build-arg",
        "FLAVOUR=mint",
        "--label",
        "x=y",
    ];
    bench.build(&[&words[..], &["--provenance"]].concat());
    let request =
        |provenance: &Value| provenance["predicate"]["buildDefinition"]["externalParameters"]["request"].clone();
    let least = json(bench.path("work/out/provenance.json"));
    assert_eq!(request(&least)["args"], serde_json::json!({}));
    let metadata = &least["predicate"]["runDetails"]["metadata"];
    assert_eq!(metadata["buildkit_completeness"]["request"], false);
    assert_eq!(metadata["buildkit_hermetic"], true);
    assert!(metadata["startedOn"].is_null());

    bench.build(&[&words[..], &["--provenance=mode=max,builder-id=https://ci.example/7"]].concat());
    let text = fs::read_to_string(bench.path("work/out/provenance.json")).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let most: Value = serde_json::from_str(&text).unwrap();
    let args = request(&most)["args"].clone();
    assert_eq!(args, serde_json::json!({"build-arg:FLAVOUR": "mint", "label:x": "y"}));
    assert_eq!(most["predicate"]["runDetails"]["builder"]["id"], "https://ci.example/7");
    assert!(most["predicate"]["runDetails"]["metadata"]["startedOn"].is_string());
    let steps = &most["predicate"]["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"];
    assert_eq!(steps.as_array().unwrap().len(), 4);

    // Where the same inputs are to give the same bytes, no time is told.
    bench.build(
        &[
            &words[..],
            &[
                "--provenance=mode=max,version=v0.2",
                "--build-arg",
                "SOURCE_DATE_EPOCH=0",
            ],
        ]
        .concat(),
    );
    let fixed = json(bench.path("work/out/provenance.json"));
    assert_eq!(fixed["predicateType"], "https://slsa.dev/provenance/v0.2");
    assert!(fixed["predicate"]["metadata"]["buildStartedOn"].is_null());
    assert_eq!(
        fixed["predicate"]["invocation"]["configSource"]["entryPoint"],
        "Dockerfile"
    );
}

#[test]
fn what_came_from_outside_is_named_with_its_digest() {
    let bench = Workbench::with("FROM busybox\nRUN true\n");
    let out = bench.text("work/out");
    bench.build(&["--provenance", "-o", &out]);
    let provenance = json(bench.path("work/out/provenance.json"));
    let dependencies = &provenance["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(dependencies.as_array().unwrap().len(), 1);
    assert_eq!(dependencies[0]["digest"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(
        provenance["predicate"]["runDetails"]["metadata"]["buildkit_hermetic"],
        false
    );
}

#[test]
fn in_a_layout_it_refers_to_the_image_or_stands_in_its_index() {
    let bench = bench();
    let plain = bench.text("work/plain");
    bench.build(&["-t", "app:v1", "-o", &format!("type=oci,tar=false,dest={plain}")]);
    let manifest = json(bench.path("work/plain/index.json"))["manifests"][0]["digest"].clone();

    let refers = bench.text("work/refers");
    bench.build(&[
        "-t",
        "app:v1",
        "--sbom",
        "--provenance",
        "-o",
        &format!("type=oci,tar=false,dest={refers}"),
    ]);
    let index = json(bench.path("work/refers/index.json"));
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["digest"], manifest, "the image is the same with and without");
    assert_eq!(entries[1]["artifactType"], "application/vnd.in-toto+json");
    let blob = |folder: &str, digest: &Value| {
        let hex = digest.as_str().unwrap().trim_start_matches("sha256:").to_owned();
        json(bench.path(format!("work/{folder}/blobs/sha256/{hex}")))
    };
    let artifact = blob("refers", &entries[1]["digest"]);
    assert_eq!(artifact["subject"]["digest"], manifest);
    assert_eq!(artifact["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    let place = format!("oci-layout://{refers}:v1");
    assert_eq!(purls(&shown(&bench, &["--sbom", &place])), PURLS);
    assert!(shown(&bench, &["--provenance", &place])["buildDefinition"].is_object());
    // It is a base for others all the same.
    bench.file("Second", "FROM it\nCOPY status /\n");
    let second = bench.path("context/Second").display().to_string();
    bench.build(&["-f", &second, "--build-context", &format!("it=oci-layout://{refers}")]);

    let joined = bench.text("work/joined");
    let words = ["--attest", "type=sbom,form=index", "--attest", "type=provenance"];
    bench.build(
        &[
            &words[..],
            &["-t", "app:v1", "-o", &format!("type=oci,tar=false,dest={joined}")],
        ]
        .concat(),
    );
    let top = json(bench.path("work/joined/index.json"))["manifests"][0].clone();
    assert_eq!(top["mediaType"], "application/vnd.oci.image.index.v1+json");
    let index = blob("joined", &top["digest"]);
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries[0]["digest"], manifest);
    assert_eq!(entries[1]["annotations"]["vnd.docker.reference.digest"], manifest);
    assert_eq!(
        entries[1]["annotations"]["vnd.docker.reference.type"],
        "attestation-manifest"
    );
    assert_eq!(
        entries[1]["platform"],
        serde_json::json!({"architecture": "unknown", "os": "unknown"})
    );
    let beside = blob("joined", &entries[1]["digest"]);
    let kinds: Vec<_> = beside["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["annotations"]["in-toto.io/predicate-type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["https://slsa.dev/provenance/v1", "https://spdx.dev/Document"]);
    let place = format!("oci-layout://{joined}:v1");
    assert_eq!(purls(&shown(&bench, &["--sbom", &place])), PURLS);
}

#[test]
fn a_registry_without_a_list_keeps_it_under_a_tag_and_a_push_from_the_store_brings_it() {
    if !peer("docker-registry") || !peer("skopeo") {
        return;
    }
    let registry = Registry::start(Guard::None);
    let bench = bench();
    let name = format!("{}/team/app:v1", registry.host());
    bench.build(&["--push", "--sbom", "--provenance=mode=max", "-t", &name]);
    let raw = |name: &str| -> Value {
        let mut command = bench.command("skopeo");
        command.args(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
        serde_json::from_str(&Running::start(command).end().succeeds().stdout).unwrap()
    };
    let manifest = raw(&name);
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let digest = {
        let mut command = bench.command("skopeo");
        command.args([
            "inspect",
            "--format",
            "{{.Digest}}",
            "--tls-verify=false",
            &format!("docker://{name}"),
        ]);
        Running::start(command).end().succeeds().stdout.trim().to_owned()
    };
    let list = format!("{}/team/app:{}", registry.host(), digest.replace(':', "-"));
    let entries = raw(&list)["manifests"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 2);
    assert!(
        entries
            .iter()
            .all(|it| it["artifactType"] == "application/vnd.in-toto+json")
    );
    assert_eq!(purls(&shown(&bench, &["--sbom", &name])), PURLS);
    let provenance = shown(&bench, &["--provenance", &name]);
    let layers = &provenance["runDetails"]["metadata"]["buildkit_metadata"]["layers"];
    let told = layers.as_object().unwrap().values().map(|it| &it[0][0]["digest"]);
    let in_manifest: Vec<&Value> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["digest"])
        .collect();
    assert_eq!(told.collect::<Vec<_>>(), in_manifest);
    // Again: nothing new is listed.
    bench.build(&[
        "--push",
        "--sbom",
        "--provenance=mode=max,reproducible=true",
        "-t",
        &name,
    ]);
    bench.build(&[
        "--push",
        "--sbom",
        "--provenance=mode=max,reproducible=true",
        "-t",
        &name,
    ]);
    assert_eq!(
        raw(&list)["manifests"].as_array().unwrap().len(),
        3,
        "only another provenance"
    );

    let other = format!("{}/other:v1", registry.host());
    bench.build(&["--sbom=format=cyclonedx", "-t", &other]);
    assert_eq!(shown(&bench, &["--sbom", &other])["bomFormat"], "CycloneDX");
    bench.varve(["push", &other]).succeeds();
    bench.varve(["rmi", &other]).succeeds();
    let from_there = shown(&bench, &["--sbom", "--format", "cyclonedx", &other]);
    assert_eq!(from_there["bomFormat"], "CycloneDX");
    let wrong = bench.varve(["inspect", "--sbom", "--format", "spdx", &other]).fails(1);
    wrong.says(["in another form"]);
    bench
        .varve(["inspect", "--provenance", &other])
        .fails(1)
        .says(["no provenance"]);
}

#[test]
fn its_documents_are_valid_for_others() {
    let (Some(python), Some(_), Some(_)) = (
        python_module("spdx_tools"),
        python_module("cyclonedx"),
        python_module("packageurl"),
    ) else {
        return;
    };
    let bench = bench();
    bench.file(
        "etc/odd/package-lock.json",
        r#"{"packages": {"node_modules/@a/b": {"version": "1.0.0", "license": "(MIT OR Apache-2.0)"},
            "node_modules/c": {"version": "2.0.0", "license": "My Own"}, "node_modules/d": {"version": "1.0.0+x", "license": "MIT"}}}"#,
    );
    let out = bench.text("work/out");
    bench.build(&["--sbom", "-o", &out, "-t", "app:v1"]);
    bench.build(&["--sbom=format=cyclonedx", "-o", &out, "-t", "app:v1"]);
    let check = "import json, sys\n\
        from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser\n\
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        from cyclonedx.schema import SchemaVersion\n\
        from packageurl import PackageURL\n\
        from urllib.parse import unquote\n\
        spdx = json.load(open(sys.argv[1]))['predicate']\n\
        problems = validate_full_spdx_document(JsonLikeDictParser().parse(spdx), 'SPDX-2.3')\n\
        assert not problems, problems\n\
        text = json.dumps(json.load(open(sys.argv[2]))['predicate'])\n\
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)\n\
        assert not problem, problem\n\
        urls = [r['referenceLocator'] for p in spdx['packages'] for r in p.get('externalRefs', [])]\n\
        assert len(urls) == 7, urls\n\
        for url in urls:\n    \
            again = PackageURL.from_string(url).to_string()\n    \
            assert unquote(again) == unquote(url), (again, url)\n";
    let mut command = bench.command(python);
    command.args(["-c", check]);
    command.args([
        bench.path("work/out/sbom.spdx.json"),
        bench.path("work/out/sbom.cdx.json"),
    ]);
    Running::start(command).end().succeeds();
}
