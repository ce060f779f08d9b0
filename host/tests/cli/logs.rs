//! Log lines, past and to come.

use std::io::{BufRead, BufReader};

use crate::mock::Mock;
use crate::person::Person;

#[test]
fn the_last_lines_come_oldest_first() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let args = [
        "logs",
        "--limit",
        "2",
        "--run",
        "run_1",
        "--level",
        "info",
        "--text",
        "a b&c",
        "--since",
        "2026-01-01",
    ];
    insta::assert_snapshot!(ann.types(&args).text(), @r"
    2026-01-02T03:04:04.000000Z rg stderr line 4
    2026-01-02T03:04:05.000000Z rg stdout line 5
    ");
    let asked = &mock.requests("/v1/acme/logs")[0];
    assert!(asked.contains("run=run_1&level=info&text=a+b%26c&from=2026-01-01T00%3A00%3A00Z"), "{asked}");
}

#[test]
fn json_is_one_line_each() {
    let mock = Mock::start();
    let text = Person::signed_in(&mock).types(&["logs", "--json", "--limit", "3"]).text();
    let seqs: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [3, 4, 5]);
}

#[test]
fn following_goes_on_after_the_last_line_over_cut_connections() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let mut child = ann.starts(&["logs", "-f", "--limit", "1"]);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(3).map(Result::unwrap).collect();
    assert!(
        lines[0].ends_with("line 5") && lines[1].ends_with("line 6") && lines[2].ends_with("line 7"),
        "{lines:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn fields_and_expressions_are_asked_for_and_damage_is_told() {
    let mock = Mock::start();
    let args =
        ["logs", "--limit", "1", "--field", "a.b=1", "--field", "c", "--regex", "x+", "--workflow-run", "w"];
    let answer = Person::signed_in(&mock).types(&args);
    insta::assert_snapshot!(answer.text(), @"2026-01-02T03:04:05.000000Z rg stdout line 5");
    assert!(answer.stderr.contains("lines 7 to 9 are damaged"), "{}", answer.stderr);
    let asked = &mock.requests("/v1/acme/logs")[0];
    assert!(asked.contains("workflow_run=w&regex=x%2B&field=a.b%3D1&field=c"), "{asked}");
}

#[test]
fn lines_are_counted_looked_up_exported_and_deleted() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    assert_eq!(ann.types(&["logs", "--count"]).text().trim(), "at least 5");
    insta::assert_snapshot!(ann.types(&["logs", "--around", "4", "--context", "1", "--run", "run_1"]).text(), @r"
    2026-01-02T03:04:03.000000Z rg stdout line 3
    2026-01-02T03:04:04.000000Z rg stderr line 4
    ");
    assert!(mock.requests("/logs/4/context")[0].contains("run=run_1&before=1&after=1"));
    assert_eq!(ann.types(&["logs", "--export", "raw"]).stdout, b"all lines as raw\n\xff\n");
    assert_eq!(ann.types(&["logs", "--run", "run_1", "--delete"]).text().trim(), "12 lines deleted");
    assert_eq!(mock.requests("DELETE /v1/acme/runs/run_1/logs").len(), 1);
}
