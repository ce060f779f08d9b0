//! Upload, deploy, run: the main job, with both shapes of every fixture.

use serde_json::{Value, json};

use crate::harness::{Client, HostOptions, Shape, World, fixture, wat};

/// Everything of the tenant, where the guest expects it.
fn everything() -> Value {
    json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]})
}

/// Deploys a fixture in both shapes, as `NAME` and `NAME.component`.
async fn deploy_both(client: &Client, name: &str, grants: &Value) -> [String; 2] {
    let names = Shape::ALL.map(|shape| format!("{name}{}", shape.ending().trim_end_matches(".wasm")));
    for (command, shape) in names.iter().zip(Shape::ALL) {
        client.deploy(command, fixture(name, shape), grants.clone()).await;
    }
    names
}

/// What both shapes must agree on.
fn result(run: &Value) -> Value {
    json!({"outcome": run["outcome"], "output": run["output"]})
}

#[tokio::test]
async fn a_command_gets_what_it_is_granted_and_nothing_else() {
    let world = World::start().await;
    let grants = json!({
        "env": {"FIXED": "by deployment", "CHANGED": "no"},
        "directories": [{"path": "/docs", "guest": "/given", "access": "read_only"}]
    });
    world.a.send(reqwest::Method::PUT, "files/secret.txt", "not granted").await.expect(201);
    for name in deploy_both(&world.a, "context", &grants).await {
        let run = json!({"command": name, "args": ["--flag", "two words", "zoë"], "env": {"CHANGED": "yes"}});
        let run = world.a.run_with(run).await;
        let text = run["output"]["stdout"].as_str().unwrap();
        let expected = format!(
            "arg 0 {name}\narg 1 --flag\narg 2 two words\narg 3 zoë\nenv CHANGED=yes\nenv FIXED=by deployment\n"
        );
        assert!(text.starts_with(&expected), "{text}");
        assert!(!text.contains("secret") && !text.contains("CLOISTER") && !text.contains("PATH="), "{text}");
    }
}

#[tokio::test]
async fn exit_codes_and_both_streams_come_back() {
    let world = World::start().await;
    for name in deploy_both(&world.a, "exit_code", &json!({})).await {
        for code in [0, 1, 42, 125, 255] {
            let run = world.a.run(&name, &[&code.to_string()]).await;
            // WASI 0.2 knows success and failure only.
            let shown = if name.ends_with(".component") { code.min(1) } else { code };
            assert_eq!(run["outcome"], json!({"kind": "exited", "exit_code": shown}), "{name}");
            let expected = json!({
                "encoding": "utf8", "truncated": false,
                "stdout": format!("exiting with {code}\n"), "stderr": format!("exiting with {code} on stderr\n"),
            });
            assert_eq!(run["output"], expected);
            assert_eq!(run["status"], "ended");
            assert!(
                run["usage"]["wall_us"].as_u64().unwrap() > 0
                    && run["usage"]["stdout_bytes"].as_u64().unwrap() > 0
            );
            // The record says the same afterwards, without the output.
            let mut later =
                world.a.get(&format!("runs/{}", run["id"].as_str().unwrap())).await.expect(200).data();
            later["output"] = run["output"].clone();
            assert_eq!(later, run);
        }
    }
}

#[tokio::test]
async fn every_byte_of_the_output_survives() {
    let world = World::start().await;
    let forward: Vec<u8> = (0..=255).collect();
    let backward: Vec<u8> = (0..=255).rev().collect();
    for name in deploy_both(&world.a, "all_bytes", &json!({})).await {
        let run = world.a.run(&name, &[]).await;
        let output = &run["output"];
        assert_eq!(output["encoding"], "base64");
        assert_eq!(crate::harness::base64(output["stdout"].as_str().unwrap()), forward);
        assert_eq!(crate::harness::base64(output["stderr"].as_str().unwrap()), backward);
        let path = format!("runs/{}/output", run["id"].as_str().unwrap());
        assert_eq!(world.a.get(&format!("{path}/stdout")).await.expect(200).body, forward);
        assert_eq!(world.a.get(&format!("{path}/stderr")).await.expect(200).body, backward);
    }
}

