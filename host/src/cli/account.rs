//! `login`, `logout` and `whoami`.

use std::io::{BufRead, Read, stdin};

use clap::Args;
use cloister_host::api::{AcceptInvitation, Membership, Principal, SignIn, SignInLink, SignOut, Tokens};
use reqwest::{Method, Url};

use super::client::{Auth, Client, is_loopback};
use super::context::{Context, host_key, parse_host};
use super::credentials::Entry;
use super::failure::{EXIT_DENIED, Failure, Outcome};
use super::table::Table;

const DEFAULT_HOST: &str = "http://127.0.0.1:8080";
/// What stands before the secret of a one-time link and of an invitation.
const LINK_MARKS: [&str; 2] = ["#/link/", "#/invitation/"];
/// How the secret of an invitation begins.
const INVITATION: &str = "inv_";
/// More than any password; standard input is not read without a bound.
const MAX_PASSWORD_BYTES: u64 = 4096;

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The host's address [default: --host, the host of the link, or http://127.0.0.1:8080]
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Who signs in; asked for when absent
    #[arg(long, value_name = "ADDRESS", conflicts_with = "link")]
    email: Option<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Sign in with a one-time link or an invitation, or the token at its end
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// Give the account of the link a password
    #[arg(long, requires = "link")]
    set_password: bool,
}

/// Signs in and saves the session.
pub(crate) async fn login(context: &Context, args: LoginArgs) -> Outcome {
    let host = login_host(context, &args)?;
    if host.scheme() == "http" && !is_loopback(&host) {
        context.output.warn("this connection is not encrypted: others on its way can read the password");
    }
    let client = Client::new(host.clone(), None, Auth::None)?;
    let tokens = match &args.link {
        Some(link) => sign_in_with_link(context, &client, link, &args).await?,
        None => sign_in_with_password(context, &client, &args).await?,
    };
    save(context, &host_key(&host), tokens).await
}

fn login_host(context: &Context, args: &LoginArgs) -> Outcome<Url> {
    if let Some(url) = &args.url {
        return parse_host(url);
    }
    if let Some(named) = context.named_host()? {
        return Ok(named);
    }
    match args.link.as_deref().and_then(split_link) {
        Some((host, _)) if !host.is_empty() => parse_host(host),
        _ => parse_host(DEFAULT_HOST),
    }
}

async fn sign_in_with_password(context: &Context, client: &Client, args: &LoginArgs) -> Outcome<Tokens> {
    let email = match &args.email {
        Some(email) => email.clone(),
        None => ask_email(context)?,
    };
    let password = read_password(context, args, "Password: ")?;
    let url = client.url(&["v1", "auth", "sign-in"])?;
    let body = SignIn { email, password, tenant: None };
    let answer = client.send_unsigned(client.request(Method::POST, &url).json(&body)).await?;
    Ok(client.envelope(answer).await?.data)
}

async fn sign_in_with_link(
    context: &Context,
    client: &Client,
    link: &str,
    args: &LoginArgs,
) -> Outcome<Tokens> {
    let token = split_link(link).map_or(link, |(_, token)| token).trim().to_owned();
    if token.is_empty() || token.contains(['/', ' ']) {
        return Err(Failure::usage("--link takes a one-time link, http://HOST/#/link/TOKEN, or its TOKEN"));
    }
    let new_password = if args.set_password { Some(new_password(context, args)?) } else { None };
    if token.starts_with(INVITATION) {
        return accept(context, client, &AcceptInvitation { token, new_password }).await;
    }
    let url = client.url(&["v1", "auth", "link"])?;
    let body = SignInLink { token, new_password };
    let answer = client.send_unsigned(client.request(Method::POST, &url).json(&body)).await?;
    Ok(client.envelope(answer).await?.data)
}

/// Accepts an invitation: as whoever is signed in to the host when the invited account exists.
async fn accept(context: &Context, client: &Client, body: &AcceptInvitation) -> Outcome<Tokens> {
    let url = client.url(&["v1", "auth", "invitation"])?;
    let answer = match client.send_unsigned(client.request(Method::POST, &url).json(body)).await {
        Err(failure) if failure.code == "sign_in_first" => {
            let signed_in = context.client().map_err(|_| failure)?;
            signed_in.send(|| Ok(signed_in.request(Method::POST, &url).json(body))).await?
        }
        answer => answer?,
    };
    Ok(client.envelope(answer).await?.data)
}

/// The host and the secret of a link.
fn split_link(link: &str) -> Option<(&str, &str)> {
    LINK_MARKS.iter().find_map(|mark| link.split_once(mark))
}

