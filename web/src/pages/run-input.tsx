// Typing into a command that runs. There is no terminal device below: what is typed goes as lines, and nothing echoes.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { feedStdin } from '../api/endpoints';
import { formatBytes } from '../lib/format';
import { Feed, type FeedState } from '../stream/feed';
import { ProblemNotice } from '../ui/parts';

const MAX_ROWS = 8;
const MAX_RECALLED = 50;

/** Where the page remembers whether a run that it started takes input; of other runs the host is asked. */
export const feedsKey = (tenant: string, id: string) => ['run-feeds', tenant, id];

export function RunInput({ tenant, id }: { tenant: string; id: string }) {
  const feed = useRef<Feed>(undefined);
  const field = useRef<HTMLTextAreaElement>(null);
  const [state, setState] = useState<FeedState>();
  const [text, setText] = useState('');
  const sent = useRef<string[]>([]);
  const at = useRef(0);

  const isKnownDeaf = useQueryClient().getQueryData(feedsKey(tenant, id)) === false;

  useEffect(() => {
    if (isKnownDeaf) return;
    let gone = false;
    feed.current = new Feed((offset, bytes, eof) => feedStdin(tenant, id, offset, eof, bytes), (next) => gone || setState(next));
    void feed.current.probe();
    return () => {
      gone = true;
    };
  }, [tenant, id, isKnownDeaf]);
  const isOpen = state?.phase === 'open';
  useEffect(() => {
    if (isOpen && matchMedia('(pointer: fine)').matches) field.current?.focus({ preventScroll: true });
  }, [isOpen]);

  if (!state || (state.phase !== 'open' && state.phase !== 'closed')) return null;
  if (state.phase === 'closed') return <p className="run-input-note">Its input has ended after {formatBytes(state.takenBytes)}.</p>;

  const send = () => {
    feed.current?.send(new TextEncoder().encode(`${text}\n`));
    if (text !== '') sent.current = [...sent.current.filter((line) => line !== text), text].slice(-MAX_RECALLED);
    at.current = sent.current.length;
    setText('');
  };
  const recall = (by: number) => {
    const next = Math.min(sent.current.length, Math.max(0, at.current + by));
    at.current = next;
    setText(sent.current[next] ?? '');
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'd' && event.ctrlKey && text === '') {
      event.preventDefault();
      feed.current?.end();
    } else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && !text.includes('\n')) {
      event.preventDefault();
      recall(event.key === 'ArrowUp' ? -1 : 1);
    }
  };
  return (
    <div className="run-input">
      <div className="run-input-line">
        <span aria-hidden="true" className="run-input-mark mono">
          &gt;
        </span>
        <textarea
          ref={field}
          className="mono"
          rows={Math.min(MAX_ROWS, text.split('\n').length)}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          aria-label="Input for the command"
          placeholder="a line for the command"
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="send"
        />
        <button type="button" className="button small" onClick={send}>
          Send
        </button>
        <button type="button" className="button small quiet" title="The command sees the end of its input (Ctrl+D on an empty line)" onClick={() => feed.current?.end()}>
          End input
        </button>
      </div>
      <p className="run-input-note" role="status">
        {state.waitingBytes > 0 && !state.problem
          ? `${formatBytes(state.waitingBytes)} wait until the command reads on.`
          : state.takenBytes > 0
            ? `${formatBytes(state.takenBytes)} sent.`
            : 'Enter sends the line, Shift+Enter begins another one, Ctrl+D on an empty line ends the input.'}
      </p>
      {state.contended && <p className="run-input-note bad">Somebody else typed into this run at the same time, so not all of the last line arrived. What follows does.</p>}
      {state.problem && <ProblemNotice error={state.problem} />}
    </div>
  );
}
