//! One attack: which guest, with what it is started, how it must end and because of what.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Shape, probe_path};

/// A hostile guest and what stops it. The source is `modules/probes/**/NAME.*`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    /// What stops it, in the words of the table in SECURITY.md.
    pub(crate) mechanism: &'static str,
    /// It is run once for each.
    pub(crate) ends: &'static [End],
    pub(crate) args: &'static [&'static str],
    pub(super) limits: Limits,
    pub(super) pace: Pace,
    pub(crate) grants: Grants,
    /// Its standard input stays open, and nothing comes.
    pub(crate) silent_stdin: bool,
    /// It waits and computes nothing: its CPU time is looked at, too.
    pub(crate) idle: bool,
    /// Only in this shape, when the other would attempt something else or end otherwise.
    pub(crate) only: Option<Shape>,
}

/// How a run of a probe must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By its wall-time limit.
    Wall,
    /// By its CPU-time limit.
    Cpu,
    /// By its fuel.
    Fuel,
    /// Because somebody killed it.
    Kill,
    /// By its output limit.
    Output,
    /// Because it was refused memory.
    Memory,
    /// By a trap whose message has this.
    Trap(&'static str),
    /// By itself with 0: whatever it tried was refused, and it could go on.
    Held,
    /// When it was uploaded, with this status and code.
    Refused(u16, &'static str),
}

/// Limits of a run where the end does not call for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(crate) cpu_ms: u64,
    pub(crate) wall_ms: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) output_bytes: u64,
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grants {
    /// Nothing.
    Nothing,
    /// The tenant's whole directory, as the guest's root.
    Root,
    /// A directory to read, as the root, and one to write, as `/writable`.
    ReadOnly,
}

/// Far more than a probe should need before something stops it.
const LIMITS: Limits =
    Limits { cpu_ms: 60_000, wall_ms: 60_000, memory_bytes: 256 << 20, output_bytes: 1 << 20 };

/// How soon a probe is ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The limit that ends it by its wall time.
    pub(super) wall_ms: u64,
    /// The limit that ends it by its CPU time.
    pub(super) cpu_ms: u64,
    /// The limit that ends it by its fuel, in units.
    fuel: u64,
    /// How long it goes on before it is killed.
    pub(super) head_start: Duration,
}

/// A million units of fuel spent on exceptions are about 1.6 s of CPU time: much more would meet the wall limit on a busy machine.
const PACE: Pace =
    Pace { wall_ms: 400, cpu_ms: 200, fuel: 2_000_000, head_start: Duration::from_millis(150) };
/// For who comes back a thousand times.
const HURRIED: Pace = Pace { wall_ms: 100, cpu_ms: 50, fuel: 200_000, head_start: Duration::from_millis(30) };
const LITTLE_OUTPUT_BYTES: u64 = 64 << 10;

impl Probe {
    pub(crate) const fn new(name: &'static str, mechanism: &'static str, ends: &'static [End]) -> Self {
        Self {
            name,
            mechanism,
            ends,
            args: &[],
            limits: LIMITS,
            pace: PACE,
            grants: Grants::Nothing,
            silent_stdin: false,
            idle: false,
            only: None,
        }
    }

    pub(crate) const fn args(mut self, args: &'static [&'static str]) -> Self {
        self.args = args;
        self
    }

    pub(crate) const fn memory_bytes(mut self, bytes: u64) -> Self {
        self.limits.memory_bytes = bytes;
        self
    }

    pub(crate) const fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    pub(crate) const fn silent_stdin(mut self) -> Self {
        self.silent_stdin = true;
        self
    }

    /// Ended sooner than others.
    pub(crate) const fn hurried(mut self) -> Self {
        self.pace = HURRIED;
        self.limits.output_bytes = LITTLE_OUTPUT_BYTES;
        self
    }

    pub(crate) const fn idle(mut self) -> Self {
        self.idle = true;
        self
    }

    pub(crate) const fn only(mut self, shape: Shape) -> Self {
        self.only = Some(shape);
        self
    }

    /// The shapes it makes sense in, of those that it was built in.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = Shape> {
        let Self { name, only, .. } = *self;
        let makes_sense = move |shape| only.is_none_or(|only| only == shape);
        Shape::ALL.into_iter().filter(move |shape| makes_sense(*shape) && probe_path(name, *shape).is_file())
    }

    /// The body of `POST runs` for a run that has to end so.
    pub(crate) fn request(&self, end: End) -> Value {
        let Limits { cpu_ms, wall_ms, memory_bytes, output_bytes } = self.limits;
        let mut limits = json!({
            "cpu_ms": cpu_ms, "wall_ms": wall_ms, "memory_bytes": memory_bytes, "output_bytes": output_bytes
        });
        match end {
            End::Wall => limits["wall_ms"] = self.pace.wall_ms.into(),
            End::Cpu => limits["cpu_ms"] = self.pace.cpu_ms.into(),
            End::Fuel => limits["fuel"] = self.pace.fuel.into(),
            _ => {}
        }
        let stdin = if self.silent_stdin { "stream" } else { "empty" };
        json!({"command": self.name, "args": self.args, "limits": limits, "stdin": stdin})
    }
}

impl Grants {
    /// As on the wire.
    pub(crate) fn wire(self) -> Value {
        let directory = |path, guest, access| json!({"path": path, "guest": guest, "access": access});
        let directories = match self {
            Self::Nothing => json!([]),
            Self::Root => json!([directory("/", "/", "read_write")]),
            Self::ReadOnly => json!([
                directory("/readable", "/", "read_only"),
                directory("/writable", "/writable", "read_write")
            ]),
        };
        json!({"directories": directories})
    }
}

impl End {
    /// The outcome's name on the wire; none for what never runs.
    pub(crate) fn outcome(self) -> Option<&'static str> {
        Some(match self {
            Self::Wall => "timed_out",
            Self::Cpu => "out_of_cpu_time",
            Self::Fuel => "out_of_fuel",
            Self::Kill => "cancelled",
            Self::Output => "output_limit",
            Self::Memory => "out_of_memory",
            Self::Trap(_) => "trapped",
            Self::Held => "exited",
            Self::Refused(..) => return None,
        })
    }
}