fn ask_email(context: &Context) -> Outcome<String> {
    if !context.output.can_ask() {
        return Err(Failure::usage("nobody is here to be asked who signs in").with_hint("--email ADDRESS"));
    }
    context.output.note("E-mail: ");
    let mut line = String::new();
    stdin().lock().read_line(&mut line).map_err(|error| Failure::local("read standard input", &error))?;
    Ok(line.trim().to_owned())
}

fn new_password(context: &Context, args: &LoginArgs) -> Outcome<String> {
    let first = read_password(context, args, "New password: ")?;
    if !args.password_stdin && read_password(context, args, "Once more: ")? != first {
        return Err(Failure::usage("the two passwords differ"));
    }
    Ok(first)
}

fn read_password(context: &Context, args: &LoginArgs, prompt: &str) -> Outcome<String> {
    let failed = |error: &std::io::Error| Failure::local("read the password", error);
    if args.password_stdin {
        let mut line = String::new();
        stdin().lock().take(MAX_PASSWORD_BYTES).read_line(&mut line).map_err(|error| failed(&error))?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !context.output.can_ask() {
        return Err(Failure::usage("nobody is here to be asked for a password").with_hint("--password-stdin"));
    }
    rpassword::prompt_password(prompt).map_err(|error| failed(&error))
}

async fn save(context: &Context, host: &str, tokens: Tokens) -> Outcome {
    let store = context.store()?;
    let lock = store.lock().await?;
    let mut saved = store.load()?;
    let principal = tokens.principal.clone();
    let earlier = saved.hosts.get(host).and_then(|entry| entry.tenant.clone());
    let mut entry = Entry {
        email: String::new(),
        tenant: choose_tenant(context.named_tenant(), earlier, &principal.memberships),
        access_token: String::new(),
        access_expires_at_s: 0,
        access_tenant: None,
        refresh_token: String::new(),
    };
    entry.renew(tokens, None, context.clock.unix_ms() / 1000);
    let tenant = entry.tenant.clone();
    saved.hosts.insert(host.to_owned(), entry);
    saved.current = Some(host.to_owned());
    store.save(&lock, &saved)?;
    context.output.item(&principal, || {
        let place = tenant.map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
        format!("Signed in to {host} as {}{place}.", principal.email)
    })
}

/// The named one, the one used before, or the only one.
fn choose_tenant(named: Option<&str>, earlier: Option<String>, memberships: &[Membership]) -> Option<String> {
    if let Some(named) = named {
        return Some(named.to_owned());
    }
    let earlier = earlier.filter(|slug| memberships.iter().any(|m| m.slug == *slug || m.tenant_id == *slug));
    earlier.or_else(|| memberships.first().filter(|_| memberships.len() == 1).map(|m| m.slug.clone()))
}

/// Ends the session on the host, and forgets it here even when the host cannot be told.
pub(crate) async fn logout(context: &Context) -> Outcome {
    let store = context.store()?;
    let lock = store.lock().await?;
    let mut saved = store.load()?;
    let host = context.host(&saved)?;
    let key = host_key(&host);
    let entry = saved.hosts.remove(&key).ok_or_else(|| Failure::not_signed_in(&key))?;
    saved.current = saved.current.filter(|current| *current != key);
    store.save(&lock, &saved)?;
    let client = Client::new(host, None, Auth::Fixed(entry.access_token))?;
    let url = client.url(&["v1", "auth", "sign-out"])?;
    let body = SignOut { refresh_token: Some(entry.refresh_token) };
    match client.send(|| Ok(client.request(Method::POST, &url).json(&body))).await {
        // A session that had ended already is what was wanted.
        Ok(_) => {}
        Err(failure) if failure.exit == EXIT_DENIED => {}
        Err(failure) => context.output.warn(&format!("the host was not told: {}", failure.detail)),
    }
    context.output.note(&format!("Signed out of {key}."));
    Ok(())
}

/// Shows the principal.
pub(crate) async fn whoami(context: &Context) -> Outcome {
    let client = context.client()?;
    let principal: Principal = client.get(&client.url(&["v1", "auth", "me"])?).await?;
    if context.output.json() {
        return context.output.json_value(&principal);
    }
    let operator = if principal.operator { ", operator of the host" } else { "" };
    let email = context.output.foreign(&principal.email);
    context.output.line(&format!("{email} on {}{operator}", client.host()))?;
    context.output.list(&principal.memberships, "(member of no tenant)", || {
        let mut table = Table::new(&["", "TENANT", "ROLE", "NAME", "ID"]);
        for m in &principal.memberships {
            let chosen = client.tenant().is_some_and(|tenant| tenant == m.slug || tenant == m.tenant_id);
            let mark = if chosen { "*" } else { "" };
            table.row([mark.into(), m.slug.clone(), m.role.clone(), m.name.clone(), m.tenant_id.clone()]);
        }
        table
    })
}
