//! Signals by name and number, as Docker and systemd write them.

use rustix::process::Signal;
use thiserror::Error;

/// The signals with a name of their own; other names of some come last.
const NAMED: [(&str, Signal); 34] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::ILL),
    ("TRAP", Signal::TRAP),
    ("ABRT", Signal::ABORT),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::SEGV),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("STKFLT", Signal::STKFLT),
    ("CHLD", Signal::CHILD),
    ("CONT", Signal::CONT),
    ("STOP", Signal::STOP),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("TTOU", Signal::TTOU),
    ("URG", Signal::URG),
    ("XCPU", Signal::XCPU),
    ("XFSZ", Signal::XFSZ),
    ("VTALRM", Signal::VTALARM),
    ("PROF", Signal::PROF),
    ("WINCH", Signal::WINCH),
    ("IO", Signal::IO),
    ("PWR", Signal::POWER),
    ("SYS", Signal::SYS),
    ("IOT", Signal::ABORT),
    ("CLD", Signal::CHILD),
    ("POLL", Signal::IO),
];
/// Signals that end a process because of a fault in it: a crash.
const CRASHES: [Signal; 7] =
    [Signal::SEGV, Signal::ABORT, Signal::BUS, Signal::FPE, Signal::ILL, Signal::TRAP, Signal::SYS];

/// The first signal in real time, as Docker and systemd count: that of glibc, whatever the C library of the service.
const RTMIN: i32 = 34;
/// The last one.
const RTMAX: i32 = 64;

/// A stop signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StopSignal(i32);

/// A word that names no stop signal.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BadSignal {
    /// There is no signal of this name or number.
    #[error("invalid stop signal `{0}`: expected a name or a number, such as TERM, SIGWINCH, RTMIN+3 or 15")]
    Unknown(String),
    /// No process can handle it.
    #[error("invalid stop signal `{0}`: no process can handle it; SIGKILL is sent at the end of --grace")]
    Kill(String),
    /// No process can handle it.
    #[error("invalid stop signal `{0}`: no process can handle it, and it does not end one")]
    Stop(String),
}

impl StopSignal {
    /// SIGTERM, the usual stop signal of platforms.
    pub const TERM: Self = Self(Signal::TERM.as_raw());
    /// SIGINT, that of a terminal and of some platforms.
    pub const INT: Self = Self(Signal::INT.as_raw());

    /// Parses `TERM`, `SIGTERM`, `15`, `RTMIN+3` or `RTMAX-1`.
    ///
    /// # Errors
    ///
    /// There is no such signal, or no process can handle it.
    pub fn parse(text: &str) -> Result<Self, BadSignal> {
        let number = number_of(text).ok_or_else(|| BadSignal::Unknown(text.to_owned()))?;
        if number == Signal::KILL.as_raw() {
            Err(BadSignal::Kill(text.to_owned()))
        } else if number == Signal::STOP.as_raw() {
            Err(BadSignal::Stop(text.to_owned()))
        } else {
            Ok(Self(number))
        }
    }

    /// Returns the number of the signal.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Returns the name of the signal, such as `SIGTERM`.
    pub fn name(self) -> String {
        signal_name(self.number())
    }

    /// Returns what this signal does to a process without a handler, as a clause, if it does not end it.
    pub(crate) fn without_handler(self) -> Option<&'static str> {
        match Signal::from_named_raw(self.0)? {
            Signal::CHILD | Signal::CONT | Signal::URG | Signal::WINCH => {
                Some("which has no effect on a process without one")
            }
            Signal::TSTP | Signal::TTIN | Signal::TTOU => Some("which suspends a process without one"),
            _ => None,
        }
    }
}

/// Returns whether signal `number` shows a crash.
pub(crate) fn is_crash(number: i32) -> bool {
    CRASHES.into_iter().any(|signal| signal.as_raw() == number)
}

/// Returns the number of the signal `PIPE`, `SIGPIPE`, `13` or `RTMIN+3`.
pub(super) fn number_of(text: &str) -> Option<i32> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?;
    let offset = |begin: &str, sign: char| match name.strip_prefix(begin)? {
        "" => Some(0),
        rest => digits(rest.strip_prefix(sign)?),
    };
    // Those between are the C library's own.
    let is_signal = |number: &i32| (1..=31).contains(number) || (RTMIN..=RTMAX).contains(number);
    let in_real_time = |number: &i32| (RTMIN..=RTMAX).contains(number);
    let named = || NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, signal)| signal.as_raw());
    digits(name)
        .filter(is_signal)
        .or_else(named)
        .or_else(|| RTMIN.checked_add(offset("RTMIN", '+')?).filter(in_real_time))
        .or_else(|| RTMAX.checked_sub(offset("RTMAX", '-')?).filter(in_real_time))
}

/// Returns the name of signal `number`, or `signal N` for one that has none.
pub(crate) fn signal_name(number: i32) -> String {
    let named = NAMED.into_iter().find(|(_, signal)| signal.as_raw() == number);
    match (named, number) {
        (Some((name, _)), _) => format!("SIG{name}"),
        (None, RTMIN) => "SIGRTMIN".to_owned(),
        (None, RTMIN..=RTMAX) => format!("SIGRTMIN+{}", number.saturating_sub(RTMIN)),
        (None, _) => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_form;

    #[test]
    fn each_signal_that_a_process_can_handle_is_read_by_name_or_number() {
        for text in ["TERM", "sigterm", "15"] {
            assert_eq!(StopSignal::parse(text), Ok(StopSignal::TERM));
        }
        for number in (1..=31).chain(RTMIN..=RTMAX).filter(|number| ![9, 19].contains(number)) {
            let signal = StopSignal::parse(&number.to_string()).unwrap();
            assert_eq!(signal.number(), number);
            assert_eq!(StopSignal::parse(&signal.name()), Ok(signal), "{}", signal.name());
        }
        for (text, number) in
            [("WINCH", 28), ("SIGRTMIN+3", 37), ("rtmin", 34), ("RTMAX", 64), ("RTMAX-1", 63), ("POLL", 29)]
        {
            assert_eq!(StopSignal::parse(text).unwrap().number(), number, "{text}");
        }
        assert_eq!(StopSignal::parse("RTMAX-1").unwrap().name(), "SIGRTMIN+29");
    }

    #[test]
    fn a_signal_that_no_process_can_handle_is_refused_with_the_reason() {
        for text in ["KILL", "sigkill", "9"] {
            assert_eq!(StopSignal::parse(text), Err(BadSignal::Kill(text.to_owned())));
        }
        for text in ["STOP", "19"] {
            assert_eq!(StopSignal::parse(text), Err(BadSignal::Stop(text.to_owned())));
        }
        for text in [
            "", "SIG", "0", "-1", "+15", "32", "33", "65", "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMIN++3",
            "FOO", "SIG15x",
        ] {
            assert_eq!(StopSignal::parse(text), Err(BadSignal::Unknown(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_signal_without_a_name_is_named_by_its_number() {
        assert_eq!((signal_name(11).as_str(), signal_name(33).as_str()), ("SIGSEGV", "signal 33"));
    }

    #[test]
    fn error_texts_have_the_form() {
        error_form::walk! {
            BadSignal::Unknown(_) => BadSignal::Unknown("FOO".to_owned());
            BadSignal::Kill(_) => BadSignal::Kill("KILL".to_owned());
            BadSignal::Stop(_) => BadSignal::Stop("19".to_owned());
        }
    }
}
