//! What every client command works with: options, environment, output, credentials, and the client made of them.

use cloister_host::clock::Clock;
use reqwest::Url;

use super::Global;
use super::client::{Auth, Client};
use super::credentials::{CredentialStore, Credentials};
use super::env::Environment;
use super::failure::{EXIT_DENIED, Failure, Outcome};
use super::output::Output;

/// Options over environment over what was saved at sign-in.
pub(crate) struct Context {
    /// How to print.
    pub(crate) output: Output,
    /// The machine's clock.
    pub(crate) clock: Clock,
    options: Global,
    environment: Environment,
}

impl Context {
    /// Reads the environment; touches no file yet.
    pub(crate) fn new(options: Global) -> Self {
        let environment = Environment::read();
        let output = Output::new(options.json, options.no_color || environment.no_color);
        Self { output, clock: Clock::system(), options, environment }
    }

    /// Where credentials are kept.
    pub(crate) fn store(&self) -> Outcome<CredentialStore> {
        self.environment.config_dir.clone().map(CredentialStore::new).ok_or_else(|| {
            Failure::new("no_config_dir", "there is no place to keep credentials: HOME is not set")
                .with_hint("set CLOISTER_CONFIG_DIR")
        })
    }

    /// The tenant named by option or environment.
    pub(crate) fn named_tenant(&self) -> Option<&str> {
        self.options.tenant.as_deref().or(self.environment.tenant.as_deref())
    }

    /// The host named by option or environment.
    pub(crate) fn named_host(&self) -> Outcome<Option<Url>> {
        let named = self.options.host.as_deref().or(self.environment.host.as_deref());
        named.map(parse_host).transpose()
    }

    /// The host that is named, or the one last signed in to.
    pub(crate) fn host(&self, saved: &Credentials) -> Outcome<Url> {
        match (self.named_host()?, &saved.current) {
            (Some(named), _) => Ok(named),
            (None, Some(current)) => parse_host(current),
            (None, None) => Err(Failure {
                exit: EXIT_DENIED,
                ..Failure::new("not_signed_in", "you are not signed in to any host")
                    .with_hint("cloister login URL")
            }),
        }
    }

    /// A client that acts as whoever is signed in.
    pub(crate) fn client(&self) -> Outcome<Client> {
        let tenant = self.named_tenant().map(str::to_owned);
        if let Some(token) = &self.environment.token {
            // A token is never sent to a host that happens to be the last one used.
            let host = self.named_host()?.ok_or_else(|| {
                Failure::usage("CLOISTER_TOKEN is set, but no host")
                    .with_hint("set CLOISTER_HOST, or --host URL")
            })?;
            return Client::new(host, tenant, Auth::Fixed(token.clone()));
        }
        let store = self.store()?;
        let mut saved = store.load()?;
        let host = self.host(&saved)?;
        let key = host_key(&host);
        let entry = saved.hosts.remove(&key).ok_or_else(|| Failure::not_signed_in(&key))?;
        let tenant = tenant.or_else(|| entry.tenant.clone());
        Client::new(host, tenant, Auth::stored(store, key, self.clock.clone(), entry))
    }
}

/// The name under which a host is saved.
pub(crate) fn host_key(host: &Url) -> String {
    host.as_str().trim_end_matches('/').to_owned()
}

/// Reads a host's address. Without a scheme it is `https`, and `http` on this machine.
pub(crate) fn parse_host(text: &str) -> Outcome<Url> {
    let bad = |why: &str| Failure::usage(format!("`{text}` is not a host's address: {why}"));
    let text = text.trim();
    let mut url = if text.contains("://") {
        Url::parse(text).map_err(|error| bad(&error.to_string()))?
    } else {
        let plain = Url::parse(&format!("http://{text}")).map_err(|error| bad(&error.to_string()))?;
        if super::client::is_loopback(&plain) {
            plain
        } else {
            Url::parse(&format!("https://{text}")).map_err(|error| bad(&error.to_string()))?
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it is neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it must not hold a user or a password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_https_except_on_this_machine() {
        let key = |text: &str| parse_host(text).map(|url| host_key(&url)).map_err(|failure| failure.code);
        assert_eq!(key("localhost:8080").as_deref(), Ok("http://localhost:8080"));
        assert_eq!(key("127.0.0.1:8080/").as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(key("[::1]:8080").as_deref(), Ok("http://[::1]:8080"));
        assert_eq!(key("cloister.example").as_deref(), Ok("https://cloister.example"));
        assert_eq!(key("HTTPS://Cloister.Example/base/?a#b").as_deref(), Ok("https://cloister.example/base"));
        for text in ["", "ftp://x", "http://", "http://u:p@x", "a b"] {
            assert!(key(text).is_err(), "{text}");
        }
    }
}
