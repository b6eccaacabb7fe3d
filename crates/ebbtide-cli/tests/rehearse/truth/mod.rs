//! The verdict against the truth: each service keeps its own record of the requests that it read and answered (`truth.py`),
//! and the verdict has to agree with it to the request. `cargo test -p ebbtide-cli --test rehearse truth:: -- --nocapture
//! --test-threads=1` prints the table.

mod answers;
mod baseline;
mod evidence;
mod scene;
mod stop;
