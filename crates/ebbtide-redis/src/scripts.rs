use redis::Script;

/// The steps that have to be one: each runs in Redis as a whole or not at all.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) setup: Script,
    pub(super) sweep: Script,
    pub(super) ack: Script,
    pub(super) settle: Script,
    pub(super) extend: Script,
    pub(super) withdraw: Script,
    pub(super) leave: Script,
    pub(super) counts: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            setup: Script::new(include_str!("scripts/setup.lua")),
            sweep: Script::new(include_str!("scripts/sweep.lua")),
            ack: Script::new(include_str!("scripts/ack.lua")),
            settle: Script::new(include_str!("scripts/settle.lua")),
            extend: Script::new(include_str!("scripts/extend.lua")),
            withdraw: Script::new(include_str!("scripts/withdraw.lua")),
            leave: Script::new(include_str!("scripts/leave.lua")),
            counts: Script::new(include_str!("scripts/counts.lua")),
        }
    }
}
