# The base image is only known at the build: the shell may be replaced or not.
# expect: D001 warning at CMD
ARG BASE
FROM ${BASE}
COPY server /server
CMD /server --port 8080
