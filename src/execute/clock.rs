//! The clock that file systems take times from moves in ticks of a few milliseconds, and a step may be faster.

use crate::layer::{Time, View};
use std::time::{Duration, Instant};

/// Steps that may end within one tick.
const STEPS: usize = 8;
/// A larger delta takes longer than a tick to be listed and kept.
const SMALL: usize = 4096;
/// No clock ticks slower. Times that are later than this were set on purpose.
const TICK: Duration = Duration::from_millis(20);

/// Waits until no file of the steps just before is as young as the next file will be.
///
/// A file that a command writes anew with the content that it had is a change, because its time is another; that must
/// not depend on how fast the steps follow each other, or the same build would not always give the same layers.
pub(super) fn pass(root: &View) {
    let began = Instant::now();
    let first = now();
    let newest = root
        .layers()
        .iter()
        .rev()
        .take(STEPS)
        .filter(|listing| listing.entries().len() <= SMALL)
        .flat_map(|listing| listing.entries())
        .map(|entry| entry.mtime)
        .filter(|time| is_near(*time, first))
        .max();
    let Some(newest) = newest else { return };
    while now() <= newest && began.elapsed() < TICK {
        std::thread::sleep(Duration::from_micros(250));
    }
}

/// Whether a time is `now`, or within a tick after it.
fn is_near(time: Time, now: Time) -> bool {
    let nanoseconds = |time: Time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
    let ahead = nanoseconds(time) - nanoseconds(now);
    (0..=TICK.as_nanos() as i128).contains(&ahead)
}

/// The time that a file would get now, at the earliest.
fn now() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    Time {
        seconds: now.tv_sec,
        nanoseconds: u32::try_from(now.tv_nsec).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Entry, Kind, Listing};
    use std::sync::Arc;

    fn view(time: Time) -> View {
        let entry = Entry {
            path: b"f".as_slice().into(),
            kind: Kind::Fifo,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: time,
            xattrs: Vec::new(),
        };
        View::new(vec![Arc::new(Listing::from_entries(vec![entry]).unwrap())])
    }

    #[test]
    fn the_clock_is_past_what_was_just_made() {
        for _ in 0..20 {
            let time = now();
            pass(&view(time));
            assert!(now() > time);
        }
    }

    #[test]
    fn only_times_of_this_tick_are_near() {
        let at = |seconds, nanoseconds| Time { seconds, nanoseconds };
        let now = at(100, 999_999_000);
        for (time, near) in [
            (now, true),
            (at(101, 0), true),
            (at(100, 999_998_999), false),
            (at(101, 20_000_000), false),
            (at(i64::MAX, 0), false),
            (at(i64::MIN, 0), false),
        ] {
            assert_eq!(is_near(time, now), near, "{time:?}");
        }
    }
}
