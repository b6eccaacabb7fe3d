# expect: D001 info
# bash, the shell of Fedora, is replaced by a simple command.
FROM registry.fedoraproject.org/fedora:41
RUN dnf install -y valkey && dnf clean all
CMD valkey-server --bind 0.0.0.0
