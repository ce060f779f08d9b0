//! `user`, `role`, `key` and `session`: who belongs to a tenant, what they may do, and how they got in.

use clap::{Args, Subcommand};
use cloister_host::api::{
    AccountLink, ApiKey, ChangeMember, CreateApiKey, CreatedApiKey, Invitation, Invite, Invited, PutRole,
    Recover, RoleInfo, Session, TenantMember, User,
};
use reqwest::Method;

use super::client::Client;
use super::context::Context;
use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

const MAX_LISTED: usize = 10_000;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List the tenant's members
    List,
    /// Invite a person; prints the link to hand on
    Invite(InviteArgs),
    /// List invitations that were not accepted yet
    Invitations,
    /// Take an invitation back
    Uninvite {
        /// Its id
        #[arg(value_name = "INVITATION")]
        id: String,
    },
    /// Give a member another role
    Role(MemberRoleArgs),
    /// Take a member out of the tenant
    Remove {
        /// Their e-mail address or id
        #[arg(value_name = "USER")]
        user: String,
    },
    /// List the accounts of the host (operator only)
    Accounts {
        /// Those whose address has this text
        #[arg(long, value_name = "TEXT")]
        email: Option<String>,
    },
    /// Make a one-time link for an account whose owner cannot sign in (operator only)
    Recover {
        /// The account's address
        #[arg(value_name = "ADDRESS")]
        email: String,
        /// Why; kept in the audit log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Who
    #[arg(value_name = "ADDRESS")]
    email: String,
    /// As what
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    role: String,
}

