use super::answers::answers;
use super::launch::launch;
use crate::test::servers::kind::Kind;

pub(in crate::test::servers) const KIND: Kind = Kind {
    name: "SQS",
    variable: "EBBTIDE_TEST_SQS",
    local_port: 4566,
    url: |port| format!("http://127.0.0.1:{port}"),
    answers,
    launch,
};
