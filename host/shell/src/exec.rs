//! Running what was parsed: lists, pipelines and their commands.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};

use crate::{
    ast::{AndOr, Command, Connector, Item, Pipeline, Script},
    builtins, expand,
    interrupt::Interruption,
    jobs::{Jobs, Runs},
    limits,
    pipe::pipe,
    state::State,
    status,
    streams::{Pumps, Streams, Told, write},
    world::{Out, Refusal, RunHandle, StartRun, Stdin, Stream, World},
};

/// What all commands of a line, or of a job, share.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) world: Arc<dyn World>,
    pub(crate) interruption: Interruption,
    /// The status of what is interrupted.
    pub(crate) interrupted: i32,
    pub(crate) foreground: bool,
    pub(crate) runs: Runs,
}

impl Context {
    /// Says something on the terminal, on behalf of the shell.
    pub(crate) async fn tell(&self, text: &str) {
        // The terminal never closes.
        let _ = write(&Out::Terminal, Stream::Stderr, text, &self.world).await;
    }
}

/// Runs a line to its end, or until it is interrupted or `exit` is called.
pub(crate) async fn script(script: &Script, state: &mut State, jobs: &mut Jobs, context: &Context) {
    for item in &script.items {
        if item.background {
            background(item, state, jobs, context).await;
        } else {
            and_or(&item.list, state, jobs, context).await;
        }
        if context.interruption.happened() {
            state.status = context.interrupted;
            return;
        }
        if state.exit.is_some() {
            return;
        }
    }
}

async fn background(item: &Item, state: &mut State, jobs: &mut Jobs, context: &Context) {
    let (job, finish) = match jobs.add(&item.text) {
        Ok(added) => added,
        Err(refusal) => {
            context.tell(&format!("cloister: {refusal}\n")).await;
            state.status = status::REFUSED;
            return;
        }
    };
    state.status = status::SUCCESS;
    let list = item.list.clone();
    let mut state = state.clone();
    let inner = Context {
        world: Arc::clone(&context.world),
        interruption: job.interrupter.watch(),
        interrupted: status::TERMINATED,
        foreground: false,
        runs: Arc::clone(&job.runs),
    };
    context.tell(&format!("[{}] {}\n", job.number, job.text)).await;
    tokio::spawn(async move {
        and_or(&list, &mut state, &mut Jobs::default(), &inner).await;
        let status = state.exit.unwrap_or(state.status);
        finish.send_replace(Some(status));
    });
}

async fn and_or(list: &AndOr, state: &mut State, jobs: &mut Jobs, context: &Context) {
    pipeline(&list.first, state, jobs, context).await;
    for (connector, next) in &list.rest {
        if state.exit.is_some() || context.interruption.happened() {
            return;
        }
        if (*connector == Connector::And) == (state.status == status::SUCCESS) {
            pipeline(next, state, jobs, context).await;
        }
    }
}

async fn pipeline(pipeline: &Pipeline, state: &mut State, jobs: &mut Jobs, context: &Context) {
    let stdin = if context.foreground { Stdin::Terminal } else { Stdin::Empty };
    let mut status = match pipeline.commands.as_slice() {
        [command] => {
            let streams = Streams::new(stdin, Out::Terminal, Out::Terminal);
            command_with(command, streams, state, jobs, context).await
        }
        commands => {
            let statuses = join_all(stages(commands, stdin, state, jobs, context)).await;
            let last = statuses.last().copied().unwrap_or_default();
            match statuses.iter().rev().find(|status| **status != status::SUCCESS) {
                Some(failed) if state.pipefail => *failed,
                _ => last,
            }
        }
    };
    if context.interruption.happened() {
        status = context.interrupted;
    } else if pipeline.negated {
        status = i32::from(status == status::SUCCESS);
    }
    state.status = status;
}

/// The commands of a pipeline, joined by pipes. Each has a copy of what the session remembers.
fn stages<'a>(
    commands: &'a [Command],
    mut stdin: Stdin,
    state: &State,
    jobs: &Jobs,
    context: &'a Context,
) -> Vec<BoxFuture<'a, i32>> {
    let mut stages: Vec<BoxFuture<'a, i32>> = Vec::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        let (stdout, next) = if index + 1 == commands.len() {
            (Out::Terminal, Stdin::Empty)
        } else {
            let (writer, reader) = pipe(limits::PIPE_BYTES);
            (Out::Pipe(writer), Stdin::Pipe(reader))
        };
        let streams = Streams::new(std::mem::replace(&mut stdin, next), stdout, Out::Terminal);
        let (mut state, mut jobs) = (state.clone(), jobs.clone());
        stages.push(Box::pin(async move {
            let status = command_with(command, streams, &mut state, &mut jobs, context).await;
            state.exit.unwrap_or(status)
        }));
    }
    stages
}

