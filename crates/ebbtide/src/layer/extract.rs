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

/// The route has no layer that tells handlers of the stop. Answered with 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this route extracts a HandlerStop and nobody has put one there: add `.layer(app.stop_layer())`, a `StopLayer` or \
     `http::serve(..).tell_handlers()`"
)]
pub struct NoHandlerStop;

impl IntoResponse for NoHandlerStop {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
