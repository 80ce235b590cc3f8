//! The image's files, without layers.

use super::*;
use std::os::unix::fs::MetadataExt;

/// Three layers in which most things happen.
fn rootfs(bench: &Bench) -> Image {
    bench.image(&[
        bench.delta(
            10,
            &[
                Folder("bin"),
                file("bin/a", "a"),
                Link("bin/b", "bin/a"),
                Link("bin/c", "bin/a"),
                Folder("old"),
                file("old/hidden", "h"),
                file("gone", "g"),
                Folder("was-folder"),
                file("was-folder/x", "x"),
            ],
        ),
        bench.delta(
            20,
            &[
                Removed("bin/a"),
                Removed("gone"),
                Opaque("old"),
                file("old/new", "n"),
                file("was-folder", "now a file"),
                Symlink("link", "/etc/passwd"),
                Link("link2", "link"),
                Fifo("pipe"),
                Link("pipe2", "pipe"),
            ],
        ),
        bench.delta(30, &[Folder("bin"), file("bin/d", "d")]),
    ])
}

#[test]
fn a_directory_gets_the_visible_files() {
    let bench = Bench::new();
    let image = rootfs(&bench);
    let out = bench.path("out/here");
    let output = || Output::Local {
        path: out.clone(),
        ownership: false,
    };
    bench.export(&image, output(), &Options::default());
    let all = ["bin", "link", "link2", "old", "pipe", "pipe2", "was-folder"];
    assert_eq!(names(&out), all);
    let own_inode = |name: &str| std::fs::symlink_metadata(out.join(name)).unwrap().ino();
    assert_eq!(
        (own_inode("link"), own_inode("pipe")),
        (own_inode("link2"), own_inode("pipe2"))
    );
    assert_eq!(names(&out.join("bin")), ["b", "c", "d"]);
    assert_eq!(names(&out.join("old")), ["new"]);
    assert_eq!(read(&out.join("bin/b")), "a", "the file lives on under its second name");
    let inode = |name: &str| std::fs::metadata(out.join(name)).unwrap().ino();
    assert_eq!(inode("bin/b"), inode("bin/c"));
    assert_eq!(read(&out.join("was-folder")), "now a file");
    assert_eq!(std::fs::read_link(out.join("link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!((mode(&out.join("bin/b")), mode(&out.join("bin"))), (0o640, 0o755));
    let time = |name: &str| std::fs::symlink_metadata(out.join(name)).unwrap().mtime();
    assert_eq!(
        (time("bin"), time("bin/b"), time("old/new"), time("link")),
        (30, 10, 20, 20)
    );

    bench.export(&image, output(), &Options::default());
    assert_eq!(
        names(&out.join("bin")),
        ["b", "c", "d"],
        "writing it again changes nothing"
    );
    let epoch = Options {
        epoch: Some(Epoch::new(77, false)),
        ..Options::default()
    };
    bench.export(&image, output(), &epoch);
    assert_eq!(
        (time("bin"), time("bin/b"), time("old/new"), time("link")),
        (77, 77, 77, 77)
    );
}

#[test]
fn what_was_in_the_directory_never_leads_out_of_it() {
    let bench = Bench::new();
    let image = rootfs(&bench);
    let (out, outside) = (bench.path("out"), bench.path("outside"));
    for folder in [&out, &outside] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(outside.join("precious"), "p").unwrap();
    symlink(&outside, out.join("bin")).unwrap();
    symlink(outside.join("precious"), out.join("was-folder")).unwrap();
    std::fs::create_dir_all(out.join("link/with/things")).unwrap();
    symlink(&outside, out.join("link/with/outside")).unwrap();
    std::fs::write(out.join("old"), "a file in the way").unwrap();
    std::fs::write(out.join("mine"), "stays").unwrap();
    bench.export(
        &image,
        Output::Local {
            path: out.clone(),
            ownership: rustix::process::geteuid().is_root(),
        },
        &Options::default(),
    );
    assert_eq!(names(&outside), ["precious"]);
    assert_eq!(read(&outside.join("precious")), "p");
    assert!(!out.join("bin").is_symlink());
    let all = ["bin", "link", "link2", "mine", "old", "pipe", "pipe2", "was-folder"];
    assert_eq!(names(&out), all);
    assert_eq!(read(&out.join("was-folder")), "now a file");
    assert_eq!(read(&out.join("old/new")), "n");
}

#[test]
fn a_tar_has_the_visible_files() {
    let bench = Bench::new();
    let image = rootfs(&bench);
    let path = bench.path("out.tar");
    bench.export(
        &image,
        Output::Tar(Destination::Path(path.clone())),
        &Options::default(),
    );
    let listed = std::process::Command::new("tar")
        .arg("-tvf")
        .arg(&path)
        .output()
        .unwrap();
    assert!(listed.status.success());
    let text = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<&str> = text
        .lines()
        .map(|line| line.split_whitespace().nth(5).unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "bin/",
            "bin/b",
            "bin/c",
            "bin/d",
            "link",
            "link2",
            "old/",
            "old/new",
            "pipe",
            "pipe2",
            "was-folder"
        ],
        "{text}"
    );
    for link in ["bin/c link to bin/b", "link2 link to link", "pipe2 link to pipe"] {
        assert!(text.contains(link), "{text}");
    }
    let mut stream = Vec::new();
    bench.export(
        &image,
        Output::Tar(Destination::Stream(&mut stream)),
        &Options::default(),
    );
    assert!(stream == std::fs::read(&path).unwrap());
}

#[test]
fn a_base_layer_must_be_unpacked_to_give_files() {
    let bench = Bench::new();
    let content = bench.delta(1, &[file("base", "b")]);
    let diff_id = crate::digest::DiffId::from_bytes([9; 32]);
    let mut image = bench.image(&[]);
    image.layers.push(LayerSource::Blob {
        diff_id,
        descriptor: Box::new(crate::oci::Descriptor::of("x", b"")),
        place: LayerPlace::Store,
    });
    let output = || Output::Local {
        path: bench.path("out"),
        ownership: false,
    };
    let error = export(
        &bench.store,
        &[Member::plain(&image)],
        output(),
        &Options::default(),
        NEVER,
    )
    .unwrap_err();
    assert!(matches!(error, ExportError::NotUnpacked(it) if it == diff_id));
    bench.store.put_content_of(&diff_id, &content).unwrap();
    bench.export(&image, output(), &Options::default());
    assert_eq!(read(&bench.path("out/base")), "b");
}

#[test]
fn nothing_is_nothing() {
    let bench = Bench::new();
    let image = rootfs(&bench);
    assert_eq!(
        bench.export(&image, Output::Nothing, &Options::default()),
        Exported::default()
    );
    assert_eq!(names(bench.folder.path()), ["store"]);
}
