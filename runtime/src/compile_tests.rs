//! Compiling processes that do not do what they should.

use super::*;

/// A shell script in the place of the compiler, one at a time.
fn worker(script: &str, wall: Duration) -> Compiler {
    let limits = CompileLimits { wall, memory_bytes: 1 << 20, concurrency: 1, ..CompileLimits::default() };
    Compiler::worker("/bin/sh".into(), vec!["-c".to_owned(), script.to_owned()], Vec::new(), limits)
}

async fn compiled(compiler: &Compiler, wasm: Vec<u8>) -> Result<Vec<u8>, ModuleError> {
    compiler.compile(wasm, ModuleKind::Core, Metering::Epochs).await
}

/// Long enough for a shell to start on a busy machine.
const AMPLE: Duration = Duration::from_secs(60);
/// More than a pipe holds, so that somebody has to read it.
const LARGE: usize = 1 << 20;

#[tokio::test]
async fn an_answer_is_taken_only_from_a_worker_that_ended_well() {
    let good = worker("cat > /dev/null; printf '\\000code'", AMPLE);
    assert_eq!(compiled(&good, vec![0; LARGE]).await.unwrap(), b"code");
    // It need not have read everything.
    let hasty = worker("printf '\\000code'", AMPLE);
    assert_eq!(compiled(&hasty, vec![0; LARGE]).await.unwrap(), b"code");
    let refuses = worker("printf '\\001wrong'", AMPLE);
    assert!(
        matches!(compiled(&refuses, vec![0]).await, Err(ModuleError::Invalid { reason }) if reason == "wrong")
    );
    for script in [
        "exit 3",
        "exit 0",
        "printf '\\007garbage'",
        "printf 'code'",
        "printf '\\000code'; exit 1",
        "echo to-stderr >&2; exit 1",
    ] {
        let answer = compiled(&worker(script, AMPLE), vec![0]).await;
        assert!(matches!(answer, Err(ModuleError::Host { .. })), "{script}: {answer:?}");
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_met_a_limit_however_much_it_had_answered() {
    for script in [
        "kill -KILL $$",
        "kill -XCPU $$",
        "kill -ABRT $$",
        "kill -SEGV $$",
        "printf '\\000code'; kill -KILL $$",
    ] {
        let answer = compiled(&worker(script, AMPLE), vec![0; LARGE]).await;
        assert!(matches!(answer, Err(ModuleError::CompileLimit { .. })), "{script}: {answer:?}");
    }
}

#[tokio::test]
async fn a_worker_that_never_ends_is_killed_and_its_place_is_free_again() {
    for script in [
        "exec sleep 1000",
        // It seems to be done, and goes on.
        "exec sleep 1000 >&- 2>&- <&-",
        "cat > /dev/null; exec sleep 1000",
        "printf '\\000code'; exec sleep 1000",
    ] {
        let compiler = worker(script, Duration::from_millis(200));
        for _ in 0..2 {
            let answer = compiled(&compiler, vec![0; LARGE]).await;
            assert!(matches!(answer, Err(ModuleError::CompileLimit { .. })), "{script}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let endless = worker("cat /dev/zero", AMPLE);
    let answer = compiled(&endless, vec![0]).await;
    assert!(
        matches!(&answer, Err(ModuleError::CompileLimit { what }) if what.contains("compiled code")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_worker_sees_nothing_of_the_hosts_environment() {
    let tells = worker("printf '\\000'; env | grep -c CARGO", AMPLE);
    // No line: grep ends with 1.
    assert!(matches!(compiled(&tells, vec![0]).await, Err(ModuleError::Host { .. })));
}

#[tokio::test]
async fn code_that_is_none_is_an_error_and_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("module.wasm");
    let wasm = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    std::fs::write(&path, &wasm).unwrap();
    let info = crate::inspect(&wasm, &crate::ModuleBounds::default()).unwrap();
    let source = crate::ModuleSource { digest: "a".repeat(64), info, path };
    let cache = directory.path().join("cache");
    let runtime = |compiler| {
        crate::Runtime::new(crate::RuntimeConfig {
            allocation: Allocation::OnDemand,
            threads: 1,
            tick: crate::RuntimeConfig::TICK,
            cache: crate::CacheConfig { directory: Some(cache.clone()), key: [7; 32], memory_bytes: 1 << 20 },
            compiler,
            io: tokio::runtime::Handle::current(),
        })
        .unwrap()
    };
    for garbage in ["printf '\\000garbage'", "printf '\\000\\177ELF\\002\\001\\001'; head -c 9000 /dev/zero"]
    {
        let broken = runtime(worker(garbage, AMPLE));
        let answer = broken.prepare(&source, Metering::Epochs).await;
        assert!(matches!(answer, Err(ModuleError::Host { .. })), "{garbage}: {:?}", answer.err());
        assert!(!cache.exists(), "{garbage}");
    }
    let sound = runtime(Compiler::InProcess);
    sound.prepare(&source, Metering::Epochs).await.unwrap();
    assert_eq!(sound.stats().cache.compiled, 1);
}
