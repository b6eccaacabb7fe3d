use std::fmt;
use std::time::Duration;

use crate::model::{UNBOUNDED, number};

/// Times that are added and compared with a limit, spelled out:
/// `5 (preStop sleep) + 30 (drain) + 2 (margin) = 37 > 30 (terminationGracePeriodSeconds, default)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    terms: Vec<(Duration, String)>,
    limit: Duration,
    limit_label: String,
    /// Whether the limit itself is allowed.
    is_inclusive: bool,
}

impl Sum {
    pub(crate) fn new(
        terms: Vec<(Duration, String)>,
        limit: Duration,
        limit_label: impl Into<String>,
    ) -> Self {
        Self { terms, limit, limit_label: limit_label.into(), is_inclusive: false }
    }

    /// Declares that a sum which is equal to the limit fits.
    pub(crate) fn inclusive(self) -> Self {
        Self { is_inclusive: true, ..self }
    }

    pub(crate) fn total(&self) -> Duration {
        self.terms.iter().fold(Duration::ZERO, |sum, (time, _)| sum.saturating_add(*time))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (time, label)) in self.terms.iter().enumerate() {
            let plus = if index == 0 { "" } else { " + " };
            write!(f, "{plus}{} ({label})", amount(*time))?;
        }
        let total = self.total();
        if self.terms.len() > 1 {
            write!(f, " = {}", amount(total))?;
        }
        let sign = match total.cmp(&self.limit) {
            std::cmp::Ordering::Less => "<",
            std::cmp::Ordering::Equal if self.is_inclusive => "<=",
            std::cmp::Ordering::Equal => ">=",
            std::cmp::Ordering::Greater => ">",
        };
        write!(f, " {sign} {} ({})", amount(self.limit), self.limit_label)
    }
}

fn amount(time: Duration) -> String {
    if time == UNBOUNDED { "unlimited".to_owned() } else { number(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_is_spelled_out() {
        let seconds = Duration::from_secs;
        let terms = vec![(seconds(5), "preStop sleep".to_owned()), (seconds(30), "drain".to_owned())];
        let sum = Sum::new(terms, seconds(30), "grace");
        assert_eq!(sum.to_string(), "5 (preStop sleep) + 30 (drain) = 35 > 30 (grace)");
        let exact = Sum::new(
            vec![(seconds(28), "drain".to_owned()), (seconds(2), "margin".to_owned())],
            seconds(30),
            "grace",
        );
        assert_eq!(exact.to_string(), "28 (drain) + 2 (margin) = 30 >= 30 (grace)");
        assert_eq!(exact.inclusive().to_string(), "28 (drain) + 2 (margin) = 30 <= 30 (grace)");
        let one = Sum::new(vec![(Duration::from_millis(1500), "a".to_owned())], UNBOUNDED, "b");
        assert_eq!(one.to_string(), "1.5 (a) < unlimited (b)");
    }
}
