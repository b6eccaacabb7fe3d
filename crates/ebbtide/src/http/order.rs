/// What a server wants of its connections. Only ever raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// Go on, and tell the peers, each at its own instant, that this will end.
    Announce,
    /// Finish what is in flight, then end; end when quiet.
    Drain,
    /// Answer what has no response yet, in place of its handler; the cut is near.
    Refuse,
    /// End as hyper does when asked to.
    Abrupt,
    /// End now.
    Cut,
}

impl Order {
    pub(super) fn from_u8(order: u8) -> Self {
        match order {
            0 => Self::Serve,
            1 => Self::Announce,
            2 => Self::Drain,
            3 => Self::Refuse,
            4 => Self::Abrupt,
            _ => Self::Cut,
        }
    }

    /// Tells whether connections end in good order.
    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Drain | Self::Refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_being_a_number() {
        for order in [Order::Serve, Order::Announce, Order::Drain, Order::Refuse, Order::Abrupt, Order::Cut] {
            assert_eq!(Order::from_u8(order as u8), order);
        }
    }
}
