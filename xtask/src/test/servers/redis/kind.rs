use super::answers::answers;
use super::launch::launch;
use crate::test::servers::kind::Kind;

pub(in crate::test::servers) const KIND: Kind = Kind {
    name: "Redis",
    variable: "EBBTIDE_TEST_REDIS",
    local_port: 6379,
    url: |port| format!("redis://127.0.0.1:{port}/"),
    answers,
    launch,
};
