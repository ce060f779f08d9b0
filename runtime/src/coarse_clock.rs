//! Clocks that move in steps, so that a guest cannot time what the processor did for others.
//!
//! A step hides the differences that timing attacks need (Schwarz et al., "Fantastic Timers and Where to Find Them",
//! 2017). It makes an attack slower rather than impossible: a guest can still count while it waits for the edge of a step.

use std::time::Duration;

use wasmtime_wasi::clocks::{MonotonicClock, WallClock};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// A clock of the library, rounded down to steps.
pub(crate) struct CoarseClock<C> {
    clock: C,
    step_ns: u64,
}

impl CoarseClock<()> {
    /// Makes both clocks of a guest move in steps; no step leaves them as they are.
    pub(crate) fn set(builder: &mut WasiCtxBuilder, step: Duration) {
        let step_ns = u64::try_from(step.as_nanos()).unwrap_or(u64::MAX);
        if step_ns > 0 {
            builder.wall_clock(CoarseClock { clock: WallClock::new(), step_ns });
            builder.monotonic_clock(CoarseClock { clock: MonotonicClock::new(), step_ns });
        }
    }
}

impl<C: HostMonotonicClock> HostMonotonicClock for CoarseClock<C> {
    fn resolution(&self) -> u64 {
        self.step_ns.max(self.clock.resolution())
    }

    fn now(&self) -> u64 {
        let now_ns = self.clock.now();
        now_ns - now_ns % self.step_ns
    }
}

impl<C: HostWallClock> HostWallClock for CoarseClock<C> {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(self.step_ns).max(self.clock.resolution())
    }

    fn now(&self) -> Duration {
        let now = self.clock.now();
        let over_ns = now.as_nanos() % u128::from(self.step_ns);
        now - Duration::from_nanos(u64::try_from(over_ns).unwrap_or(0))
    }
}
