//! A rehearsal in a test: a builder over [`Scenario`].

use std::ffi::OsString;

use http::Method;
use tokio::sync::{Mutex, Notify};

use super::conductor::rehearse;
use super::place::free_port;
use super::record::Shape;
use super::scenario::{BadTarget, PreStop, Program, Ready, Route, Scenario, ShapePlan, Target};
use super::trouble::NotRehearsed;
use super::verdict::RehearsalVerdict;

/// A rehearsal of a command, for tests.
///
/// Without other settings it is what `ebbtide rehearse` does without options. `{port}` in the command, in variables and in URLs is
/// replaced by a free port of 127.0.0.1.
///
/// ```no_run
/// use ebbtide_rehearse::{Rehearsal, Shape};
///
/// // In a test: #[tokio::test]
/// # #[tokio::main(flavor = "current_thread")]
/// async fn a_stop_under_load_loses_nothing() -> Result<(), Box<dyn std::error::Error>> {
///     // In a test of the package with the service: env!("CARGO_BIN_EXE_orders")
///     Rehearsal::new(["target/debug/orders", "--listen", "127.0.0.1:{port}"])
///         .ready("http://127.0.0.1:{port}/readyz")?
///         .route(Shape::Slow, "POST:/orders")?
///         .with(|scenario| scenario.repeat = 5)
///         .run()
///         .await?
///         .assert_nothing_lost();
///     Ok(())
/// }
/// # a_stop_under_load_loses_nothing().unwrap();
/// ```
///
/// Linux only. The service is started by the thread that calls [`run`](Self::run), and is killed when that thread ends.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    scenario: Scenario,
    /// `None`: no port is free.
    port: Option<u16>,
}

/// A rehearsal measures what its service can carry, and then loads it: two at once would disturb each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

impl Rehearsal {
    /// Creates a rehearsal of `command`: a program, and its arguments. Ready is a service that accepts a connection on `{port}`.
    pub fn new<W: Into<OsString>>(command: impl IntoIterator<Item = W>) -> Self {
        let port = free_port();
        let target = Target::tcp("127.0.0.1", port.unwrap_or_default());
        let scenario = Scenario::new(Program::Command(Vec::new()), Ready::Port(target));
        let mut rehearsal = Self { scenario, port };
        let words = command.into_iter().map(|word| rehearsal.filled(word.into())).collect();
        rehearsal.scenario.program = Program::Command(words);
        rehearsal
    }

    /// Adds a variable to the environment of the service. Default: that of this process alone.
    ///
    /// ```
    /// use ebbtide_rehearse::Rehearsal;
    ///
    /// let _rehearsal = Rehearsal::new(["./orders"]).env("LISTEN", "127.0.0.1:{port}");
    /// ```
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let value = self.filled(value.into());
        self.scenario.env.push((name.into(), value));
        self
    }

    /// Sets the readiness check: a GET of `url` is answered with 200 to 399. `http://unix:SOCKET:/PATH` is a path at a Unix socket. Default: a
    /// connection to `{port}` is accepted.
    ///
    /// # Errors
    ///
    /// `url` is neither an `http://` nor an `https://` URL.
    pub fn ready(mut self, url: &str) -> Result<Self, BadTarget> {
        let (target, path) = Target::from_url(&self.filled_text(url))?;
        self.scenario.ready = Ready::Http(target, path);
        Ok(self)
    }

    /// Sets the route of `shape`, as `--url` does: `/path`, `METHOD:/path`, or with a URL in the place of the path (`ws://` or `wss://`
    /// for a WebSocket, `GRPC:/SERVICE/METHOD` for a call of gRPC, whose message is in [`Route::call`]). It also enables the shape. Default: storm, keepalive and open, on the first common path that the service answers.
    ///
    /// ```
    /// use ebbtide_rehearse::{Rehearsal, Shape};
    ///
    /// let rehearsal = Rehearsal::new(["./orders"]).route(Shape::Events, "/prices")?;
    /// let _rehearsal = rehearsal.route(Shape::Slow, "POST:/orders")?;
    /// # Ok::<(), ebbtide_rehearse::BadTarget>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `route` is not a route, or the shape has none of its own.
    pub fn route(mut self, shape: Shape, route: &str) -> Result<Self, BadTarget> {
        let route = Route::parse_for(shape, &self.filled_text(route), &Method::GET)?;
        let shapes = &mut self.scenario.load.shapes;
        if let Some(plan) = shapes.iter_mut().find(|plan| plan.shape() == shape) {
            *plan.route_mut() = route;
        } else {
            let label = route.label();
            shapes.push(ShapePlan::of(shape, route).ok_or(BadTarget::NotARoute(label))?);
        }
        Ok(self)
    }

    /// Sets what runs before the stop signal, as a preStop hook; the grace period begins with it. `{port}` in a command is replaced.
    /// Default: nothing.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ebbtide_rehearse::{PreStop, Rehearsal};
    ///
    /// let _rehearsal = Rehearsal::new(["./orders"]).pre_stop(PreStop::Sleep(Duration::from_secs(5)));
    /// ```
    pub fn pre_stop(mut self, hook: PreStop) -> Self {
        self.scenario.stop.pre_stop = Some(match hook {
            PreStop::Command(words) => {
                PreStop::Command(words.into_iter().map(|word| self.filled(word)).collect())
            }
            PreStop::Sleep(time) => PreStop::Sleep(time),
        });
        self
    }

    /// Changes anything else: how the service is stopped ([`StopPlan`](crate::StopPlan)), the number of runs, the headers of the
    /// requests. [`Scenario`] has the defaults.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ebbtide_rehearse::Rehearsal;
    ///
    /// let _rehearsal = Rehearsal::new(["./orders"]).with(|scenario| scenario.stop.grace = Duration::from_secs(10));
    /// ```
    pub fn with(mut self, change: impl FnOnce(&mut Scenario)) -> Self {
        change(&mut self.scenario);
        self
    }

    /// Rehearses, and returns the judgement. Rehearsals of one process run one after the other.
    ///
    /// # Errors
    ///
    /// The service could not be rehearsed, as for [`rehearse`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the service and every process that it started.
    pub async fn run(self) -> Result<RehearsalVerdict, NotRehearsed> {
        if self.port.is_none() {
            return Err(NotRehearsed::NoFreePort);
        }
        let _turn = ONE_AT_A_TIME.lock().await;
        rehearse(&self.scenario, &Notify::new(), &mut |_| {}).await
    }

    fn filled(&self, text: OsString) -> OsString {
        text.to_str().map(|text| self.filled_text(text).into()).unwrap_or(text)
    }

    fn filled_text(&self, text: &str) -> String {
        text.replace("{port}", &self.port.unwrap_or_default().to_string())
    }
}
