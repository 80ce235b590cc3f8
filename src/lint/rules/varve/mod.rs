//! varve's own rules: VV1xx about security, VV2xx about cache and size, VV3xx about correctness.

mod common;
pub(in crate::lint) mod vv001;
mod vv002;
mod vv101;
mod vv102;
mod vv103;
mod vv104;
mod vv105;
mod vv106;
mod vv107;
mod vv108;
mod vv109;
mod vv110;
mod vv111;
mod vv112;
mod vv113;
mod vv114;
mod vv115;
mod vv116;
mod vv117;
mod vv118;
mod vv119;
mod vv120;
mod vv201;
mod vv202;
mod vv203;
mod vv204;
mod vv205;
mod vv206;
mod vv207;
mod vv208;
mod vv209;
mod vv210;
mod vv211;
mod vv212;
mod vv213;
mod vv214;
mod vv215;
mod vv216;
mod vv217;
mod vv218;
mod vv219;
mod vv220;
mod vv221;
mod vv222;
mod vv223;
mod vv224;
mod vv225;
mod vv301;
mod vv302;
mod vv303;
mod vv304;
mod vv305;
mod vv306;
mod vv307;
mod vv308;
mod vv309;
mod vv310;
mod vv311;
mod vv312;
mod vv313;
mod vv314;
mod vv315;
mod vv316;
mod vv317;
mod vv318;
mod vv319;

use crate::lint::rule::Rule;

pub(super) static RULES: &[&Rule] = &[
    &vv001::RULE,
    &vv002::RULE,
    &vv101::RULE,
    &vv102::RULE,
    &vv103::RULE,
    &vv104::RULE,
    &vv105::RULE,
    &vv106::RULE,
    &vv107::RULE,
    &vv108::RULE,
    &vv109::RULE,
    &vv110::RULE,
    &vv111::RULE,
    &vv112::RULE,
    &vv113::RULE,
    &vv114::RULE,
    &vv115::RULE,
    &vv116::RULE,
    &vv117::RULE,
    &vv118::RULE,
    &vv119::RULE,
    &vv120::RULE,
    &vv201::RULE,
    &vv202::RULE,
    &vv203::RULE,
    &vv204::RULE,
    &vv205::RULE,
    &vv206::RULE,
    &vv207::RULE,
    &vv208::RULE,
    &vv209::RULE,
    &vv210::RULE,
    &vv211::RULE,
    &vv212::RULE,
    &vv213::RULE,
    &vv214::RULE,
    &vv215::RULE,
    &vv216::RULE,
    &vv217::RULE,
    &vv218::RULE,
    &vv219::RULE,
    &vv220::RULE,
    &vv221::RULE,
    &vv222::RULE,
    &vv223::RULE,
    &vv224::RULE,
    &vv225::RULE,
    &vv301::RULE,
    &vv302::RULE,
    &vv303::RULE,
    &vv304::RULE,
    &vv305::RULE,
    &vv306::RULE,
    &vv307::RULE,
    &vv308::RULE,
    &vv309::RULE,
    &vv310::RULE,
    &vv311::RULE,
    &vv312::RULE,
    &vv313::RULE,
    &vv314::RULE,
    &vv315::RULE,
    &vv316::RULE,
    &vv317::RULE,
    &vv318::RULE,
    &vv319::RULE,
];
