use super::answers::answers;
use super::launch::launch;
use crate::test::servers::kind::Kind;

pub(in crate::test::servers) const KIND: Kind = Kind {
    name: "RabbitMQ",
    variable: "EBBTIDE_TEST_RABBITMQ",
    local_port: 5672,
    url: |port| format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
    answers,
    launch,
};
