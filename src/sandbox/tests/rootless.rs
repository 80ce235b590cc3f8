//! The same, for a user who is nobody special: this test program runs itself as such a user.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::process;

/// Runs `test` of this program, with one thread, as `nobody` (newuidmap wants a user with a name), to whom `/etc/subuid` grants `ranges`.
fn as_user(test: &str, ranges: &str, how: &str) {
    let Some(world) = World::new() else { return };
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    let home = world.path("home");
    fs::create_dir(&home).unwrap();
    open(world.dir.path());
    open(&home);
    fs::write(world.path("ranges"), ranges).unwrap();
    let exe = world.path("exe");
    // A link, because a copy may still be open for writing in a process that another test has just forked.
    let me = std::env::current_exe().unwrap();
    fs::hard_link(&me, &exe)
        .or_else(|_| fs::copy(&me, &exe).map(drop))
        .unwrap();
    let script = format!(
        "mount --bind {ranges} /etc/subuid && mount --bind {ranges} /etc/subgid && \
         cd {home} && exec {how} {exe} --test-threads=1 --nocapture --ignored --exact {test}",
        ranges = world.path("ranges").display(),
        home = home.display(),
        exe = exe.display(),
    );
    for file in ["/etc/subuid", "/etc/subgid"] {
        if !Path::new(file).exists() {
            eprintln!("skipped: this test needs `{file}`");
            return;
        }
    }
    let output = process::Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .env("TMPDIR", &home)
        .env("VARVE_TEST_DIR", &home)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert!(!text.contains("skipped"), "{text}");
}

const USER: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

#[test]
fn a_user_with_subordinate_ids() {
    as_user("sandbox::tests::rootless::mapped", "nobody:100000:65536\n", USER);
}

#[test]
fn a_user_without_subordinate_ids() {
    as_user("sandbox::tests::rootless::single", "somebody:100000:65536\n", USER);
}

#[test]
fn root_without_privileges() {
    as_user(
        "sandbox::tests::rootless::single",
        "",
        "setpriv --bounding-set -all --inh-caps -all --ambient-caps -all --reuid 65534 --regid 65534 --clear-groups",
    );
}

/// In the program started by [`as_user`]: enters a user namespace and tells `story` how that went.
///
/// The test harness has threads, and a user namespace wants none: the story plays in a fork.
fn alone(story: fn(&Entered)) {
    let Some(dir) = std::env::var_os("VARVE_TEST_DIR").map(PathBuf::from) else {
        return;
    };
    let pid = match sys::fork().unwrap() {
        sys::Forked::Parent(pid) => rustix::process::Pid::from_raw(pid.cast_signed()),
        sys::Forked::Child => {
            let told = std::panic::catch_unwind(|| {
                let entered = enter().unwrap();
                assert_eq!((entered.original_uid, entered.original_gid), (65534, 65534));
                assert!(rustix::process::geteuid().is_root());
                assert_eq!(probe_overlay(&dir), OverlaySupport::UserXattr);
                assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
                story(&entered);
            });
            sys::exit(i32::from(told.is_err()))
        }
    };
    let status = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
    assert_eq!(status.unwrap().1.exit_status(), Some(0));
}

#[test]
#[ignore = "run by `a_user_with_subordinate_ids`"]
fn mapped() {
    alone(|entered| {
        assert_eq!(entered.ownership, Ownership::Mapped);
        // Once is enough, and twice is once.
        assert_eq!(enter().unwrap().ownership, Ownership::Mapped);
        inside::users_have_none_and_root_is_bounded();
        inside::a_terminal_is_a_terminal();
        inside::pipes_can_be_opened_again_by_other_users();
        layers::the_working_directory_is_made_for_the_user();
        layers::secrets_and_files_have_their_modes();
        lives::many_at_once();
        common();
    });
}

#[test]
#[ignore = "run by `a_user_without_subordinate_ids`"]
fn single() {
    alone(|entered| {
        assert!(
            matches!(entered.ownership, Ownership::Single(WhySingle::NoRanges(_))),
            "{entered:?}"
        );
        let world = World::new().unwrap();
        let error = try_run(&world.setup("a"), shell("true").user(5, 5, &[])).unwrap_err();
        assert_eq!(error.to_string(), "cannot become group 5");
        assert!(error.advice().unwrap().contains("/etc/subuid"));
        common();
    });
}

fn common() {
    inside::a_command_runs_and_tells();
    inside::the_machine_is_out_of_reach();
    inside::only_the_standard_descriptors_are_open();
    inside::signals_are_as_new();
    inside::root_has_dockers_capabilities();
    inside::mounts_and_namespaces_are_refused();
    inside::insecure_commands_may_mount();
    inside::masked_paths_are_empty_and_guarded_ones_read_only();
    inside::devices_are_the_harmless_ones();
    inside::new_device_nodes_can_be_made_but_not_opened();
    inside::without_a_network_there_is_only_loopback();
    inside::the_network_of_the_machine_is_shared_when_asked();
    inside::links_in_the_image_lead_nowhere_outside();
    inside::programs_are_found_as_a_shell_finds_them();
    layers::mount_points_leave_no_trace();
    layers::what_the_command_makes_beside_a_mount_point_stays();
    layers::links_to_mount_points_are_followed();
    layers::mount_points_show_through_whiteouts_and_opaque_directories();
    layers::system_directories_stay_where_they_were_missing();
    layers::a_hundred_layers_with_odd_names();
    layers::a_root_without_an_upper_directory_is_read_only();
    layers::a_directory_can_be_the_root();
    layers::binds_are_guarded_as_asked();
    layers::the_delta_is_in_overlay_form();
    lives::killing_ends_everything();
    lives::signals_reach_handlers();
    lives::failures_name_the_operation();
}
