//! Signing in, staying signed in, signing out.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use crate::mock::Mock;
use crate::person::Person;

#[test]
fn signing_in_saves_a_private_file_and_chooses_the_only_tenant() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let said = ann.type_with_input(
        &["login", &mock.url, "--email", "ann@example.com", "--password-stdin"],
        b"correct horse battery\n",
    );
    assert_eq!(said.text(), format!("Signed in to {} as ann@example.com, tenant acme.\n", mock.url));
    let mode = std::fs::metadata(ann.credentials()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let said = ann.types(&["whoami"]);
    insta::assert_snapshot!(said.text().replace(&mock.url, "http://HOST"), @r"
    ann@example.com on http://HOST
       TENANT  ROLE   NAME  ID
    *  acme    owner  ACME  ten_acme
    ");
}

#[test]
fn a_wrong_password_is_denied_and_saves_nothing() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let said = ann.type_with_input(&["login", &mock.url, "--email", "a@b", "--password-stdin"], b"wrong\n");
    assert_eq!(said.code, Some(77));
    insta::assert_snapshot!(said.stderr, @r"
    error[wrong_credentials]: the e-mail address or the password is wrong
    request: req_1
    ");
    assert!(!ann.credentials().exists());
}

#[test]
fn nobody_is_asked_when_nobody_is_there() {
    let mock = Mock::start();
    let said = Person::new(&mock).types(&["login", &mock.url, "--email", "a@b"]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said.stderr, @r"
    error[usage]: nobody is here to be asked for a password
    hint: --password-stdin
    ");
}

#[test]
fn a_link_names_the_host_and_may_set_a_password() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let link = format!("{}/#/link/s3cret", mock.url);
    let said =
        ann.type_with_input(&["login", "--link", &link, "--set-password", "--password-stdin"], b"new one\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    let bodies = mock.seen.bodies.lock().clone();
    assert_eq!(bodies[0].1, serde_json::json!({"token": "s3cret", "new_password": "new one"}));
}

#[test]
fn an_expired_token_is_renewed_once_by_many_processes() {
    let mock = Mock::start();
    mock.seen.expires_in_s.store(0, Ordering::SeqCst);
    let ann = Person::signed_in(&mock);
    mock.seen.expires_in_s.store(900, Ordering::SeqCst);
    let children: Vec<_> = (0..4).map(|_| ann.starts(&["whoami"])).collect();
    for child in children {
        let said = ann.said(child.wait_with_output().unwrap());
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    assert_eq!(mock.requests("/v1/auth/refresh").len(), 1);
    assert_eq!(mock.requests("/v1/auth/me").len(), 4);
}

#[test]
fn a_refused_token_is_renewed_and_the_request_repeated() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    // The host's keys were changed: it refuses what it gave, although it has not expired.
    let text = std::fs::read_to_string(ann.credentials()).unwrap();
    std::fs::write(ann.credentials(), text.replace("access-1", "access-0")).unwrap();
    assert_eq!(ann.types(&["whoami"]).code, Some(0));
    assert_eq!(mock.requests("/v1/auth/refresh").len(), 1);
    assert!(std::fs::read_to_string(ann.credentials()).unwrap().contains("refresh-2"));
}

#[test]
fn a_token_is_asked_for_the_tenant_that_is_chosen() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    let asked = || -> Vec<String> {
        let bodies = mock.seen.bodies.lock();
        let refreshed = bodies.iter().filter(|(what, _)| what == "refresh");
        refreshed.map(|(_, body)| body["tenant"].as_str().unwrap_or("none").to_owned()).collect()
    };
    // What the sign-in gave is used until it is refused.
    assert_eq!(ann.types(&["--tenant", "birch", "whoami"]).code, Some(0));
    assert!(asked().is_empty());
    let text = std::fs::read_to_string(ann.credentials()).unwrap();
    std::fs::write(ann.credentials(), text.replace("access-1", "access-0")).unwrap();
    assert_eq!(ann.types(&["--tenant", "birch", "whoami"]).code, Some(0));
    assert_eq!(asked(), ["birch"]);
    assert_eq!(ann.types(&["--tenant", "birch", "whoami"]).code, Some(0));
    assert_eq!(asked(), ["birch"]);
    assert_eq!(ann.types(&["whoami"]).code, Some(0));
    assert_eq!(asked(), ["birch", "acme"]);
    // A tenant that is none is no reason to fail where none is needed.
    assert_eq!(ann.types(&["--tenant", "nobodys", "whoami"]).code, Some(0));
    assert_eq!(asked(), ["birch", "acme", "nobodys", "none"]);
}

#[test]
fn a_session_that_has_ended_says_so() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    mock.seen.generation.store(5, Ordering::SeqCst);
    let said = ann.types(&["whoami"]);
    assert_eq!(said.code, Some(77));
    insta::assert_snapshot!(said.stderr, @r"
    error[not_signed_in]: your session on http://HOST has ended
    hint: cloister login http://HOST
    request: req_1
    ");
}

#[test]
fn signing_out_forgets_the_host() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    assert_eq!(ann.types(&["logout"]).code, Some(0));
    assert_eq!(mock.requests("POST /v1/auth/sign-out").len(), 1);
    let said = ann.types(&["whoami"]);
    assert_eq!(said.code, Some(77));
    insta::assert_snapshot!(said.stderr, @r"
    error[not_signed_in]: you are not signed in to any host
    hint: cloister login URL
    ");
}

#[test]
fn the_environment_overrides_what_was_saved() {
    let mock = Mock::start();
    let ann = Person::new(&mock);
    let mut command = ann.command(&["modules"]);
    command.env("CLOISTER_HOST", &mock.url).env("CLOISTER_TOKEN", "fixed").env("CLOISTER_TENANT", "other");
    let said = ann.said(command.output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(mock.requests("GET /v1/other/modules").len(), 1);
    // A token is for one host, not for whichever was used last.
    let ann = Person::signed_in(&mock);
    let said = ann.said(ann.command(&["modules"]).env("CLOISTER_TOKEN", "fixed").output().unwrap());
    assert_eq!(said.code, Some(2));
}

#[test]
fn damaged_credentials_are_named_and_left_alone() {
    let mock = Mock::start();
    let ann = Person::signed_in(&mock);
    std::fs::write(ann.credentials(), "{").unwrap();
    let said = ann.types(&["whoami"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.stderr, @r"
    error[credentials_damaged]: HOME/config/credentials.json cannot be used: EOF while parsing an object at line 1 column 1
    hint: remove the file and sign in again with `cloister login`
    ");
}