#[derive(Debug, Args)]
pub(crate) struct MemberRoleArgs {
    /// Their e-mail address or id
    #[arg(value_name = "USER")]
    user: String,
    /// The new role
    #[arg(value_name = "ROLE")]
    role: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// List all roles and what they allow
    List,
    /// Make or change a role of the tenant's own
    Set(RoleArgs),
    /// Remove a role that nobody has
    Remove {
        /// Its name
        #[arg(value_name = "ROLE")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// Its name
    #[arg(value_name = "ROLE")]
    name: String,
    /// What it allows, such as log:read or run:create:report-*
    #[arg(value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key; prints it once
    Create(KeyArgs),
    /// List the tenant's API keys
    List,
    /// Revoke an API key
    Revoke {
        /// Its id
        #[arg(value_name = "KEY")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// What you call it
    #[arg(value_name = "NAME")]
    name: String,
    /// What it allows, such as log:read or run:create:report-*
    #[arg(value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// How long it is good, such as 24h [default: the host's]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    expires: Option<std::time::Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List your sessions
    List,
    /// End one of your sessions
    End {
        /// Its id
        #[arg(value_name = "SESSION")]
        id: String,
    },
    /// End all your sessions but this one
    EndOthers,
}

/// Does what was asked.
pub(crate) async fn user(context: &Context, command: UserCommand) -> Outcome {
    let client = context.client()?;
    match command {
        UserCommand::List => members(context, &client).await,
        UserCommand::Invite(args) => {
            let body = Invite { email: args.email, role: args.role };
            let invited: Invited =
                client.send_json(Method::POST, &client.tenant_url(&["invitations"])?, &body).await?;
            if !context.output.json() {
                context.output.note(&format!("Invited {}. They join once with:", invited.invitation.email));
            }
            context.output.item(&invited, || invited.link.clone())
        }
        UserCommand::Invitations => invitations(context, &client).await,
        UserCommand::Uninvite { id } => client.delete(&client.tenant_url(&["invitations", &id])?).await,
        UserCommand::Role(args) => {
            let id = member_id(&client, &args.user).await?;
            let url = client.tenant_url(&["members", &id])?;
            let body = ChangeMember { role: args.role };
            client.send(|| Ok(client.request(Method::PUT, &url).json(&body))).await.map(drop)
        }
        UserCommand::Remove { user } => {
            let id = member_id(&client, &user).await?;
            client.delete(&client.tenant_url(&["members", &id])?).await
        }
        UserCommand::Accounts { email } => accounts(context, &client, email.as_deref()).await,
        UserCommand::Recover { email, reason } => {
            let url = client.url(&["v1", "operator", "users", "recover"])?;
            let made: AccountLink = client.send_json(Method::POST, &url, &Recover { email, reason }).await?;
            context.output.item(&made, || made.link.clone())
        }
    }
}

async fn members(context: &Context, client: &Client) -> Outcome {
    let members: Vec<TenantMember> = client.list(&client.tenant_url(&["members"])?, MAX_LISTED).await?;
    context.output.list(&members, "No members.", || {
        let now = context.clock.now();
        let mut table = Table::new(&["USER", "ROLE", "SINCE", "ID"]);
        for m in &members {
            table.row([m.email.clone(), m.role.clone(), units::age(&m.created_at, now), m.user_id.clone()]);
        }
        table
    })
}

async fn invitations(context: &Context, client: &Client) -> Outcome {
    let open: Vec<Invitation> = client.list(&client.tenant_url(&["invitations"])?, MAX_LISTED).await?;
    context.output.list(&open, "No open invitations.", || {
        let mut table = Table::new(&["USER", "ROLE", "EXPIRES", "ID"]);
        for i in &open {
            table.row([i.email.clone(), i.role.clone(), i.expires_at.clone(), i.id.clone()]);
        }
        table
    })
}

async fn accounts(context: &Context, client: &Client, email: Option<&str>) -> Outcome {
    let mut url = client.url(&["v1", "operator", "users"])?;
    if let Some(email) = email {
        url.query_pairs_mut().append_pair("email", email);
    }
    let users: Vec<User> = client.list(&url, MAX_LISTED).await?;
    context.output.list(&users, "No accounts.", || {
        let now = context.clock.now();
        let mut table = Table::new(&["USER", "PASSWORD", "OPERATOR", "CREATED", "ID"]);
        for u in &users {
            let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
            let created = units::age(&u.created_at, now);
            table.row([u.email.clone(), yes(u.has_password), yes(u.operator), created, u.id.clone()]);
        }
        table
    })
}

/// The id of a member who is named by id or e-mail address.
async fn member_id(client: &Client, named: &str) -> Outcome<String> {
    if named.starts_with("usr_") {
        return Ok(named.to_owned());
    }
    let members: Vec<TenantMember> = client.list(&client.tenant_url(&["members"])?, MAX_LISTED).await?;
    let found = members.into_iter().find(|member| member.email.eq_ignore_ascii_case(named));
    found.map(|member| member.user_id).ok_or_else(|| {
        Failure::new("member_not_found", format!("no member has the address {named}"))
            .with_hint("`cloister user list` lists the members")
    })
}

/// Does what was asked.
pub(crate) async fn role(context: &Context, command: RoleCommand) -> Outcome {
    let client = context.client()?;
    match command {
        RoleCommand::List => {
            let roles: Vec<RoleInfo> = client.get(&client.tenant_url(&["roles"])?).await?;
            context.output.list(&roles, "No roles.", || {
                let mut table = Table::new(&["ROLE", "ALLOWS"]);
                for role in &roles {
                    table.row([role.name.clone(), role.permissions.join(" ")]);
                }
                table
            })
        }
        RoleCommand::Set(args) => {
            let url = client.tenant_url(&["roles", &args.name])?;
            let body = PutRole { description: args.description, permissions: args.permissions };
            let role: RoleInfo = client.send_json(Method::PUT, &url, &body).await?;
            context.output.item(&role, || format!("{}: {}", role.name, role.permissions.join(" ")))
        }
        RoleCommand::Remove { name } => client.delete(&client.tenant_url(&["roles", &name])?).await,
    }
}

/// Does what was asked.
pub(crate) async fn key(context: &Context, command: KeyCommand) -> Outcome {
    let client = context.client()?;
    match command {
        KeyCommand::Create(args) => {
            let ttl_s = args.expires.map(|ttl| ttl.as_secs());
            let body = CreateApiKey { name: args.name, permissions: args.permissions, ttl_s };
            let made: CreatedApiKey =
                client.send_json(Method::POST, &client.tenant_url(&["keys"])?, &body).await?;
            if !context.output.json() {
                let note =
                    format!("{}, good until {}. It is shown this once:", made.key.id, made.key.expires_at);
                context.output.note(&note);
            }
            context.output.item(&made, || made.secret.clone())
        }
        KeyCommand::List => {
            let keys: Vec<ApiKey> = client.list(&client.tenant_url(&["keys"])?, MAX_LISTED).await?;
            context.output.list(&keys, "No API keys.", || {
                let now = context.clock.now();
                let mut table = Table::new(&["NAME", "ALLOWS", "EXPIRES", "LAST USED", "ID"]);
                for k in &keys {
                    let used = k.last_used_at.as_deref().map_or("never".to_owned(), |at| units::age(at, now));
                    let allows = k.permissions.join(" ");
                    table.row([k.name.clone(), allows, k.expires_at.clone(), used, k.id.clone()]);
                }
                table
            })
        }
        KeyCommand::Revoke { id } => client.delete(&client.tenant_url(&["keys", &id])?).await,
    }
}

/// Does what was asked.
pub(crate) async fn session(context: &Context, command: SessionCommand) -> Outcome {
    let client = context.client()?;
    let sessions = client.url(&["v1", "auth", "sessions"])?;
    match command {
        SessionCommand::List => {
            let sessions: Vec<Session> = client.get(&sessions).await?;
            context.output.list(&sessions, "No sessions.", || {
                let now = context.clock.now();
                let mut table = Table::new(&["", "CLIENT", "ADDRESS", "BEGAN", "RENEWED", "ID"]);
                for s in &sessions {
                    let mark = if s.current { "*" } else { "" }.to_owned();
                    let address = s.address.clone().unwrap_or_default();
                    let (began, renewed) = (units::age(&s.created_at, now), units::age(&s.refreshed_at, now));
                    table.row([mark, s.agent.clone(), address, began, renewed, s.id.clone()]);
                }
                table
            })
        }
        SessionCommand::End { id } => client.delete(&client.url(&["v1", "auth", "sessions", &id])?).await,
        SessionCommand::EndOthers => {
            let mut url = sessions;
            url.query_pairs_mut().append_pair("keep_current", "true");
            client.delete(&url).await
        }
    }
}
