//! Sixty-four hostile guests at once: the host and a neighbour go on answering.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::json;

use super::{End, Grants, Probe, Report, Stage};
use crate::harness::{PATIENCE, Shape};

const EVERY: &str = "slices by weight between tenants; guests on threads of their own";

const CROWD: [Probe; 16] = [
    Probe::new("cpu_loop", EVERY, &[]),
    Probe::new("cpu_start_loop", EVERY, &[]),
    Probe::new("cpu_tail_calls", EVERY, &[]),
    Probe::new("cpu_memory_fill", EVERY, &[]),
    Probe::new("cpu_memory_copy", EVERY, &[]),
    Probe::new("cpu_table_fill", EVERY, &[]),
    Probe::new("cpu_poll_storm", EVERY, &[]),
    Probe::new("cpu_yield", EVERY, &[]),
    Probe::new("cpu_random", EVERY, &[]),
    Probe::new("cpu_sleep", EVERY, &[]),
    Probe::new("cpu_garbage", EVERY, &[]),
    Probe::new("cpu_exceptions", EVERY, &[]),
    Probe::new("mem_grow_storm", EVERY, &[]),
    Probe::new("io_empty_writes", EVERY, &[]),
    Probe::new("io_stdin_spin", EVERY, &[]),
    Probe::new("fs_open_close", EVERY, &[]).grants(Grants::Root),
];
const OF_EACH: usize = 4;
/// How long the crowd is measured. No assertion is about time: it only bounds the test.
const MEASURED: Duration = Duration::from_secs(5);

#[tokio::test]
async fn sixty_four_hostile_guests_keep_nobody_from_being_answered() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    let mut report = Report::new("crowd");
    report.note(measure(&stage, "alone").await);
    let mut runs = Vec::new();
    for probe in &CROWD {
        stage.deploy(client, probe, Shape::Core).await;
        for _ in 0..OF_EACH {
            runs.push(client.start(probe.request(End::Kill)).await);
        }
    }
    assert_eq!(client.all("runs?status=running").await.len(), CROWD.len() * OF_EACH);
    report.note(measure(&stage, "beside 64 hostile guests").await);
    let killing = Instant::now();
    for id in &runs {
        assert_eq!(stage.kill(id).await["outcome"]["kind"], "cancelled");
    }
    report.note(json!({"killed": runs.len(), "whole_ms": killing.elapsed().as_secs_f64() * 1e3}));
    stage.quiet().await;
    assert!(client.all("runs?status=running").await.is_empty());
    report.finish();
}

/// Asks the host and runs the neighbour's command again and again; each is answered, and how fast is noted.
async fn measure(stage: &Stage, title: &str) -> serde_json::Value {
    let [mut health, mut neighbour] =
        [(); 2].map(|()| Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap());
    let began = Instant::now();
    while began.elapsed() < MEASURED {
        let asking = Instant::now();
        let healthz = tokio::time::timeout(PATIENCE, stage.world.anonymous.get("/healthz")).await;
        healthz.expect("/healthz answers").expect(200);
        health.saturating_record(asking.elapsed().as_micros() as u64);
        neighbour.saturating_record(stage.neighbour().await.as_micros() as u64);
    }
    let quantiles = |times: &Histogram<u64>| {
        let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        json!({"count": times.len(), "p50_ms": ms(0.5), "p99_ms": ms(0.99), "max_ms": times.max() as f64 / 1e3})
    };
    json!({"what": title, "healthz": quantiles(&health), "neighbour_run": quantiles(&neighbour)})
}
