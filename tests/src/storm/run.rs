use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{AddAssign, Range};
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::clients::{fresh, kept};

/// The numbers and settings of the clients.
#[derive(Clone, Debug)]
pub struct Clients {
    /// The address of the server.
    pub to: SocketAddr,
    /// The number of clients that open a connection for each request, as fast as they can.
    pub fresh: usize,
    /// The number of further such clients that use these `ports` in turn, so that a firewall recognises them.
    pub late: usize,
    /// The ports of the clients counted in `late`.
    pub ports: Range<u16>,
    /// The number of clients that keep their connection.
    pub kept: usize,
    /// The longest pause of those clients between two requests.
    pub thinking: Duration,
}

/// Running clients.
#[derive(Debug)]
pub struct Storm {
    clients: JoinSet<io::Result<Tally>>,
    gone: watch::Sender<bool>,
    first: mpsc::Receiver<()>,
    count: usize,
}

/// Notifies a client that the server has exited.
#[derive(Clone, Debug)]
pub(super) struct Gone(watch::Receiver<bool>);

impl Gone {
    /// Waits until the server has exited.
    pub(super) async fn wait(&mut self) {
        // An error means that the storm was dropped.
        let _ = self.0.wait_for(|gone| *gone).await;
    }

    pub(super) fn is_so(&self) -> bool {
        *self.0.borrow()
    }
}

impl Clients {
    /// Clients that open a connection for each request.
    pub fn fresh(to: SocketAddr, count: usize) -> Self {
        Self { to, fresh: count, late: 0, ports: 0..0, kept: 0, thinking: Duration::ZERO }
    }

    /// Clients that keep their connection and pause for up to 20 ms between requests.
    pub fn kept(to: SocketAddr, count: usize) -> Self {
        Self { kept: count, thinking: Duration::from_millis(20), ..Self::fresh(to, 0) }
    }
}

impl Storm {
    /// Starts the clients.
    pub fn begin(clients: Clients) -> Self {
        let Clients { to, fresh: freshly, late, ports, kept: keeping, thinking } = clients;
        let count = freshly + late + keeping;
        let (gone, listening) = watch::channel(false);
        let (answered, first) = mpsc::channel(count.max(1));
        let mut tasks = JoinSet::new();
        let gone_for = || (Gone(listening.clone()), answered.clone());
        for _ in 0..freshly {
            tasks.spawn(fresh(to, None, gone_for()));
        }
        let each = ports.len() / late.max(1);
        for number in 0..late {
            let own = ports.clone().skip(number * each).take(each).collect();
            tasks.spawn(fresh(to, Some(own), gone_for()));
        }
        for number in 0..keeping {
            tasks.spawn(kept(to, thinking, number as u64, gone_for()));
        }
        Self { clients: tasks, gone, first, count }
    }

    /// Waits until each client has received a response.
    ///
    /// # Errors
    ///
    /// When a client has ended before.
    pub async fn is_up(&mut self) -> io::Result<()> {
        for answered in 0..self.count {
            if self.first.recv().await.is_none() {
                return Err(io::Error::other(format!(
                    "only {answered} of {} clients were answered",
                    self.count
                )));
            }
        }
        Ok(())
    }

    /// Notifies the clients that the server has exited, and waits for them.
    ///
    /// # Errors
    ///
    /// When the clients lacked ports or descriptors, so that the count would not be exact.
    pub async fn gone(mut self) -> io::Result<Tally> {
        let _ = self.gone.send(true);
        let mut sum = Tally::default();
        while let Some(tally) = self.clients.join_next().await {
            sum += &tally??;
        }
        Ok(sum)
    }
}

/// The number of requests with each outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests with a complete response.
    pub answered: u64,
    /// Requests on an established connection without a complete response.
    pub lost: u64,
    /// Connections refused.
    pub refused: u64,
    /// Connections that were never established: the server exited before it responded to the SYN.
    pub unanswered_syns: u64,
    /// How the lost requests ended.
    pub how: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn lose(&mut self, how: impl Into<String>) {
        self.lost += 1;
        *self.how.entry(how.into()).or_default() += 1;
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.answered += other.answered;
        self.lost += other.lost;
        self.refused += other.refused;
        self.unanswered_syns += other.unanswered_syns;
        for (how, count) in &other.how {
            *self.how.entry(how.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, lost, refused, unanswered_syns, how } = self;
        write!(f, "answered={answered} lost={lost} refused={refused} unanswered_syns={unanswered_syns}")?;
        how.iter().try_for_each(|(how, count)| write!(f, " {how}={count}"))
    }
}

/// Parses the text of [`Display`](fmt::Display) that another process has written.
impl FromStr for Tally {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let mut tally = Self::default();
        let unreadable = || io::Error::other(format!("no tally: {line:?}"));
        for word in line.split_whitespace() {
            let (name, count) = word.rsplit_once('=').ok_or_else(unreadable)?;
            let count = count.parse().map_err(|_| unreadable())?;
            match name {
                "answered" => tally.answered = count,
                "lost" => tally.lost = count,
                "refused" => tally.refused = count,
                "unanswered_syns" => tally.unanswered_syns = count,
                how => {
                    tally.how.insert(how.to_owned(), count);
                }
            }
        }
        Ok(tally)
    }
}

/// Enough for the largest test.
const ENOUGH: u64 = 20_000;

/// Raises the limit of open files to its maximum, or above if this process may raise the maximum, and returns the limit.
///
/// # Errors
///
/// When the system refuses a limit that it states as allowed.
pub fn raise_open_files() -> io::Result<u64> {
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = |most| Rlimit { current: most, maximum: most };
    if most.is_some_and(|most| most < ENOUGH) && setrlimit(Resource::Nofile, limit(Some(ENOUGH))).is_ok() {
        return Ok(ENOUGH);
    }
    setrlimit(Resource::Nofile, limit(most))?;
    Ok(most.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_the_way_to_another_process() {
        let mut tally = Tally { answered: 1, refused: 2, unanswered_syns: 3, ..Tally::default() };
        tally.lose("reset-after-0-bytes");
        assert_eq!(tally.to_string().parse::<Tally>().unwrap(), tally);
        assert!("lost".parse::<Tally>().is_err());
    }
}
