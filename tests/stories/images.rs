//! Commands on the images of the store.

use crate::support::{Image, Run, Running, VARVE, Workbench, untar};
use serde_json::Value;
use std::fs;
use std::process::Stdio;

const TEXT: &str = "FROM busybox\nLABEL kind=small\nENV A=b\nRUN echo 1 > /f\n";

fn lines(run: &Run) -> Vec<&str> {
    run.stdout.lines().collect()
}

#[test]
fn names_ids_and_sizes() {
    let bench = Workbench::with("FROM busybox\nRUN echo 1 > /f\n");
    let run = bench.varve(["images"]).succeeds();
    assert_eq!(
        run.stdout.split_whitespace().collect::<Vec<_>>(),
        ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    );
    let id = bench
        .build(&["-q", "-t", "one", "-t", "example.org:5000/team/two:v2"])
        .stdout;
    let run = bench.varve(["images", "--no-trunc"]).succeeds();
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let mut names: Vec<_> = rows.iter().map(|row| (row[0], row[1], row[2])).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            ("example.org:5000/team/two", "v2", id.trim()),
            ("one", "latest", id.trim())
        ]
    );
    let short = bench.varve(["image", "ls", "-q"]).succeeds().stdout;
    assert_eq!(short, format!("{}\n", &id.trim()["sha256:".len()..][..12]));
    for line in bench.varve(["images", "--format=json"]).succeeds().stdout.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(row["Size"].as_str().unwrap().ends_with("MB"), "{row}");
        assert_eq!(row["ID"], short.trim());
    }
    let run = bench
        .varve(["images", "--format", "{{.Repository}}:{{.Tag}}"])
        .succeeds();
    assert_eq!(lines(&run), ["example.org:5000/team/two:v2", "one:latest"]);
    let run = bench
        .varve(["images", "--format", "table {{.Tag}}\\t{{.ID}}", "one"])
        .succeeds();
    assert_eq!(
        lines(&run),
        ["TAG      IMAGE ID".to_owned(), format!("latest   {}", short.trim())]
    );
    bench
        .varve(["images", "--format", "{{.Nonsense}}"])
        .fails(2)
        .says([".Nonsense", ".Repository"]);
}

#[test]
fn a_name_moves() {
    let bench = Workbench::with("FROM busybox\nRUN echo 1 > /f\n");
    let first = bench.build(&["-q", "-t", "app"]).stdout;
    bench.dockerfile("FROM busybox\nRUN echo 2 > /f\n");
    let second = bench.build(&["-q", "-t", "app"]).stdout;
    assert_ne!(first, second);
    let run = bench.varve(["images", "--no-trunc"]).succeeds();
    let named: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("app ")).collect();
    assert!(named.len() == 1 && named[0].contains(second.trim()), "{}", run.stdout);
    assert_eq!(bench.varve(["run", "app", "cat", "/f"]).succeeds().stdout, "2\n");
    let id = &first.trim()["sha256:".len()..][..12];
    assert_eq!(bench.varve(["run", id, "cat", "/f"]).succeeds().stdout, "1\n");
}

