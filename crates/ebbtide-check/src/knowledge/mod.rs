//! What is known about programs, shells and images that deployment files do not say.

mod assigned;
mod budget;
mod chain;
mod drains;
mod ebbtide;
mod exec;
mod images;
mod mesh;
mod pid1;
mod programs;
mod script;
mod servers;
mod shell;
mod stateful;
mod words;

pub(crate) use assigned::assign_variables;
pub(crate) use budget::{
    Budget, MARGIN, drain_after_lame_duck, grace_label, sidecar_drains, unit_ends_before,
};
pub(crate) use chain::longest_chain;
pub(crate) use drains::{
    declare as declare_drains, drain_of, may_run_ebbtide, reads_variables, server_name, signal_of_image,
    unreadable_drains,
};
pub(crate) use ebbtide::{lame_duck_of, refused_settings};
pub(crate) use exec::exec_offset;
pub(crate) use images::{Shell, lacks};
pub(crate) use mesh::{is_istio_proxy, istio_stop, mesh_waits};
pub(crate) use pid1::{
    behind_shell, has_other_shell, mark_shielded, run_of, script_ends, shell_of, shell_of_program,
};
pub(crate) use programs::{Program, possible_programs, programs, within};
pub(crate) use script::{Script, Separator, Simple, ends, replacements};
pub(crate) use servers::{Server, is_server_package, server_of_image, server_of_program};
pub(crate) use shell::{ShellsThatStay, is_errexit, least_sleep, shells_that_stay};
pub(crate) use stateful::{flushes, is_stateful};
pub(crate) use words::{split_words, split_words_at};
