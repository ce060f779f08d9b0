//! Guests that do one thing for as long as they can, each in a way that something other than a loop's back edge must end.

use std::fmt::Write as _;
use std::path::Path;

/// One hostile guest of preview 1, as text.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// It uses CPU time all along.
    pub(crate) spins: bool,
}

/// What all guests import. A file or directory granted is descriptor 3.
const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_filestat_get"
        (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
"#;

/// Files that the attacks on files need, in the directory that they are granted.
pub(crate) fn furnish(directory: &Path) {
    std::fs::File::create(directory.join("sparse")).unwrap().set_len(8 << 30).unwrap();
    std::fs::create_dir(directory.join("many")).unwrap();
    for number in 0..20_000 {
        std::fs::File::create(directory.join(format!("many/{number:08}"))).unwrap();
    }
    let mut deep = directory.to_owned();
    for _ in 0..500 {
        deep.push("d");
        std::fs::create_dir(&deep).unwrap();
    }
}

/// A module with `pages` of memory, fields before the entry point, and what the entry point does.
fn module(pages: u32, fields: &str, start: &str) -> String {
    format!(
        r#"(module {IMPORTS} (memory (export "memory") {pages}) {fields} (func (export "_start") {start}))"#
    )
}

/// The same again and again.
fn again(body: &str) -> String {
    format!("(loop $again {body} (br $again))")
}

/// A path in memory at 1024, as text of a data segment.
fn path(text: &str) -> String {
    format!("(data (i32.const 1024) {text:?})")
}

/// `iovs` at 0: one buffer at 65536 of `bytes`.
fn buffer(bytes: u32) -> String {
    let bytes = bytes.to_le_bytes().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    format!(r#"(data (i32.const 0) "\00\00\01\00{bytes}")"#)
}

fn open(path_bytes: usize, directory: bool) -> String {
    let (flags, rights) = if directory { (2, 1 << 14) } else { (0, 2) };
    format!(
        "(drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {path_bytes}) \
         (i32.const {flags}) (i64.const {rights}) (i64.const {rights}) (i32.const 0) (i32.const 16)))"
    )
}

/// All attacks. Those on files want the directory of [`furnish`].
pub(crate) fn all() -> Vec<Attack> {
    let mut attacks = Vec::new();
    let mut add = |name, spins, text| attacks.push(Attack { name, text, spins });
    code(&mut add);
    bulk(&mut add);
    waits(&mut add);
    host_calls(&mut add);
    files(&mut add);
    attacks
}

type Add<'a> = &'a mut dyn FnMut(&'static str, bool, String);

fn code(add: Add<'_>) {
    add("cpu_loop", true, module(1, "", &again("")));
    add("cpu_loop_in_start", true, module(1, &format!("(func $s {}) (start $s)", again("")), ""));
    add("cpu_calls", true, module(1, "(func $f)", &again("(call $f)")));
    add(
        "cpu_recursion_again",
        true,
        module(
            1,
            "(func $down (param i32) (if (local.get 0) (then
                (call $down (i32.sub (local.get 0) (i32.const 1))) (call $down (i32.sub (local.get 0) (i32.const 1))))))",
            "(call $down (i32.const 1000))",
        ),
    );
    add("cpu_yields", true, module(1, "", &again("(drop (call $sched_yield))")));
}

fn bulk(add: Add<'_>) {
    let huge = 16_384;
    let most = "(i32.const 0x3fff0000)";
    let fill = format!("(memory.fill (i32.const 0) (i32.const 7) {most})");
    add("mem_fill_fresh", true, module(huge, "", &again(&fill)));
    let half = "(i32.const 0x1fff0000)";
    let copy = format!(
        "(memory.copy (i32.const 0x1fff0000) (i32.const 0) {half}) (memory.copy (i32.const 1) (i32.const 0x1fff0000) {half})"
    );
    add("mem_copy_fresh", true, module(huge, "", &again(&copy)));
    add(
        "mem_copy_overlapping",
        true,
        module(huge, "", &again(&format!("(memory.copy (i32.const 1) (i32.const 0) {most})"))),
    );
    let data = format!(r#"(data $d "{}")"#, "x".repeat(1 << 20));
    add(
        "mem_init",
        true,
        module(huge, &data, &again("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1048576))")),
    );
    add(
        "mem_touch_each_page",
        true,
        module(
            huge,
            "",
            "(local i32) (loop $again (i32.store (local.get 0) (i32.const 1))
            (local.set 0 (i32.add (local.get 0) (i32.const 4096))) (br $again))",
        ),
    );
    let table = "(table $t 1048576 funcref) (table $u 1048576 funcref) (func $f) (elem declare func $f)";
    let size = "(i32.const 1048576)";
    add(
        "table_fill",
        true,
        module(1, table, &again(&format!("(table.fill $t (i32.const 0) (ref.func $f) {size})"))),
    );
    add(
        "table_copy",
        true,
        module(1, table, &again(&format!("(table.copy $t $u (i32.const 0) (i32.const 0) {size})"))),
    );
    let elements = format!("{table} (elem $e func {})", "$f ".repeat(500_000));
    add(
        "table_init",
        true,
        module(1, &elements, &again("(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 500000))")),
    );
    add(
        "table_grow",
        true,
        module(
            1,
            "(table $t 0 externref)",
            &again("(drop (table.grow $t (ref.null extern) (i32.const 1048576)))"),
        ),
    );
    let arrays = "(type $a (array (mut i8)))";
    add(
        "gc_array_new",
        true,
        module(1, arrays, &again("(drop (array.new $a (i32.const 7) (i32.const 16777216)))")),
    );
    add(
        "gc_array_fill",
        true,
        module(
            1,
            arrays,
            "(local (ref null $a)) (local.set 0 (array.new_default $a (i32.const 16777216)))
             (loop $again (array.fill $a (local.get 0) (i32.const 0) (i32.const 7) (i32.const 16777216)) (br $again))",
        ),
    );
    add(
        "gc_array_copy",
        true,
        module(
            1,
            arrays,
            "(local (ref null $a)) (local.set 0 (array.new_default $a (i32.const 16777216)))
             (loop $again (array.copy $a $a (local.get 0) (i32.const 1) (local.get 0) (i32.const 0)
                (i32.const 16777215)) (br $again))",
        ),
    );
    let objects = "(type $n (struct (field (ref null $n))))";
    add(
        "gc_list",
        true,
        module(
            1,
            objects,
            "(local (ref null $n)) (loop $again (local.set 0 (struct.new $n (local.get 0))) (br $again))",
        ),
    );
}

