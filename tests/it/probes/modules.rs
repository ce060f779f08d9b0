//! Binaries that are an attack before they run.

use super::{End, Probe, Stage};

const IMPORTS: &str = "imports are compared with what the host provides, name and type, before compiling";
const VALIDATION: &str = "the engine's validation, with threads off";
const START: &str = "instantiation is part of the run and ends like it";

pub(super) const PROBES: &[Probe] = &[
    Probe::new("mod_unknown_import", IMPORTS, &[End::Refused(422, "module_unknown_import")]),
    Probe::new("mod_unknown_call", IMPORTS, &[End::Refused(422, "module_unknown_import")]),
    Probe::new("mod_foreign_memory", IMPORTS, &[End::Refused(422, "module_unknown_import")]),
    Probe::new("mod_thread_spawn", IMPORTS, &[End::Refused(422, "module_unknown_import")]),
    Probe::new("mod_wrong_type", IMPORTS, &[End::Refused(422, "module_invalid")]),
    Probe::new("mod_entry_of_other_type", IMPORTS, &[End::Refused(422, "module_no_entry_point")]),
    Probe::new("mod_threads", VALIDATION, &[End::Refused(422, "module_invalid")]),
    Probe::new("mod_data_outside", START, &[End::Trap("out of bounds memory access")]),
    Probe::new("mod_no_memory", START, &[End::Trap("memory")]),
    Probe::new("mod_start_trap", START, &[End::Trap("unreachable")]),
];

#[tokio::test]
async fn hostile_modules_are_refused_or_trap() {
    Stage::set().await.play("mod", PROBES).await;
}