#[test]
fn nobody_reads_the_list() {
    let bench = Workbench::with("FROM busybox\n");
    bench.build(&["-t", "app"]);
    let mut command = bench.command("bash");
    command.args(["-c", "\"$@\" | true; exit 0", "bash", VARVE, "images"]);
    let run = Running::start(command).end().succeeds();
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn filters_choose_images() {
    let bench = Workbench::with(TEXT);
    bench.build(&["-t", "team/app:v1"]);
    bench.dockerfile("FROM busybox\nRUN echo 2 > /f\n");
    bench.build(&["-t", "team/app:v2", "-t", "other"]);
    bench.dockerfile("FROM busybox\nRUN echo 3 > /f\n");
    bench.build(&[]);
    let of = |filters: &[&str]| {
        let mut words = vec!["images", "--format", "{{.Repository}}:{{.Tag}}"];
        words.extend(filters.iter().flat_map(|it| ["--filter", *it]));
        let run = bench.varve(words).succeeds();
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(&[]), ["<none>:<none>", "other:latest", "team/app:v2", "team/app:v1"]);
    assert_eq!(of(&["dangling=true"]), ["<none>:<none>"]);
    assert_eq!(of(&["reference=team/*:v*"]), ["team/app:v2", "team/app:v1"]);
    assert_eq!(of(&["reference=team/app", "dangling=false"]).len(), 2);
    assert_eq!(of(&["reference=*"]), ["other:latest"], "`*` is no slash");
    assert_eq!(of(&["label=kind"]), ["team/app:v1"]);
    assert_eq!(of(&["label=kind=large"]), [""; 0]);
    assert_eq!(of(&["before=other"]), ["team/app:v1"]);
    assert_eq!(of(&["since=other"]), ["<none>:<none>"]);
    bench.varve(["images", "--filter", "size=3"]).fails(2).says(["size"]);
    bench
        .varve(["images", "--filter", "before=nothing"])
        .fails(1)
        .says(["nothing"]);
}

#[test]
fn an_image_is_told_as_docker_tells_it() {
    let bench = Workbench::with(TEXT);
    let id = bench
        .build(&["-q", "-t", "app:v1", "-t", "app"])
        .stdout
        .trim()
        .to_owned();
    let run = bench.varve(["inspect", "app:v1"]).succeeds();
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    let image = &all[0];
    assert_eq!(image["Id"], id.as_str());
    assert_eq!(image["RepoTags"], serde_json::json!(["app:latest", "app:v1"]));
    assert_eq!(
        (&image["Config"]["Labels"]["kind"], &image["Os"]),
        (&"small".into(), &"linux".into())
    );
    let count = image["RootFS"]["Layers"].as_array().unwrap().len();
    assert!(count > 1, "{image}");
    let of = |format: &str| {
        bench
            .varve(["image", "inspect", "-f", format, &id[7..19]])
            .succeeds()
            .stdout
    };
    assert_eq!(of("{{.Id}}"), format!("{id}\n"));
    assert_eq!(
        of("{{index .Config.Labels \"kind\"}} {{len .RootFS.Layers}}"),
        format!("small {count}\n")
    );
    assert_eq!(
        of("{{range .Config.Env}}{{println .}}{{end}}{{.Config.Volumes}}")
            .lines()
            .last(),
        Some("<no value>")
    );
    let run = bench
        .varve(["inspect", "app", "gone"])
        .fails(1)
        .says(["there is no image `gone`"]);
    assert!(run.stdout.contains(&id), "{}", run.stdout);

    let history = bench.varve(["history", "app"]).succeeds();
    let rows = lines(&history);
    assert!(
        rows[0].starts_with("IMAGE") && rows[1].starts_with(&id[7..19]) && rows[1].contains("RUN"),
        "{rows:?}"
    );
    assert!(
        rows.iter().filter(|row| row.starts_with("<missing>")).count() >= 3,
        "{rows:?}"
    );
    let run = bench
        .varve(["history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Size}}", "app"])
        .succeeds();
    assert!(run.stdout.contains("ENV A=b|0B"), "{}", run.stdout);
    assert!(run.stdout.contains("RUN /bin/sh -c echo 1 > /f"), "{}", run.stdout);
}

#[test]
fn names_come_and_go() {
    let bench = Workbench::with(TEXT);
    let id = bench.build(&["-q", "-t", "app"]).stdout.trim().to_owned();
    bench.varve(["tag", "app", "example.org/app:v1", "again"]).succeeds();
    bench.varve(["tag", &id, "last"]).succeeds();
    bench.varve(["tag", "app", "Not/A:Name"]).fails(2);
    bench
        .varve(["rmi", &id[7..19]])
        .fails(1)
        .says(["several names", "example.org/app:v1"]);
    let run = bench
        .varve(["rmi", "app", "again:latest", "gone"])
        .fails(1)
        .says(["gone"]);
    assert_eq!(lines(&run), ["Untagged: app:latest", "Untagged: again:latest"]);
    bench.varve(["rmi", "-f", "gone"]).succeeds();
    let run = bench.varve(["image", "rm", "--force", &id]).succeeds();
    let told = [
        "Untagged: last:latest".to_owned(),
        "Untagged: example.org/app:v1".to_owned(),
        format!("Deleted: {id}"),
    ];
    let mut sorted = lines(&run);
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(sorted, told);
    assert_eq!(bench.varve(["images", "-q"]).succeeds().stdout, "");
    assert_eq!(
        bench.build(&["-q", "-t", "app"]).stdout.trim(),
        id,
        "the results are still there"
    );
    let run = bench.varve(["rmi", "app"]).succeeds();
    assert_eq!(
        lines(&run),
        ["Untagged: app:latest".to_owned(), format!("Deleted: {id}")]
    );
}

/// What is loaded into another store is the same image, and works there.
#[test]
fn images_travel_between_stores() {
    let bench = Workbench::with(TEXT);
    let id = bench.build(&["-q", "-t", "app:v1"]).stdout.trim().to_owned();
    bench.varve(["tag", "app:v1", "other"]).succeeds();
    for (number, format) in ["docker-archive", "oci-archive"].into_iter().enumerate() {
        let tar = format!("{format}.tar");
        bench
            .varve(["save", "--format", format, "-o", &tar, "app:v1", "other"])
            .succeeds();
        let bytes = fs::read(bench.path("work").join(&tar)).unwrap();
        let image = Image::of_tar(&bytes);
        assert_eq!(image.manifest["config"]["digest"], id.as_str());
        assert_eq!(image.read("f"), "1\n");
        assert_eq!(
            bench
                .varve(["save", "--format", format, "app:v1", "other"])
                .succeeds()
                .bytes,
            bytes
        );

        let store = bench.text(format!("store-{number}"));
        let there = |words: &[&str]| {
            let mut command = bench.varve_command(words);
            command.env("VARVE_ROOT", &store).stdin(Stdio::piped());
            command
        };
        let run = Running::start(there(&["load", "-i", &tar])).end().succeeds();
        let mut said = lines(&run);
        said.sort_unstable();
        assert_eq!(said, ["Loaded image: app:v1", "Loaded image: other:latest"]);
        let run = Running::start(there(&["images", "-q", "--no-trunc"])).end().succeeds();
        assert_eq!(run.stdout.trim(), id);
        let run = Running::start(there(&["run", "other", "cat", "/f"])).end().succeeds();
        assert_eq!(run.stdout, "1\n");
        // What came with a manifest leaves with it.
        let run = Running::start(there(&["save", "--format", format, "app:v1", "other"]))
            .end()
            .succeeds();
        assert_eq!(Image::of_tar(&run.bytes).digest, image.digest);
        // It survives a prune without any cache.
        Running::start(there(&["prune", "--cache", "-f"])).end().succeeds();
        let run = Running::start(there(&["run", "app:v1", "cat", "/f"])).end().succeeds();
        assert_eq!(run.stdout, "1\n");

        let mut packed = std::process::Command::new("gzip");
        packed.args(["-k", &tar]).current_dir(bench.path("work"));
        assert!(packed.status().unwrap().success());
        let packed = fs::read(bench.path("work").join(format!("{tar}.gz"))).unwrap();
        Running::start(there(&["load", "-q"])).feed(packed).end().succeeds();
    }
}

#[test]
fn damaged_archives_are_refused() {
    let bench = Workbench::with(TEXT);
    bench.build(&["-t", "app"]);
    bench
        .varve(["save", "--format=oci-archive", "-o", "app.tar", "app"])
        .succeeds();
    let bytes = fs::read(bench.path("work/app.tar")).unwrap();
    let image = Image::of_tar(&bytes);
    let fresh = bench.text("fresh");
    let load = |bytes: Vec<u8>| {
        let mut command = bench.varve_command(["load"]);
        command.env("VARVE_ROOT", &fresh).stdin(Stdio::piped());
        Running::start(command).feed(bytes).end()
    };
    load(bytes[..bytes.len() / 2].to_vec())
        .fails(1)
        .never_says(["panicked"]);
    load(b"no tar at all".to_vec()).fails(1).never_says(["panicked"]);
    // A config that calls other files by the name of these: everything but the layer's content fits.
    let old = image.manifest["layers"][0]["digest"].as_str().unwrap();
    let mut members = untar(&bytes);
    let lie = {
        let mut config = image.config.clone();
        let ids = config["rootfs"]["diff_ids"].as_array_mut().unwrap();
        ids.swap(0, 1);
        serde_json::to_vec(&config).unwrap()
    };
    let digest = |bytes: &[u8]| {
        use sha2::Digest as _;
        let hex: String = sha2::Sha256::digest(bytes)
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        format!("sha256:{hex}")
    };
    let mut manifest = image.manifest.clone();
    manifest["config"]["digest"] = digest(&lie).into();
    manifest["config"]["size"] = lie.len().into();
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut index = image.index.clone();
    index["manifests"][0]["digest"] = digest(&manifest).into();
    index["manifests"][0]["size"] = manifest.len().into();
    let mut node = members["index.json"].clone();
    let mut put = |name: String, content: Vec<u8>| {
        node.content = content;
        members.insert(name, node.clone());
    };
    put(format!("blobs/{}", digest(&lie).replace(':', "/")), lie);
    put(format!("blobs/{}", digest(&manifest).replace(':', "/")), manifest);
    put("index.json".to_owned(), serde_json::to_vec(&index).unwrap());
    let mut tar = tar::Builder::new(Vec::new());
    for (name, node) in members
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "blobs" | "blobs/sha256"))
    {
        let mut header = tar::Header::new_ustar();
        header.set_size(node.content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, node.content.as_slice()).unwrap();
    }
    assert!(members.contains_key(&format!("blobs/{}", old.replace(':', "/"))));
    load(tar.into_inner().unwrap()).fails(1).says(["unpacks to"]);
    let mut command = bench.varve_command(["images", "-q"]);
    command.env("VARVE_ROOT", &fresh);
    assert_eq!(Running::start(command).end().succeeds().stdout, "");
}