#[tokio::test]
async fn standard_input_arrives_as_text_and_as_bytes() {
    use base64::Engine as _;
    let world = World::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    for name in deploy_both(&world.a, "c_cat", &json!({})).await {
        let run = world.a.run_with(json!({"command": name, "stdin": {"text": "héllo\n"}})).await;
        assert_eq!((&run["output"]["stdout"], &run["usage"]["stdin_bytes"]), (&json!("héllo\n"), &json!(7)));
        let run = world.a.run_with(json!({"command": name, "stdin": {"base64": encoded}})).await;
        assert_eq!(run["output"]["stdout"], encoded);
        let run = world.a.run(&name, &[]).await;
        assert_eq!((&run["output"]["stdout"], &run["outcome"]["exit_code"]), (&json!(""), &json!(0)));
    }
}

#[tokio::test]
async fn both_shapes_of_a_program_give_the_same_results() {
    let world = World::start().await;
    let cases: [(&str, &[&[&str]]); 4] = [
        ("lines", &[&["0"], &["100"]]),
        ("trap", &[&["unreachable"], &["memory"], &["panic"]]),
        (
            "files",
            &[&["write", "/a.txt", "text"], &["read", "/a.txt"], &["read", "/none"], &["remove", "/a.txt"]],
        ),
        ("flood", &[&["both", "100000"]]),
    ];
    for (fixture, calls) in cases {
        let [core, component] = deploy_both(&world.a, fixture, &everything()).await;
        let mut results = [Vec::new(), Vec::new()];
        for (name, results) in [core, component].iter().zip(&mut results) {
            for args in calls {
                let mut run = result(&world.a.run(name, args).await);
                // The cause of a trap ends with a stack, which differs.
                run["outcome"].as_object_mut().unwrap().remove("message");
                results.push(run);
            }
        }
        assert_eq!(results[0], results[1], "{fixture}");
    }
}

#[tokio::test]
async fn a_trap_says_what_happened() {
    let world = World::start().await;
    for name in deploy_both(&world.a, "trap", &json!({})).await {
        for (how, words) in [("unreachable", "unreachable"), ("memory", "memory"), ("stack", "stack")] {
            let run = world.a.run(&name, &[how]).await;
            assert_eq!(
                (&run["outcome"]["kind"], &run["outcome"]["exit_code"]),
                (&json!("trapped"), &json!(134))
            );
            assert!(run["outcome"]["message"].as_str().unwrap().contains(words), "{run}");
            assert_eq!(run["output"]["stdout"], "before the trap\n");
        }
    }
}

#[tokio::test]
async fn each_limit_ends_a_run_with_its_own_outcome() {
    let world = World::start().await;
    let cases = [
        ("spin", json!([]), json!({"cpu_ms": 50}), "out_of_cpu_time", 137),
        ("spin", json!([]), json!({"wall_ms": 50}), "timed_out", 124),
        ("spin", json!([]), json!({"fuel": 1_000_000}), "out_of_fuel", 137),
        ("wait", json!([]), json!({"wall_ms": 50}), "timed_out", 124),
        ("flood", json!([]), json!({"output_bytes": 100_000}), "output_limit", 137),
    ];
    for fixture in ["spin", "wait", "flood", "grow"] {
        deploy_both(&world.a, fixture, &json!({})).await;
    }
    for (name, args, limits, kind, code) in cases {
        for name in [name.to_owned(), format!("{name}.component")] {
            let run = world.a.run_with(json!({"command": name, "args": args, "limits": limits})).await;
            let outcome = (&run["outcome"]["kind"], &run["outcome"]["exit_code"]);
            assert_eq!(outcome, (&json!(kind), &json!(code)), "{name} {limits}: {run}");
        }
    }
    for name in ["grow", "grow.component"] {
        let run = world.a.run_with(json!({"command": name, "limits": {"memory_bytes": 16 << 20}})).await;
        // The guest sees the refusal and ends in its own way.
        let output = run["output"]["stdout"].as_str().unwrap();
        assert!(output.starts_with("refused after 1"), "{run}");
        assert!(run["usage"]["peak_memory_bytes"].as_u64().unwrap() <= 16 << 20);
    }
}

