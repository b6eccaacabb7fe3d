use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::HandlerStop;

impl<S: Sync> FromRequestParts<S> for HandlerStop {
    type Rejection = NoHandlerStop;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoHandlerStop> {
        parts.extensions.get::<Self>().cloned().ok_or(NoHandlerStop)
    }
}

/// The route has no layer that provides a [`HandlerStop`](super::HandlerStop). The response has status 500.
///
/// Add `.layer(app.stop_layer())`, a `StopLayer` or `http::serve(..).notify_handlers()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no HandlerStop in the request: neither `Handle::stop_layer` nor `Server::notify_handlers` is active"
)]
pub struct NoHandlerStop;

impl IntoResponse for NoHandlerStop {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            NoHandlerStop => NoHandlerStop;
        }
    }
}
