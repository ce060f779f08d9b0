//! A command's three streams: the terminal, pipes, and files through pumps that copy while the command runs.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};

use crate::{
    ast::{Descriptor, Redirection, Target},
    expand, limits,
    pipe::{Closed, PipeReader, PipeWriter, pipe},
    state::State,
    world::{FileReader, FileWriter, Out, Refusal, Stdin, Stream, World},
};

/// What reads as empty and takes what is written, though the tenant's directory has no such file.
const NULL: &str = "/dev/null";

/// The streams of one command.
pub(crate) struct Streams {
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Out,
    pub(crate) stderr: Out,
}

/// What copies between a command's streams and files, to be awaited while it runs.
#[derive(Default)]
pub(crate) struct Pumps(Vec<BoxFuture<'static, Result<(), Told>>>);

impl Pumps {
    /// Copies until all is copied; what could not be.
    pub(crate) async fn run(self) -> Vec<Told> {
        join_all(self.0).await.into_iter().filter_map(Result::err).collect()
    }
}

/// A file that could not be read or written to its end.
pub(crate) struct Told {
    pub(crate) path: String,
    pub(crate) refusal: Refusal,
}

impl Streams {
    pub(crate) fn new(stdin: Stdin, stdout: Out, stderr: Out) -> Self {
        Self { stdin, stdout, stderr }
    }

    /// Applies redirections in their order. Files are opened, and made, even if a later one fails.
    pub(crate) async fn redirect(
        &mut self,
        redirections: &[Redirection],
        state: &mut State,
        world: &dyn World,
        pumps: &mut Pumps,
    ) -> Result<(), Told> {
        for redirection in redirections {
            let (word, append) = match &redirection.target {
                Target::Same(same) => {
                    self.duplicate(redirection.descriptor, *same);
                    continue;
                }
                Target::Read(word) => (word, None),
                Target::Write(word) => (word, Some(false)),
                Target::Append(word) => (word, Some(true)),
            };
            let path = expand::file(word, state).map_err(|refusal| Told { path: String::new(), refusal })?;
            match append {
                None if path == NULL => self.stdin = Stdin::Empty,
                None => {
                    let file = world.open(&path).await;
                    let file = file.map_err(|refusal| Told { path: path.clone(), refusal })?;
                    let (writer, reader) = pipe(limits::PIPE_BYTES);
                    self.stdin = Stdin::Pipe(reader);
                    pumps.0.push(Box::pin(from_file(path, file, writer)));
                }
                Some(_) if path == NULL => self.set(redirection.descriptor, Out::Null),
                Some(append) => {
                    let file = world.create(&path, append).await;
                    let file = file.map_err(|refusal| Told { path: path.clone(), refusal })?;
                    let (writer, reader) = pipe(limits::PIPE_BYTES);
                    self.set(redirection.descriptor, Out::Pipe(writer));
                    pumps.0.push(Box::pin(to_file(path, file, reader)));
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, descriptor: Descriptor, out: Out) {
        match descriptor {
            Descriptor::Stdin => {}
            Descriptor::Stdout => self.stdout = out,
            Descriptor::Stderr => self.stderr = out,
        }
    }

    fn duplicate(&mut self, descriptor: Descriptor, same: Descriptor) {
        let out = match same {
            Descriptor::Stdin => return,
            Descriptor::Stdout => self.stdout.clone(),
            Descriptor::Stderr => self.stderr.clone(),
        };
        self.set(descriptor, out);
    }
}

async fn from_file(path: String, mut file: Box<dyn FileReader>, writer: PipeWriter) -> Result<(), Told> {
    loop {
        // Nothing more is read for a command that reads no more.
        if writer.is_closed() {
            return Ok(());
        }
        match file.read().await {
            Ok(Some(bytes)) => {
                if writer.write(bytes).await.is_err() {
                    return Ok(());
                }
            }
            Ok(None) => return Ok(()),
            Err(refusal) => {
                writer.fail(refusal.clone());
                return Err(Told { path, refusal });
            }
        }
    }
}

async fn to_file(path: String, mut file: Box<dyn FileWriter>, mut reader: PipeReader) -> Result<(), Told> {
    let copied = async {
        while let Some(bytes) = reader.read().await? {
            file.write(bytes).await?;
        }
        file.commit().await
    };
    // A failed write drops the reader, and so tells the command.
    copied.await.map_err(|refusal| Told { path, refusal })
}

/// Writes to where a command's output goes.
pub(crate) async fn write(
    out: &Out,
    stream: Stream,
    text: &str,
    world: &Arc<dyn World>,
) -> Result<(), Closed> {
    if text.is_empty() {
        return Ok(());
    }
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    match out {
        Out::Null => Ok(()),
        Out::Pipe(writer) => writer.write(bytes).await,
        Out::Terminal => {
            world.write(stream, bytes).await;
            Ok(())
        }
    }
}
