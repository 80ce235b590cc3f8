//! The time of day, as the store records it.

use crate::layer::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day. A clock before 1970 counts as 1970.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: since.subsec_nanos(),
    }
}

/// Nanoseconds since 1970, for ordering and ageing; saturates in 2262.
pub(super) fn nanoseconds(time: Time) -> i64 {
    time.seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::from(time.nanoseconds))
}
