//! What the console does.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Counts of the console. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleStats {
    sessions: IntGauge,
    connections: IntGaugeVec,
    gaps: IntCounterVec,
    refused: IntCounterVec,
}

impl ConsoleStats {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let stats = Self {
            sessions: IntGauge::new("cloister_console_sessions", "Console sessions that have not ended.")?,
            connections: IntGaugeVec::new(
                Opts::new("cloister_console_connections", "Connections of the console, by transport."),
                &["transport"],
            )?,
            gaps: IntCounterVec::new(
                Opts::new(
                    "cloister_console_gaps_total",
                    "Times that a connection was left something out, by channel.",
                ),
                &["channel"],
            )?,
            refused: IntCounterVec::new(
                Opts::new(
                    "cloister_console_refused_total",
                    "Connections and messages that were refused, by code.",
                ),
                &["code"],
            )?,
        };
        registry.register(Box::new(stats.sessions.clone()))?;
        registry.register(Box::new(stats.connections.clone()))?;
        registry.register(Box::new(stats.gaps.clone()))?;
        registry.register(Box::new(stats.refused.clone()))?;
        Ok(stats)
    }

    /// A session began.
    pub fn session_began(&self) {
        self.sessions.inc();
    }

    /// A session ended.
    pub fn session_ended(&self) {
        self.sessions.dec();
    }

    pub(crate) fn connected(&self, transport: &str) {
        self.connections.with_label_values(&[transport]).inc();
    }

    pub(crate) fn disconnected(&self, transport: &str) {
        self.connections.with_label_values(&[transport]).dec();
    }

    /// A connection was left something out.
    pub fn gap(&self, channel: &str) {
        self.gaps.with_label_values(&[channel]).inc();
    }

    /// A connection or a message was refused.
    pub fn refused(&self, code: &str) {
        self.refused.with_label_values(&[code]).inc();
    }
}
