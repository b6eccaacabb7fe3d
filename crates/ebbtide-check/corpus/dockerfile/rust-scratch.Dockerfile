FROM rust:1.84 AS build
WORKDIR /src
COPY . .
RUN cargo build --release --target x86_64-unknown-linux-musl

FROM scratch
COPY --from=build /src/target/x86_64-unknown-linux-musl/release/api /api
STOPSIGNAL SIGTERM
ENTRYPOINT ["/api"]
CMD ["--listen", "0.0.0.0:8080"]
