use std::io;

use ebbtide::Life;
use ebbtide::http::Listener;

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address}: {cause}; give another address with --listen ADDR")]
pub(crate) struct ListenError {
    address: String,
    cause: io::Error,
}

/// Takes the service's address, and says which one it is: the port may be the system's choice.
///
/// # Errors
///
/// When the address is taken, not ours, or no address.
pub(crate) async fn listen(life: &Life, address: &str) -> Result<Listener, ListenError> {
    let bound = life.bind(address).await;
    let listener = bound.map_err(|cause| ListenError { address: address.to_owned(), cause })?;
    tracing::info!("listening on http://{}", listener.local_addr());
    Ok(listener)
}
