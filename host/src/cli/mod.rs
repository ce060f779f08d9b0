//! The command line: what can be typed, and which file does it.

mod account;
mod audit;
mod client;
mod context;
mod credentials;
mod deployments;
mod destinations;
mod env;
mod exec;
mod failure;
mod files;
mod generate;
mod logs;
mod members;
mod modules;
mod operator;
mod output;
mod run;
mod runs;
mod secrets;
mod serve;
mod settings;
mod table;
mod tenants;
mod units;
mod values;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use context::Context;
use failure::{EXIT_FAILURE, Failure, Outcome};
use output::Output;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 69 host unreachable, 77 not signed in or not allowed.
`exec` and `run` exit with the guest's code; a guest that was ended exits with 124 (timed out), 130 (cancelled),
134 (trapped) or 137 (over a limit).";

/// Runs tenants' WebAssembly commands: serves a host, and talks to one.
#[derive(Debug, Parser)]
#[command(name = "cloister", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The host to talk to [env: CLOISTER_HOST] [default: the one last signed in to]
    #[arg(long, global = true, value_name = "URL")]
    host: Option<String>,
    /// The tenant to work in [env: CLOISTER_TENANT] [default: chosen at sign-in]
    #[arg(long, global = true, value_name = "SLUG")]
    tenant: Option<String>,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Never use colours [env: NO_COLOR]
    #[arg(long, global = true)]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a host
    Serve(serve::ServeArgs),
    /// Run a module right here, without a host
    Run(run::RunArgs),
    /// Sign in to a host
    Login(account::LoginArgs),
    /// End the session on a host and forget it
    Logout,
    /// Show who is signed in, and the tenants they belong to
    Whoami,
    /// Upload a module
    Push(modules::PushArgs),
    /// List the uploaded modules
    Modules(modules::ModulesArgs),
    /// Bind a command name to a module, with limits and grants
    Deploy(deployments::DeployArgs),
    /// List the commands, or show one with its history
    Deployments(deployments::DeploymentsArgs),
    /// Make an earlier version of a command active again
    Rollback(deployments::RollbackArgs),
    /// Remove a command
    Undeploy(deployments::UndeployArgs),
    /// Run a command on the host, as if it were here
    Exec(exec::ExecArgs),
    /// Show log lines, oldest first
    Logs(logs::LogsArgs),
    /// List runs: those that are going on, or all
    Ps(runs::PsArgs),
    /// End a run
    Kill(runs::KillArgs),
    /// Work with the tenant's directory
    #[command(subcommand)]
    Files(files::FilesCommand),
    /// Set, list and remove the tenant's secrets
    #[command(subcommand)]
    Secret(secrets::SecretCommand),
    /// Choose a tenant; for the operator: create, change, suspend and take down tenants
    #[command(subcommand)]
    Tenant(tenants::TenantCommand),
    /// Invite, list and remove the tenant's members
    #[command(subcommand)]
    User(members::UserCommand),
    /// List roles, and make the tenant's own
    #[command(subcommand)]
    Role(members::RoleCommand),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(members::KeyCommand),
    /// List and end your sessions
    #[command(subcommand)]
    Session(members::SessionCommand),
    /// What only the operator of a host does
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Look at, follow, export and verify the audit
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show what the tenant has used of what its plan allows
    Usage,
    /// Show and change what is masked in logs and audit
    #[command(subcommand)]
    Masking(settings::MaskingCommand),
    /// Print the HTTP API as OpenAPI 3.1
    Openapi,
    /// Print a completion script for a shell
    Completions(generate::CompletionsArgs),
    /// Compile a module for another process; used by the host itself
    #[command(hide = true)]
    CompileWorker,
}

