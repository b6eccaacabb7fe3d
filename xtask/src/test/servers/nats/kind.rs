use super::answers::answers;
use super::launch::launch;
use crate::test::servers::kind::Kind;

pub(in crate::test::servers) const KIND: Kind = Kind {
    name: "NATS",
    variable: "EBBTIDE_TEST_NATS",
    local_port: 4222,
    url: |port| format!("nats://127.0.0.1:{port}"),
    answers,
    launch,
};