#[test]
fn pruning_takes_what_nobody_needs() {
    let bench = Workbench::with(TEXT);
    bench.build(&["-t", "app"]);
    bench.dockerfile("FROM busybox\nRUN echo 2 > /f\n");
    bench.build(&["-t", "app"]);
    bench.dockerfile("FROM busybox\nRUN echo 3 > /g\n");
    bench.build(&["-o", "type=cacheonly"]);
    let run = bench
        .varve(["df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"])
        .succeeds();
    assert!(run.stdout.contains("Images 2 1\nBuild Cache "), "{}", run.stdout);
    let run = bench.varve(["system", "df"]).succeeds();
    assert!(
        run.stdout.starts_with("TYPE ") && run.stdout.contains("RECLAIMABLE"),
        "{}",
        run.stdout
    );

    let run = bench.varve(["prune", "--filter", "until=24h"]).succeeds();
    assert_eq!(lines(&run), ["Total reclaimed space: 0B"], "nothing is that old");
    let run = bench.varve(["image", "prune", "-f"]).succeeds();
    assert!(
        run.stdout.starts_with("Deleted Images:\ndeleted: sha256:"),
        "{}",
        run.stdout
    );
    bench.build(&["-o", "type=cacheonly"]).all_reused();

    bench.varve(["builder", "prune", "--filter", "until=24h"]).succeeds();
    bench.build(&["-o", "type=cacheonly"]).all_reused();
    let run = bench.varve(["builder", "prune", "-a", "-f"]).succeeds();
    assert!(!run.stdout.contains(": 0B"), "{}", run.stdout);
    assert_eq!(bench.varve(["run", "app", "cat", "/f"]).succeeds().stdout, "2\n");
    bench.build(&["-t", "new"]).says(["1 step built"]);
    bench.varve(["prune", "--keep-storage", "1kb"]).succeeds();
    assert_eq!(bench.varve(["run", "new", "cat", "/g"]).succeeds().stdout, "3\n");

    bench.varve(["prune", "--all", "--cache"]).succeeds();
    assert_eq!(bench.varve(["images", "-q"]).succeeds().stdout, "");
    for folder in ["deltas/v1", "blobs/sha256"] {
        let left = fs::read_dir(bench.store().join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    bench.varve(["prune", "--filter", "until=soon"]).fails(2).says(["soon"]);
}
