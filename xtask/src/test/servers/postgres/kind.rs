use super::answers::answers;
use super::launch::launch;
use crate::test::servers::kind::Kind;

pub(in crate::test::servers) const KIND: Kind = Kind {
    name: "PostgreSQL",
    variable: "EBBTIDE_TEST_POSTGRES",
    local_port: 5432,
    url: |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    answers,
    launch,
};
