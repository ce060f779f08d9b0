//! Measurements, ignored by default: `cargo nextest run --run-ignored only --no-capture -E 'test(http::tests::measure)'`.
#![expect(clippy::print_stdout, reason = "measurements are printed")]

use std::time::{Duration, Instant};

use super::*;
use crate::api::{Grants, Limits};
use crate::audit::{Chain, Event};
use crate::auth::TenantScope;
use crate::ids::{ModuleDigest, PrincipalId, UserId};
use crate::lifecycle::LifecycleError;
use crate::store::{ModuleRecord, StoreError, VersionRecord};
use crate::tenancy::{PlanName, Settings};

/// Commands of each tenant: 1,000, and 500 more of about the size that workflows' records have.
const DEPLOYMENTS: usize = 1_500;
/// Requests of each kind.
const ROUNDS: usize = 1_000;

/// The time below which a part of the samples lies.
fn quantile(times: &mut [Duration], of_thousand: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * of_thousand / 1_000).min(times.len() - 1)]
}

fn told(what: &str, mut times: Vec<Duration>) {
    let (p50, p95) = (quantile(&mut times, 500), quantile(&mut times, 950));
    println!("{what}: p50 {p50:?}, p95 {p95:?}, p99 {:?}", quantile(&mut times, 990));
}

/// Writes a tenant's module and commands as deploying them does, but many in one batch.
fn fill(host: &Host, scope: &TenantScope, owner: &UserId) {
    let info = cloister_runtime::inspect(WASM, &cloister_runtime::ModuleBounds::default()).unwrap();
    let digest: ModuleDigest = "0".repeat(64).parse().unwrap();
    let created_by: PrincipalId = owner.into();
    let module = ModuleRecord {
        digest: digest.clone(),
        name: "nop".to_owned(),
        size_bytes: WASM.len() as u64,
        info,
        help: None,
        created_at: host.clock.now(),
        created_by: created_by.clone(),
    };
    let written = host.app.store.write_blocking::<_, StoreError, _>(|writer| {
        writer.put_module(scope, &module)?;
        for number in 0..DEPLOYMENTS {
            let version = VersionRecord {
                version: 1,
                module: digest.clone(),
                description: format!(
                    "Builds the report number {number} of the month, and sends it where it belongs."
                ),
                limits: Limits::default(),
                grants: Grants::default(),
                created_at: host.clock.now(),
                created_by: created_by.clone(),
            };
            writer.activate(scope, &format!("report-{number:04}").parse().unwrap(), version)?;
        }
        Ok(())
    });
    written.unwrap();
}

async fn measure_tenants(tenants: usize) {
    let mut host = Host::start_with(|config| {
        config.http.requests_per_minute = 0;
        config.auth.sign_ins_per_minute = 0;
    })
    .await;
    let (mut made, mut filled) = (Vec::new(), Vec::new());
    let mut owners = Vec::new();
    for number in 0..tenants {
        let new = NewTenant {
            slug: format!("t{number:05}").parse().unwrap(),
            name: format!("Tenant {number}"),
            plan: PlanName::Enterprise,
            owner: format!("owner@t{number:05}.test").parse().unwrap(),
            settings: Settings::default(),
        };
        let began = Instant::now();
        let tenant = host.app.tenancy.provision(new).await.unwrap();
        made.push(began.elapsed());
        let began = Instant::now();
        let event = Event::of_host("tenant:create", tenant.tenant.slug.as_str());
        host.app.audit.record(Chain::Tenant(tenant.tenant.id.clone()), event).await.unwrap();
        fill(&host, &TenantScope::for_test(tenant.tenant.id.clone()), &tenant.owner);
        filled.push(began.elapsed());
        owners.push((tenant.tenant.slug.to_string(), host.sign_in_by_link(tenant.link.reveal()).await));
    }
    println!("{tenants} tenants with {DEPLOYMENTS} commands each");
    told("making a tenant, durably", made);
    told("filling it", filled);
    let operator = host.operator().await;
    for cold in [true, false] {
        if cold {
            let began = Instant::now();
            host = restart(host).await;
            println!("start: {:?}", began.elapsed());
        }
        println!("-- {} --", if cold { "after a start" } else { "warm" });
        ask(&host, &owners, &operator).await;
    }
}

