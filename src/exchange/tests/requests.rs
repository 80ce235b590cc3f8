//! How many requests a cache in a registry takes.

use super::*;

/// Writes a build of so many steps, and gives the requests that another machine needs to find all of them.
fn requests(scene: &Scene, first: u64, steps: u64) -> usize {
    let here = Machine::new();
    let place = (scene.open)(&here);
    let records: Vec<_> = (first..first + steps)
        .map(|it| (key(it), here.work(&it.to_string())))
        .collect();
    for (key, record) in &records {
        place.put_record(key, record, &PartBytes::Stored, &here.store).unwrap();
    }
    let listed: Vec<_> = records.iter().map(|(key, record)| (*key, record)).collect();
    place
        .put_bundle(&bundle(&listed), &BTreeMap::new(), &here.store)
        .unwrap();

    let there = Machine::new();
    let server = scene.server.as_ref().unwrap();
    server.take_targets();
    there.importing(&[(scene.open)(&there)], |imports| {
        for (key, record) in &records {
            assert_eq!(imports.find(key).as_ref().map(|(found, _)| found), Some(record));
        }
    });
    server.take_targets().len()
}

#[test]
fn finding_all_of_a_build_takes_one_request_however_large_the_cache_is() {
    let scene = registry();
    for (first, steps) in [(0, 1), (100, 20), (200, 60), (300, 1)] {
        assert_eq!(requests(&scene, first, steps), 1);
    }
}

#[test]
fn what_another_build_left_takes_one_request_a_step() {
    let scene = registry();
    requests(&scene, 0, 5);
    requests(&scene, 100, 5);
    let there = Machine::new();
    let server = scene.server.as_ref().unwrap();
    server.take_targets();
    there.importing(&[(scene.open)(&there)], |imports| {
        for step in 0..5 {
            assert!(imports.find(&key(step)).is_some());
        }
    });
    assert_eq!(server.take_targets().len(), 1 + 5);
}

#[test]
fn a_layer_that_is_there_is_not_sent_again() {
    let scene = registry();
    let (here, server) = (Machine::new(), scene.server.as_ref().unwrap());
    let one = here.work("one");
    let send = |number| {
        let place = (scene.open)(&here);
        server.take_targets();
        place
            .put_record(&key(number), &one, &PartBytes::Stored, &here.store)
            .unwrap();
        let digest = one.layer.as_ref().unwrap().digest.hex();
        let asked = server.take_targets();
        let sent = asked
            .iter()
            .filter(|it| it.starts_with("PUT") && it.contains(&digest))
            .count();
        (sent, asked.len())
    };
    assert_eq!(send(1).0, 1);
    assert_eq!(send(2).0, 0, "another step has the same layer");
    assert_eq!(send(2), (0, 1), "the same step needs one question");
}
