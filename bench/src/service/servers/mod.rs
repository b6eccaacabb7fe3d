//! One file for each server, stopped as its own documentation recommends.

pub(super) mod actix;
pub(super) mod axum;
pub(super) mod axum_server;
pub(super) mod ebbtide;
pub(super) mod hyper;
mod routes;
mod runtime;
