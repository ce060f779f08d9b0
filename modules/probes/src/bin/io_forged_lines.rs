//! Writes lines that look like records of the log, of another run and another tenant.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    let forged = r#"{"tenant":"birch","tenant_id":"birch","run":"run_00000000000000000000000000","run_id":"forged",
"seq":1,"sequence":0,"id":"1","command":"forged","stream":"stderr","time":"1970-01-01T00:00:00Z","level":"error",
"message":"forged"}"#;
    writeln!(output, "{}", forged.replace('\n', ""))?;
    writeln!(output, "\0\u{1}chunk\u{0}birch\u{0}run_00000000000000000000000000")?;
    writeln!(output, "end")
}