/// Expands, redirects and runs one command; its status.
async fn command_with(
    command: &Command,
    mut streams: Streams,
    state: &mut State,
    jobs: &mut Jobs,
    context: &Context,
) -> i32 {
    let mut pumps = Pumps::default();
    let prepared = async {
        let nowhere = |refusal| Told { path: String::new(), refusal };
        let prepared = prepare(command, state, context).await.map_err(nowhere)?;
        streams.redirect(&command.redirections, state, &*context.world, &mut pumps).await?;
        Ok::<_, Told>(prepared)
    };
    let prepared = tokio::select! {
        biased;
        prepared = prepared => prepared,
        () = context.interruption.once() => return context.interrupted,
    };
    let (arguments, assigned) = match prepared {
        Ok(prepared) => prepared,
        Err(told) => {
            context.tell(&told_line(&told)).await;
            return status::FAILURE;
        }
    };
    let run = async {
        match arguments.split_first() {
            None => status::SUCCESS,
            Some((name, arguments)) if builtins::is_builtin(name) => {
                let call =
                    builtins::Call { name, arguments, assigned: &assigned, streams, state, jobs, context };
                tokio::select! {
                    biased;
                    status = builtins::run(call) => status,
                    () = context.interruption.once(), if !builtins::attends(name) => context.interrupted,
                }
            }
            Some((name, arguments)) => external(name, arguments, &assigned, streams, state, context).await,
        }
    };
    // Copying ends when the command has: unless a run that ignores its end is given up.
    let copied = async {
        tokio::select! {
            failed = pumps.run() => failed,
            () = context.interruption.twice() => Vec::new(),
        }
    };
    let (status, failed) = futures_util::future::join(run, copied).await;
    for told in &failed {
        context.tell(&told_line(told)).await;
    }
    match status {
        status::SUCCESS | status::BROKEN_PIPE if !failed.is_empty() => status::FAILURE,
        _ => status,
    }
}

fn told_line(told: &Told) -> String {
    match told.path.as_str() {
        "" => format!("cloister: {}\n", told.refusal),
        path => format!("cloister: {path}: {}\n", told.refusal),
    }
}

type Prepared = (Vec<String>, Vec<(String, String)>);

/// Arguments, and assignments for this command only. Without a command they are made in the session at once.
async fn prepare(command: &Command, state: &mut State, context: &Context) -> Result<Prepared, Refusal> {
    let arguments = expand::arguments(&command.words, state, &*context.world).await?;
    let mut assigned = Vec::new();
    // Each assignment sees those before it.
    let mut seen = None;
    for assignment in &command.assignments {
        if command.words.is_empty() {
            let value = expand::text(&assignment.value, state)?;
            state.set(&assignment.name, &value)?;
            continue;
        }
        let state = seen.get_or_insert_with(|| state.clone());
        let value = expand::text(&assignment.value, state)?;
        state.set(&assignment.name, &value)?;
        assigned.push((assignment.name.clone(), value));
    }
    Ok((arguments, assigned))
}

/// Runs a deployed command.
pub(crate) async fn external(
    name: &str,
    arguments: &[String],
    assigned: &[(String, String)],
    streams: Streams,
    state: &State,
    context: &Context,
) -> i32 {
    let Streams { stdin, stdout, stderr } = streams;
    let errors = stderr.clone();
    // Without a command of that name the shell shows what it would be given.
    let shows_environment = (name == "env" && arguments.is_empty()).then(|| stdout.clone());
    let start = StartRun {
        command: name.to_owned(),
        args: arguments.to_vec(),
        env: state.environment(assigned),
        cwd: state.cwd.clone(),
        stdin,
        stdout,
        stderr,
        foreground: context.foreground,
    };
    let started = tokio::select! {
        biased;
        started = context.world.start(start) => started,
        () = context.interruption.twice() => return context.interrupted,
    };
    match started {
        Ok(run) => {
            context.runs.lock().push(run.id().to_owned());
            // What it writes ends with it, not with the shell's own copy.
            drop((errors, shows_environment));
            let (status, outcome) = attend(&*run, context).await;
            context.runs.lock().retain(|id| id != run.id());
            if let Some(outcome) = outcome {
                context.tell(&format!("cloister: {name}: {outcome}\n")).await;
            }
            status
        }
        Err(refusal) => {
            if let (Some(out), status::NOT_FOUND) = (shows_environment, status::of_refusal(&refusal.code)) {
                let environment = state.environment(assigned);
                let lines = environment.iter().map(|(name, value)| format!("{name}={value}\n"));
                let written = write(&out, Stream::Stdout, &lines.collect::<String>(), &context.world).await;
                return written.map_or(status::BROKEN_PIPE, |()| status::SUCCESS);
            }
            let text = format!("cloister: {name}: {refusal}\n");
            // Who does not read the message has it in the status.
            let _ = write(&errors, Stream::Stderr, &text, &context.world).await;
            status::of_refusal(&refusal.code)
        }
    }
}

/// Waits for a run, and cancels it when the line is interrupted.
async fn attend(run: &dyn RunHandle, context: &Context) -> (i32, Option<String>) {
    let interruption = &context.interruption;
    tokio::select! {
        biased;
        ended = run.wait() => return (ended.exit_code, ended.outcome),
        () = interruption.once() => run.cancel(),
    }
    tokio::select! {
        _ = run.wait() => {}
        () = interruption.twice() => {}
    }
    (context.interrupted, None)
}