/// The same data directory under a new host.
async fn restart(host: Host) -> Host {
    let Host { app, router: old, clock, dir } = host;
    let (config, quota, audit) = (app.config.clone(), app.quota.clone(), app.audit.clone());
    quota.write().await.unwrap();
    tokio::task::spawn_blocking(move || audit.close_blocking()).await.unwrap();
    app.logs.close().await.unwrap();
    app.store.commit().await.unwrap();
    drop((app, old, quota));
    let address = SocketAddr::from(([127, 0, 0, 1], 8080));
    let started = Instant::now();
    let app = loop {
        match build(config.clone(), clock.clone(), address, Compiling::Here).await {
            Ok(app) => break app,
            // Tasks of the old host that hold the store end in a moment.
            Err(error) => {
                assert!(started.elapsed() < Duration::from_secs(30), "{error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    app.tenancy.ensure_operator().await.unwrap();
    app.lifecycle.restore().await.map_err(|error: LifecycleError| error.to_string()).unwrap();
    Host { router: router(app.clone()), app, clock, dir }
}

async fn ask(host: &Host, owners: &[(String, String)], operator: &str) {
    let below = |path: &'static str| {
        move |tenant: &str, number: usize| {
            format!("/v1/{tenant}/{}", path.replace("{n}", &format!("{:04}", number * 7 % DEPLOYMENTS)))
        }
    };
    for (what, path) in [
        ("a page of commands", "deployments"),
        ("200 commands", "deployments?limit=200"),
        ("one command", "deployments/report-{n}"),
        ("a page of modules", "modules"),
        ("a page of runs", "runs"),
        ("settings", "settings"),
        ("usage", "usage"),
        ("a page of lines", "logs"),
    ] {
        let path = below(path);
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let (tenant, token) = &owners[round * 37 % owners.len()];
            let began = Instant::now();
            host.get(&path(tenant, round), token).await.data();
            times.push(began.elapsed());
        }
        told(what, times);
    }
    let mut pages = Vec::new();
    for (tenant, token) in owners.iter().take(5) {
        let mut cursor = String::new();
        loop {
            let began = Instant::now();
            let page = host.get(&format!("/v1/{tenant}/deployments?limit=50{cursor}"), token).await.json();
            pages.push(began.elapsed());
            let Some(next) = page["pagination"]["cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    told("each page of all commands", pages);
    let (mut deployed, mut changed, mut listed, mut found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..200 {
        let (tenant, token) = &owners[round * 37 % owners.len()];
        let body = json!({"module": "0".repeat(64)});
        let name = format!("new-{}", host.clock.ulid().to_string().to_ascii_lowercase());
        let put = async |name: &str| {
            let began = Instant::now();
            let path = format!("/v1/{tenant}/deployments/{name}");
            host.call(Method::PUT, &path, token, Some(body.clone())).await.data();
            began.elapsed()
        };
        deployed.push(put(&name).await);
        changed.push(put("report-0007").await);
        let began = Instant::now();
        host.get("/v1/operator/tenants?limit=50", operator).await.data();
        listed.push(began.elapsed());
        let began = Instant::now();
        host.get(&format!("/v1/operator/tenants?text={tenant}"), operator).await.data();
        found.push(began.elapsed());
    }
    told("one more command, durably", deployed);
    told("one more version, durably", changed);
    told("a page of tenants", listed);
    told("tenants by text", found);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_hundred_tenants_with_many_commands() {
    measure_tenants(100).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_thousand_tenants_with_many_commands() {
    measure_tenants(1_000).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn what_an_audit_record_costs_a_run() {
    let host = Host::start_with(|config| {
        config.plans.free.runs_per_minute = 0;
        config.plans.free.runs_per_minute_principal = 0;
        config.plans.free.runs_per_month = 0;
        config.plans.free.requests_per_minute = 0;
        config.plans.free.requests_per_minute_principal = 0;
    })
    .await;
    let owner = host.owner_of("acme").await;
    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await.data();
    let body = json!({"module": module["digest"]});
    host.call(Method::PUT, "/v1/acme/deployments/nop", &owner, Some(body)).await.data();
    let tenant = host.app.store.reader_blocking().tenant_by_slug(&"acme".parse().unwrap()).unwrap().unwrap();
    let (mut runs, mut records) = (Vec::new(), Vec::new());
    for _ in 0..5 * ROUNDS {
        let began = Instant::now();
        host.post("/v1/acme/runs", &owner, json!({"command": "nop", "wait": true})).await.data();
        runs.push(began.elapsed());
        // As the run's own: masked, chained and written by the audit's thread, which nobody waits for.
        let mut event = Event::of_host("run:create", "nop");
        event.detail = Some("run_00000000000000000000000000".to_owned());
        let began = Instant::now();
        host.app.audit.record(Chain::Tenant(tenant.id.clone()), event).await.unwrap();
        records.push(began.elapsed());
    }
    told("a run that is waited for, with its record", runs);
    told("handing one more record over", records);
    let count = 50_000_u32;
    let began = Instant::now();
    for _ in 0..count {
        let event = Event::of_host("run:create", "nop");
        host.app.audit.record(Chain::Tenant(tenant.id.clone()), event).await.unwrap();
    }
    let event = Event::of_host("run:create", "nop");
    let last = host.app.audit.record_durably(Chain::Tenant(tenant.id.clone()), event).await.unwrap();
    last.durable().await.unwrap();
    println!("chaining and writing {count} records: {:?} each", began.elapsed() / count);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn whether_time_tells_another_tenants_resource_from_none() {
    let host = Host::start_with(|config| {
        config.plans.free.requests_per_minute = 0;
        config.plans.free.requests_per_minute_principal = 0;
        config.http.requests_per_minute = 0;
    })
    .await;
    let (acme, birch) = (host.owner_of("acme").await, host.owner_of("birch").await);
    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &acme, WASM).await.data();
    let digest = module["digest"].as_str().unwrap();
    let body = json!({"module": digest});
    host.call(Method::PUT, "/v1/acme/deployments/secret-tool", &acme, Some(body)).await.data();
    for (theirs, nobodys) in [
        ("/v1/acme/modules".to_owned(), "/v1/zzzz/modules".to_owned()),
        (format!("/v1/birch/modules/{digest}"), format!("/v1/birch/modules/{}", "0".repeat(64))),
        ("/v1/birch/deployments/secret-tool".to_owned(), "/v1/birch/deployments/public-tool".to_owned()),
    ] {
        let (mut of_theirs, mut of_nobodys) = (Vec::new(), Vec::new());
        // In turns, so that whatever else the machine does falls on both.
        for _ in 0..5 * ROUNDS {
            for (path, times) in [(&theirs, &mut of_theirs), (&nobodys, &mut of_nobodys)] {
                let began = Instant::now();
                let reply = host.get(path, &birch).await;
                times.push(began.elapsed());
                assert_eq!(reply.status, StatusCode::NOT_FOUND);
            }
        }
        told(&theirs, of_theirs);
        told(&nobodys, of_nobodys);
    }
}
