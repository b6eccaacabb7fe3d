use std::path::PathBuf;
use std::time::Duration;

use ebbtide::model::parse_duration;

use crate::Fault;

/// What the service is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The address to listen on; port 0 takes a free one and logs it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// The folder for orders.db and demo.log, made if missing [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Go on serving for exactly so long after the stop signal [default: until it is quiet, 250ms to 2s on a laptop]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub lame_duck: Option<Duration>,

    /// The time between the stop signal and SIGKILL [default: the platform's, 10s on a laptop]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub grace: Option<Duration>,

    /// Misbehave; may be given more than once
    #[arg(long = "fault", value_name = "NAME", value_enum)]
    pub faults: Vec<Fault>,
}
