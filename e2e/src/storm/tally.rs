use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::AddAssign;
use std::str::FromStr;

/// What became of every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered whole.
    pub answered: u64,
    /// Sent on an established connection, and not answered.
    pub lost: u64,
    /// Connections refused.
    pub refused: u64,
    /// Connections that were never established: their SYN was not answered before the server was gone.
    pub unanswered_syns: u64,
    /// How the lost ones ended.
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

/// Reads what [`Display`](fmt::Display) writes, from another process.
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
