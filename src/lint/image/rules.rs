//! The rules about images.

use super::{ImageRule, vv401, vv402, vv403, vv404, vv405, vv406, vv407, vv408, vv409, vv410, vv411, vv412};

static RULES: &[&ImageRule] = &[
    &vv401::RULE,
    &vv402::RULE,
    &vv403::RULE,
    &vv404::RULE,
    &vv405::RULE,
    &vv406::RULE,
    &vv407::RULE,
    &vv408::RULE,
    &vv409::RULE,
    &vv410::RULE,
    &vv411::RULE,
    &vv412::RULE,
];

/// The rules about images, by code.
pub fn image_rules() -> &'static [&'static ImageRule] {
    RULES
}