#[tokio::test]
async fn a_limit_above_the_plan_or_the_deployment_is_refused() {
    let config = "[plans.professional]\nwall_ms = 5000\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    let digest = world.a.upload(fixture("lines", Shape::Core)).await.expect(201).data()["digest"].clone();
    let deploy = |wall_ms: u64| json!({"module": digest, "limits": {"wall_ms": wall_ms}});
    let refused = world.a.put("deployments/lines", deploy(5001)).await;
    assert!(refused.problem(422, "limit_above_plan").contains("limits.wall_ms"));
    world.a.put("deployments/lines", deploy(3000)).await.expect(201);
    let run = |wall_ms: u64| json!({"command": "lines", "wait": true, "limits": {"wall_ms": wall_ms}});
    world.a.post("runs", run(3001)).await.problem(422, "limit_above_plan");
    world.a.post("runs", run(3000)).await.expect(200);
}

#[tokio::test]
async fn files_written_by_a_command_are_the_tenants_files() {
    let world = World::start().await;
    let grants = json!({"directories": [
        {"path": "/in", "guest": "/in", "access": "read_only"}, {"path": "/out", "guest": "/out", "access": "read_write"}
    ]});
    world.a.send(reqwest::Method::PUT, "files/in/a.txt", "from outside").await.expect(201);
    for name in deploy_both(&world.a, "files", &grants).await {
        assert_eq!(world.a.run(&name, &["read", "/in/a.txt"]).await["output"]["stdout"], "from outside");
        let run = world.a.run(&name, &["write", "/out/b.txt", &name]).await;
        assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
        assert_eq!(world.a.get("files/out/b.txt").await.expect(200).text(), name);
        for forbidden in
            [["write", "/in/a.txt", "x"], ["write", "/in/new.txt", "x"], ["write", "/in/../../x", "x"]]
        {
            let run = world.a.run(&name, &forbidden).await;
            assert_eq!(run["outcome"]["exit_code"], 1, "{forbidden:?}: {run}");
        }
        assert_eq!(world.a.get("files/in/a.txt").await.expect(200).text(), "from outside");
    }
}

#[tokio::test]
async fn a_command_is_rolled_back_and_removed() {
    let world = World::start().await;
    world.a.deploy("it", fixture("lines", Shape::Core), json!({})).await;
    world.a.deploy("it", fixture("exit_code", Shape::Core), json!({})).await;
    assert_eq!(world.a.run("it", &["7"]).await["outcome"]["exit_code"], 7);
    world.a.post("deployments/it/rollback", json!({"version": 1})).await.expect(200);
    let run = world.a.run("it", &["1"]).await;
    assert_eq!((&run["output"]["stdout"], &run["version"]), (&json!("out 1\n"), &json!(3)));
    let history = world.a.get("deployments/it").await.expect(200).data();
    let versions: Vec<_> =
        history["history"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(versions, [json!(3), json!(2), json!(1)]);
    world.a.post("deployments/it/rollback", json!({"version": 9})).await.problem(404, "version_not_found");
    world.a.delete("deployments/it").await.expect(204);
    world.a.post("runs", json!({"command": "it", "wait": true})).await.problem(404, "command_not_found");
}

#[tokio::test]
async fn a_component_for_wasi_0_3_runs() {
    let component = |result: u32| {
        wat(&format!(
            r#"(component
                (core module $m (func (export "run") (result i32) i32.const {result}))
                (core instance $i (instantiate $m))
                (type $run (func async (result (result))))
                (func $f (type $run) (canon lift (core func $i "run")))
                (instance $e (export "run" (func $f)))
                (export "wasi:cli/run@0.3.0" (instance $e)))"#
        ))
    };
    let world = World::start().await;
    for (name, code) in [("works", 0), ("fails", 1)] {
        let module = world.a.upload(component(code)).await.expect(201).data();
        assert_eq!((&module["kind"], &module["wasi"]), (&json!("component"), &json!("0.3")));
        world.a.deploy(name, component(code), json!({})).await;
        let run = world.a.run(name, &[]).await;
        assert_eq!(run["outcome"], json!({"kind": "exited", "exit_code": code}));
    }
}