/// Parses, does it, and gives the process's exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are "errors" with code 0. Nothing can be done about a closed output.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_FAILURE));
        }
    };
    let no_color = cli.global.no_color;
    match dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            Output::new(false, no_color || env::Environment::read().no_color).failure(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

/// Local commands first: they need no asynchronous runtime, no environment and no credentials, and `run` is to start
/// within milliseconds.
fn dispatch(cli: Cli) -> Outcome<u8> {
    match cli.command {
        Command::Run(args) => run::run(args),
        Command::CompileWorker => generate::compile_worker(),
        Command::Serve(args) => serve::serve(args),
        Command::Completions(args) => generate::completions(&args),
        Command::Operator(operator::OperatorCommand::Link(args)) => operator::link(&args),
        Command::Operator(operator::OperatorCommand::Compact(args)) => operator::compact(&args),
        Command::Operator(operator::OperatorCommand::Salvage(args)) => operator::salvage(&args),
        Command::Openapi => generate::openapi(&Output::new(true, true)),
        command => {
            let context = Context::new(cli.global);
            client_runtime()?.block_on(talk(&context, command))
        }
    }
}

fn client_runtime() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("start the asynchronous runtime", &error))
}

async fn talk(context: &Context, command: Command) -> Outcome<u8> {
    match command {
        Command::Exec(args) => return Box::pin(exec::exec(context, args)).await,
        Command::Login(args) => Box::pin(account::login(context, args)).await,
        Command::Logout => account::logout(context).await,
        Command::Whoami => account::whoami(context).await,
        Command::Push(args) => modules::push(context, args).await,
        Command::Modules(args) => modules::list(context, &args).await,
        Command::Deploy(args) => Box::pin(deployments::deploy(context, args)).await,
        Command::Deployments(args) => deployments::show(context, args).await,
        Command::Rollback(args) => deployments::rollback(context, args).await,
        Command::Undeploy(args) => deployments::undeploy(context, args).await,
        Command::Logs(args) => logs::logs(context, args).await,
        Command::Ps(args) => runs::ps(context, &args).await,
        Command::Kill(args) => runs::kill(context, args).await,
        Command::Files(command) => Box::pin(files::files(context, command)).await,
        Command::Secret(command) => secrets::secret(context, command).await,
        Command::Usage => settings::usage(context).await,
        Command::Masking(command) => settings::masking(context, command).await,
        Command::Tenant(command) => Box::pin(tenants::tenant(context, command)).await,
        Command::User(command) => Box::pin(members::user(context, command)).await,
        Command::Role(command) => members::role(context, command).await,
        Command::Key(command) => members::key(context, command).await,
        Command::Session(command) => members::session(context, command).await,
        Command::Operator(operator::OperatorCommand::RotateKeys(args)) => {
            operator::rotate_keys(context, &args).await
        }
        Command::Audit(command) => Box::pin(audit::audit(context, command)).await,
        Command::Serve(_)
        | Command::Run(_)
        | Command::Operator(
            operator::OperatorCommand::Link(_)
            | operator::OperatorCommand::Compact(_)
            | operator::OperatorCommand::Salvage(_),
        )
        | Command::Openapi
        | Command::Completions(_)
        | Command::CompileWorker => Ok(()),
    }
    .map(|()| 0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_after_the_command_belongs_to_the_guest() {
        let parse = |line: &[&str]| Cli::try_parse_from(line).map(|cli| cli.command);
        let Ok(Command::Exec(args)) =
            parse(&["cloister", "exec", "-e", "A=1", "rg", "-n", "--json", "--", "--host", "x", "-e"])
        else {
            panic!("not an exec");
        };
        assert_eq!(args.command, ["rg", "-n", "--json", "--", "--host", "x", "-e"]);
        let Ok(Command::Run(args)) =
            parse(&["cloister", "run", "--fuel", "5M", "m.wasm", "--fuel", "-h", "--"])
        else {
            panic!("not a run");
        };
        assert_eq!(args.module, ["m.wasm", "--fuel", "-h", "--"]);
        assert!(parse(&["cloister", "exec", "--no-such-flag", "rg"]).is_err());
        assert!(parse(&["cloister", "run"]).is_err());
    }
}
