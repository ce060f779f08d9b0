//! `run`, and what else needs no host.

use crate::mock::Mock;
use crate::person::Person;

#[test]
fn wrong_arguments_of_run_are_usage() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    for args in [
        &["run"][..],
        &["run", "--nope", "m.wasm"],
        &["run", "--dir", "a::", "m"],
        &["run", "--env", "A", "m"],
    ] {
        assert_eq!(ann.types(args).code, Some(2), "{args:?}");
    }
}
