//! What stays in the upper directory, and what does not.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

#[test]
pub(super) fn mount_points_leave_no_trace() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.path("src")).unwrap();
    fs::write(world.path("src/a"), "bound").unwrap();
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::open(world.path("lower/etc"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    fs::set_permissions(world.path("lower/etc"), fs::Permissions::from_mode(0o750)).unwrap();
    let setup = world
        .setup("a")
        .file("/etc/hosts", "127.0.0.1 localhost\n")
        .file("/etc/deep/er/file", "deep")
        .secret("/run/secrets/token", "s3cret", 0o400, 0, 0)
        .bind_read_only(world.path("src"), "/mnt/src")
        .bind(world.path("src/a"), "/one-file")
        .tmpfs("/var/cache/x", Some(1 << 20));
    let outcome = run(
        &setup,
        shell(
            "cat /etc/hosts /etc/deep/er/file /run/secrets/token /mnt/src/a /one-file; touch /var/cache/x/y; stat -c '%a %Y' /etc",
        ),
    );
    assert_eq!(
        outcome.output,
        "127.0.0.1 localhost\ndeeps3cretboundbound750 1000000000\n"
    );
    assert_eq!(world.upper("a"), [""; 0]);
    assert_eq!(fs::read_dir(world.path("a-scratch/files")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(world.path("a-scratch/root")).unwrap().count(), 0);
}

#[test]
pub(super) fn what_the_command_makes_beside_a_mount_point_stays() {
    let Some(world) = World::new() else { return };
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::open(world.path("lower/etc"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let setup = world.setup("a").file("/etc/hosts", "x").file("/run/secrets/t", "x");
    let outcome = run(
        &setup,
        shell("echo y > /etc/new; chmod 700 /root; rm /etc/hosts 2>/dev/null || echo busy"),
    );
    assert_eq!(outcome.output, "busy\n");
    assert_eq!(world.upper("a"), ["etc", "etc/new", "root"]);
    assert_eq!(fs::metadata(world.path("a-upper/root")).unwrap().mode() & 0o7777, 0o700);
}

#[test]
pub(super) fn links_to_mount_points_are_followed() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.path("lower/run")).unwrap();
    fs::create_dir(world.path("lower/var")).unwrap();
    symlink("/run", world.path("lower/var/run")).unwrap();
    symlink("../run/resolv.conf", world.path("lower/etc/resolv.conf")).unwrap();
    let setup = world
        .setup("a")
        .file("/var/run/secrets/t", "secret")
        .file("/etc/resolv.conf", "resolv");
    let outcome = run(&setup, shell("cat /run/secrets/t /etc/resolv.conf /run/resolv.conf"));
    assert_eq!(outcome.output, "secretresolvresolv");
    assert_eq!(world.upper("a"), [""; 0]);
}

#[test]
pub(super) fn mount_points_show_through_whiteouts_and_opaque_directories() {
    let Some(world) = World::new() else { return };
    // A second layer removes /root and /tmp, and replaces /etc as a whole.
    let overlay = world.overlay("one");
    let mut second = overlay.clone();
    let outcome = run(
        &world.setup_on("one", overlay),
        shell("rmdir /root /tmp; rm -r /etc && mkdir /etc && touch /etc/own"),
    );
    assert_eq!(outcome.status, ExitStatus::Code(0), "{outcome:?}");
    second.lowers.push(world.path("one-upper"));
    second.upper = world.overlay("two").upper;
    let setup = world
        .setup_on("two", second)
        .file("/root/.token", "r")
        .file("/etc/hosts", "h")
        .file("/tmp/x/y", "t");
    let outcome = run(&setup, shell("cat /root/.token /etc/hosts /tmp/x/y; ls /etc"));
    assert_eq!(outcome.output, "rhthosts\nown\n");
    assert_eq!(world.upper("two"), [""; 0]);
}

#[test]
pub(super) fn system_directories_stay_where_they_were_missing() {
    let Some(world) = World::new() else { return };
    for name in ["proc", "sys", "dev"] {
        fs::remove_dir(world.path("lower").join(name)).unwrap();
    }
    run(&world.setup("a").file("/etc/hosts", ""), shell("true"));
    assert_eq!(world.upper("a"), ["dev", "proc", "sys"]);
}

#[test]
pub(super) fn the_working_directory_is_made_for_the_user() {
    let Some(world) = World::new() else { return };
    let outcome = run(
        &world.setup("a"),
        shell("pwd; touch x; stat -c '%u:%g %a' /new /new/dir")
            .cwd("/new/./dir")
            .user(5, 6, &[]),
    );
    assert_eq!(outcome.output, "/new/dir\n5:6 755\n5:6 755\n");
    assert_eq!(world.upper("a"), ["new", "new/dir", "new/dir/x"]);
}

#[test]
pub(super) fn a_hundred_layers_with_odd_names() {
    let Some(world) = World::new() else { return };
    let mut overlay = world.overlay("a");
    let long = "long".repeat(50);
    for index in 0..120 {
        let name = match index % 4 {
            0 => format!("{index}:colon,comma"),
            1 => format!("{index}\\back"),
            2 => format!("{index}{long}"),
            _ => index.to_string(),
        };
        let layer = world.path(&name);
        fs::create_dir(&layer).unwrap();
        fs::write(layer.join(format!("f{index}")), "").unwrap();
        fs::write(layer.join("last"), index.to_string()).unwrap();
        overlay.lowers.push(layer);
    }
    let outcome = run(&world.setup_on("a", overlay), shell("ls / | grep -c ^f; cat /last"));
    assert_eq!(outcome.output, "120\n119");
}

#[test]
pub(super) fn a_root_without_an_upper_directory_is_read_only() {
    let Some(world) = World::new() else { return };
    for count in [1, 2] {
        let mut overlay = world.overlay(&count.to_string());
        overlay.upper = None;
        if count == 2 {
            fs::create_dir(world.path("second")).unwrap();
            overlay.lowers.push(world.path("second"));
        }
        let setup = world.setup_on(&count.to_string(), overlay).tmpfs("/tmp", None);
        let outcome = run(
            &setup,
            shell("touch /x 2>/dev/null || echo refused; touch /tmp/x && echo fine"),
        );
        assert_eq!(outcome.output, "refused\nfine\n");
    }
}

#[test]
pub(super) fn a_directory_can_be_the_root() {
    let Some(world) = World::new() else { return };
    let scratch = world.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let setup = Setup::new(Root::Directory(world.path("lower")), scratch).container(SHM_SIZE, false);
    run(&setup, shell("echo kept > /kept"));
    assert_eq!(fs::read_to_string(world.path("lower/kept")).unwrap(), "kept\n");
}

#[test]
pub(super) fn secrets_and_files_have_their_modes() {
    let Some(world) = World::new() else { return };
    let setup = world
        .setup("a")
        .secret("/run/secrets/t", "s", 0o440, 1000, 50)
        .secret("/x", "#!/bin/sh\necho ran", 0o755, 0, 0)
        .secret("/y", "#!/bin/sh\necho ran", 0o400, 0, 0)
        .file("/etc/hosts", "h");
    let script = "stat -c '%u %g %a' /run/secrets/t; echo z > /run/secrets/t || echo ro; /x; sh /y; /y || echo no; echo w > /etc/hosts && cat /etc/hosts";
    let outcome = run(&setup, shell(&format!("({script}) 2>/dev/null")));
    assert_eq!(outcome.output, "1000 50 440\nro\nran\nran\nno\nw\n");
}

#[test]
pub(super) fn binds_are_guarded_as_asked() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.path("shared")).unwrap();
    let setup = world
        .setup("a")
        .bind(world.path("shared"), "/rw")
        .bind_read_only(world.path("shared"), "/ro");
    let outcome = run(
        &setup,
        shell("echo 1 > /rw/x; (echo 2 > /ro/x) 2>/dev/null || cat /ro/x"),
    );
    assert_eq!(outcome.output, "1\n");
    assert_eq!(fs::read_to_string(world.path("shared/x")).unwrap(), "1\n");
}

#[test]
pub(super) fn the_delta_is_in_overlay_form() {
    let Some(world) = World::new() else { return };
    run(
        &world.setup("a"),
        shell("rm /etc/passwd; rm -r /root; mkdir /root; echo > /root/new"),
    );
    assert_eq!(world.upper("a"), ["etc", "etc/passwd", "root", "root/new"]);
    let whiteout = fs::symlink_metadata(world.path("a-upper/etc/passwd")).unwrap();
    assert_eq!(whiteout.rdev(), 0);
}
