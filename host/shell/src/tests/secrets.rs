//! Which lines are kept.

use crate::is_secret;

#[test]
fn lines_with_secrets_are_known() {
    for line in [
        " echo anything",
        "\techo anything",
        "export GITHUB_TOKEN=abc123",
        "API_KEY=abcdef rg x",
        "export DB_PASSWORD='hunter two'",
        "PGPASSWORD=x psql",
        "apikey=abcdef cmd",
        "cmd --password hunter2",
        "cmd --password=hunter2",
        "cmd --db-pass hunter2",
        "cmd --api-key abcdefg",
        "cmd --apiKey abcdefg",
        "cmd --client-secret \"a b\"",
        "cmd -token abcdef",
        "cmd --auth me:abc",
        "curl -u me:secret https://example.com",
        "curl --user me:secret https://example.com",
        "curl -H 'Authorization: Bearer abc.def'",
        "curl -H \"authorization: basic dXNlcjpwYXNz\"",
        "curl -H X-Api-Key:abcdef",
        "curl -H 'X-Auth-Token: abcdef'",
        "curl -H 'Cookie: session=abcdef'",
        "curl -d '{\"password\":\"hunter2\"}' x",
        "curl -d '{\"password\": \"hunter2\"}' x",
        "curl 'https://example.com/?a=1&access_token=abcdef'",
        "git clone https://me:abcdef@example.com/x",
        "psql postgres://app:pa55@db/x",
        "echo ghp_0123456789abcdefghij0123456789",
        "cmd AKIAIOSFODNN7EXAMPLE",
        "echo eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x",
        "echo -----BEGIN PRIVATE KEY-----",
        "a; b && export SECRET=xyz",
        "login --otp 123456",
        "set-key aws.secretAccessKey=abcdef",
    ] {
        assert!(is_secret(line), "{line}");
    }
}

#[test]
fn ordinary_lines_are_kept() {
    for line in [
        "echo hello",
        "rg -n 'token' src",
        "cat password.txt",
        "cd /secrets",
        "sort --key 2 file",
        "sort -k2,2 file",
        "mkdir -p a/b",
        "cmd --token $TOKEN",
        "curl -H \"Authorization: $AUTH\"",
        "export TOKEN",
        "export TOKEN=$OTHER",
        "unset API_KEY",
        "cmd --password-file pw.txt",
        "PASSWORD_FILE=/run/x cmd",
        "cmd --max-tokens 100",
        "git clone https://me@example.com/x",
        "curl http://example.com:8080/a",
        "docker run -u 1000:1000 x",
        "cd $PWD",
        "PWD=/tmp cmd",
        "monkey=1 keyboard=us cmd",
        "cmd --author me",
        "jq '.key' file",
        "echo a:b c=d",
        "kubectl get secret name",
        "cmd --keep-going",
        "ls --sort=time",
        "https --follow example.com",
        "psql postgres://app:$PW@db/x",
        "echo path: here",
        "cmd --token-url https://example.com",
        "a --password",
        "a --password --verbose",
    ] {
        assert!(!is_secret(line), "{line}");
    }
}