fn waits(add: Add<'_>) {
    // A subscription at 0: tag 0 at 8, clock 1 at 16, timeout in nanoseconds at 24.
    let sleep = |ns: u64| {
        format!(
            "(i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const {ns}))
             (drop (call $poll_oneoff (i32.const 0) (i32.const 8192) (i32.const 1) (i32.const 16384)))"
        )
    };
    add("io_sleep", false, module(1, "", &sleep(3_600_000_000_000)));
    add("io_poll_zero", true, module(1, "", &again(&sleep(0))));
    let many = "(local i32) (loop $fill
            (i32.store (i32.add (i32.const 65552) (i32.mul (local.get 0) (i32.const 48))) (i32.const 1))
            (br_if $fill (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20000))))";
    let poll =
        "(drop (call $poll_oneoff (i32.const 65536) (i32.const 2097152) (i32.const 20000) (i32.const 0)))";
    add("io_poll_many_zero", true, module(64, "", &format!("{many} {}", again(poll))));
    let stdin = "(i32.store8 (i32.const 8) (i32.const 1)) (i32.store (i32.const 16) (i32.const 0))
        (drop (call $poll_oneoff (i32.const 0) (i32.const 8192) (i32.const 1) (i32.const 16384)))";
    add("io_poll_stdin", false, module(1, "", &again(stdin)));
    let read = "(drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))";
    add("io_read_stdin", false, module(17, &buffer(1 << 20), &again(read)));
}

fn host_calls(add: Add<'_>) {
    let write = "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
    add("io_flood", true, module(2, &buffer(4096), &again(write)));
    add("io_flood_large", true, module(65_535, &buffer(0xf000_0000), &again(write)));
    add("io_flood_one_byte", true, module(2, &buffer(1), &again(write)));
    add(
        "cpu_random",
        true,
        module(64, "", &again("(drop (call $random_get (i32.const 0) (i32.const 65536)))")),
    );
    add(
        "cpu_random_large",
        true,
        module(64, "", &again("(drop (call $random_get (i32.const 0) (i32.const 4000000)))")),
    );
    add(
        "cpu_environ",
        true,
        module(64, "", &again("(drop (call $environ_get (i32.const 0) (i32.const 65536)))")),
    );
    add("cpu_args", true, module(64, "", &again("(drop (call $args_get (i32.const 0) (i32.const 65536)))")));
    add(
        "cpu_clock",
        true,
        module(1, "", &again("(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 8)))")),
    );
}

fn files(add: Add<'_>) {
    let sparse = format!("{} {}", path("sparse"), buffer(0xf000_0000));
    let read = "(drop (call $fd_read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))";
    add("fs_read_huge", true, module(65_535, &sparse, &format!("{} {}", open(6, false), again(read))));
    let pread = "(drop (call $fd_pread (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))";
    add("fs_pread_huge", true, module(65_535, &sparse, &format!("{} {}", open(6, false), again(pread))));
    let readdir =
        "(drop (call $fd_readdir (i32.load (i32.const 16)) (i32.const 65536) (i32.const 4096) (i64.const 0)
        (i32.const 8)))";
    add("fs_readdir", true, module(17, &path("many"), &format!("{} {}", open(4, true), again(readdir))));
    add("fs_open_all", true, module(1, &path("many/00000001"), &again(&open(13, false))));
    let deep = "d/".repeat(500);
    add("fs_open_deep", true, module(1, &path(&deep[..999]), &again(&open(999, false))));
    let dots = "d/../".repeat(200_000);
    add("fs_open_dots", true, module(64, &path(&dots), &again(&open(dots.len(), true))));
    let slashes = "./".repeat(1_000_000);
    add("fs_open_here", true, module(64, &path(&slashes), &again(&open(slashes.len(), true))));
    let stat = format!(
        "(drop (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const {}) (i32.const 0)))",
        dots.len()
    );
    add("fs_stat_dots", true, module(64, &path(&dots), &again(&stat)));
}
