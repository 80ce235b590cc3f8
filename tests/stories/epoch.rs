//! Where `SOURCE_DATE_EPOCH` comes from.

use super::network::server::{Answer, Server};
use crate::support::{Image, Run, Workbench};
use std::fs;

const THEN: &str = "Fri, 13 Feb 2009 23:31:30 GMT";

/// A tar with a Dockerfile and files of these times.
fn tar(dockerfile: &str, files: &[(&str, u64)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut put = |path: &str, time: u64, content: &[u8], kind| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_mtime(time);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    };
    put("late/", 2_000_000_000, b"", tar::EntryType::Directory);
    for (path, time) in files {
        put(path, *time, b"x", tar::EntryType::Regular);
    }
    if !dockerfile.is_empty() {
        put("Dockerfile", 5, dockerfile.as_bytes(), tar::EntryType::Regular);
    }
    tar.into_inner().unwrap()
}

/// When an image counts as made.
#[track_caller]
fn created(bench: &Workbench, run: &Run) -> String {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let image = Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap());
    image.config["created"].as_str().unwrap().to_owned()
}

const OUT: &str = "type=oci,dest=x.tar";
const CONTEXT: &str =
    "ARG SOURCE_DATE_EPOCH=context\nFROM busybox\nARG SOURCE_DATE_EPOCH\nRUN echo $SOURCE_DATE_EPOCH > /seen\n";

#[test]
fn a_tar_is_as_old_as_its_newest_file_and_a_directory_has_no_age() {
    let bench = Workbench::new();
    let run = bench.build_from(
        &["-o", OUT, "-"],
        &tar(CONTEXT, &[("a", 1_000_000_000), ("b", 999_999_999)]),
    );
    assert_eq!(created(&bench, &run), "2001-09-09T01:46:40Z");
    let image = Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap());
    assert_eq!(image.read("seen"), "1000000000\n", "commands see seconds");
    bench.dockerfile(CONTEXT);
    let run = bench.build(&["-o", OUT]);
    assert_ne!(&created(&bench, &run)[..4], "2001");
    let image = Image::of_tar(&fs::read(bench.path("work/x.tar")).unwrap());
    assert_eq!(image.read("seen"), "\n");
    // A Dockerfile alone is no context.
    bench.build_from(&["-"], CONTEXT.as_bytes()).succeeds();
}

#[test]
fn the_variable_of_the_caller_counts_unless_told_otherwise() {
    let bench = Workbench::with("FROM scratch\nCOPY <<f /f\nx\nf\n").variable("SOURCE_DATE_EPOCH", "1000000000");
    let build = |words: &[&str]| bench.build(&[&["-o", OUT], words].concat());
    assert_eq!(created(&bench, &build(&[])), "2001-09-09T01:46:40Z");
    let run = build(&["--build-arg", "SOURCE_DATE_EPOCH=1"]);
    assert_eq!(created(&bench, &run), "1970-01-01T00:00:01Z");
    let run = build(&["--build-arg", "SOURCE_DATE_EPOCH="]);
    assert!(created(&bench, &run).as_str() > "2020");
    bench
        .try_build(&["--build-arg", "SOURCE_DATE_EPOCH=yesterday"])
        .fails(1)
        .says(["yesterday", "whole seconds"]);
    let bench = bench.variable("SOURCE_DATE_EPOCH", "");
    bench.build(&[]);
}

#[test]
fn a_stage_that_fetches_one_page_is_as_old_as_the_page() {
    let archive = tar("", &[("a", 1_000_000_000)]);
    let server = Server::new(move |asked| match asked.target.as_str() {
        "/dated" => Answer::ok("page").header("Last-Modified", THEN),
        "/archive" => Answer::ok(archive.clone()),
        _ => Answer::ok("page"),
    });
    let bench = Workbench::new();
    let build = |page: &str, words: &[&str]| {
        let url = server.url(page);
        bench.dockerfile(&format!(
            "ARG SOURCE_DATE_EPOCH=src\nFROM scratch AS src\nADD {url} /\nFROM scratch\nCOPY --from=src / /\n"
        ));
        bench.try_build(&[&["-o", OUT], words].concat())
    };
    assert_eq!(created(&bench, &build("/dated", &[])), "2009-02-13T23:31:30Z");
    assert_eq!(server.take_targets(), ["GET /dated"], "the step fetches nothing again");
    assert_eq!(created(&bench, &build("/archive", &[])), "2001-09-09T01:46:40Z");
    assert!(created(&bench, &build("/plain", &[])).as_str() > "2020");
    // A context of the name stands in for the stage, and a directory has no age.
    fs::create_dir(bench.path("work/dir")).unwrap();
    assert!(created(&bench, &build("/dated", &["--build-context", "src=dir"])).as_str() > "2020");
    let gone = Server::new(|_| Answer::new(404, ""));
    bench.dockerfile(&format!(
        "ARG SOURCE_DATE_EPOCH=src\nFROM scratch AS src\nADD {} /\nFROM scratch\n",
        gone.url("/x")
    ));
    bench.try_build(&[]).fails(1).says(["404"]);
}

#[test]
fn what_is_none_of_these_is_refused_with_its_place() {
    let bench = Workbench::with("ARG SOURCE_DATE_EPOCH=contxt\nFROM scratch\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["Dockerfile:1:23", "did you mean `context`?"]);
    bench.dockerfile("ARG SOURCE_DATE_EPOCH=src\nFROM scratch AS src\nADD f /\nFROM scratch\n");
    bench
        .try_build(&[])
        .fails(1)
        .says(["Dockerfile:3:1", "fetches nothing"]);
}

#[test]
fn directories_of_workdir_are_of_the_epoch() {
    let bench = Workbench::with("FROM scratch\nWORKDIR /a/b\n");
    let image = bench.image(&["--build-arg", "SOURCE_DATE_EPOCH=1000000000"]);
    assert_eq!(
        (image.node("a").mtime, image.node("a/b").mtime),
        (1_000_000_000, 1_000_000_000)
    );
}
