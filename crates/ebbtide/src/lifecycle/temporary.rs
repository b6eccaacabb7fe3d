use std::io;
use std::path::{Path, PathBuf, absolute};

use super::Life;

impl Life {
    /// Removes a file or a folder, with everything in it, when the process ends: in order, by the watchdog, or by a second signal.
    /// Returns its absolute path.
    ///
    /// It is removed last, when the flushers have written what they write into it. What can't be removed makes the exit code 1.
    /// SIGKILL leaves it, as it leaves everything: where that matters, take a name that the next process finds.
    ///
    /// A link is removed, and not what it leads to.
    ///
    /// # Errors
    ///
    /// When the path is a root, or the folder that the process works in lies in it: that is a mistake, and would be a costly one.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn register(life: &ebbtide::Life) -> Result<(), ebbtide::BoxError> {
    /// let socket = life.temporary(format!("/run/orders-{}.sock", std::process::id()))?;
    /// # drop(socket);
    /// # Ok(()) }
    /// ```
    pub fn temporary(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        let path = absolute(path)?;
        if path.parent().is_none() || std::env::current_dir().is_ok_and(|here| here.starts_with(&path)) {
            let why = format!("{} is not removed: a root, or where this process works", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let (removed, temporaries) = (path.clone(), self.temporaries().clone());
        temporaries.keep(path.clone());
        self.at_exit(format!("remove {}", path.display()), move |_| Ok(temporaries.remove(&removed)?));
        Ok(path)
    }
}
