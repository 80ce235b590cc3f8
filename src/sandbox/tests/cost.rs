//! What a sandbox costs. Run with `--ignored --nocapture` and optimisation; asserts nothing.

use super::*;
use std::time::{Duration, Instant};

#[test]
#[ignore = "a measurement"]
fn of_running_true() {
    let Some(world) = World::new() else { return };
    // A parent with some memory: sharing it must cost nothing.
    let ballast = vec![1_u8; 200 << 20];
    for (name, files, network) in [
        ("plain", false, Network::Inherit),
        ("files", true, Network::Inherit),
        ("none", true, Network::None),
    ] {
        let (mut spawns, mut ends): (Vec<Duration>, Vec<Duration>) = (Vec::new(), Vec::new());
        for index in 0..200 {
            let name = format!("{name}{index}");
            let overlay = world.overlay(&name);
            let start = Instant::now();
            let mut setup = world.setup_on(&name, overlay).network(network);
            if files {
                setup = setup
                    .file("/etc/hosts", "h")
                    .file("/etc/resolv.conf", "r")
                    .file("/etc/hostname", "n");
            }
            let mut child = setup.spawn(&Command::new(["/bin/true"])).unwrap();
            spawns.push(start.elapsed());
            assert!(child.wait().unwrap().success());
            ends.push(start.elapsed());
        }
        spawns.sort();
        ends.sort();
        println!(
            "{name}: tenth {:?}, median {:?} (spawned after {:?})",
            ends[20], ends[100], spawns[100]
        );
    }
    assert_eq!(ballast[0], 1);
}
