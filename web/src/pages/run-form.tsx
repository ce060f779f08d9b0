// Starting a run: a command line, and on demand standard input and environment.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState } from 'react';
import { createRun } from '../api/endpoints';
import type { Deployment, Run } from '../api/types';
import { parseEnv } from '../lib/format';
import { joinWords, splitWords } from '../lib/shell-words';
import { PlayIcon } from '../ui/icons';
import { Field, ProblemNotice } from '../ui/parts';
import { recentRuns } from './recent-runs';
import { feedsKey } from './run-input';

interface RunFormProps {
  tenant: string;
  deployment: Deployment;
  initialLine: string;
  onStarted: (run: Run) => void;
}

export function RunForm({ tenant, deployment, initialLine, onStarted }: RunFormProps) {
  const id = useId();
  const queries = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [line, setLine] = useState(initialLine);
  const recall = useRecall(tenant, deployment.name, line, setLine);
  const [stdin, setStdin] = useState('');
  const [typed, setTyped] = useState(false);
  const [envText, setEnvText] = useState('');
  const [tried, setTried] = useState(false);
  const split = splitWords(line);
  const env = parseEnv(envText);

  const start = useMutation({
    mutationFn: (body: { args: string[]; env: Record<string, string> }) =>
      createRun(tenant, { command: deployment.name, ...body, stdin: typed ? 'stream' : stdin === '' ? 'empty' : { text: stdin } }),
    onSuccess: (run) => {
      queries.setQueryData(['run', tenant, run.id], run);
      queries.setQueryData(feedsKey(tenant, run.id), typed);
      void queries.invalidateQueries({ queryKey: ['runs', tenant] });
      onStarted(run);
    },
  });
  const submit = (event?: React.FormEvent) => {
    event?.preventDefault();
    setTried(true);
    if (split.ok && env.ok && !start.isPending) start.mutate({ args: split.words, env: env.env });
  };
  // From a text area Enter makes a line, so running needs the modifier.
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
  };
  useEffect(() => {
    // On a phone the keyboard that jumps up would hide the page.
    if (matchMedia('(pointer: fine)').matches) input.current?.focus({ preventScroll: true });
  }, []);

  const lineError = tried && !split.ok ? split.error : undefined;
  return (
    <form className="run-form" onSubmit={submit} onKeyDown={onKeyDown}>
      <div className="prompt" data-invalid={lineError !== undefined || undefined}>
        <label className="visually-hidden" htmlFor={`${id}-line`}>
          Arguments of {deployment.name}
        </label>
        <span className="prompt-name mono" aria-hidden="true">
          {deployment.name}
        </span>
        <input
          ref={input}
          id={`${id}-line`}
          className="mono"
          value={line}
          onChange={(event) => setLine(event.target.value)}
          onKeyDown={recall}
          placeholder="arguments, quoted as in a shell"
          autoComplete="off"
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          aria-invalid={lineError ? true : undefined}
          aria-describedby={`${id}-args`}
        />
        <button type="submit" className="button primary" disabled={start.isPending}>
          <PlayIcon size={15} />
          {start.isPending ? 'Starting…' : 'Run'}
        </button>
      </div>
      <div id={`${id}-args`} className="args">
        {lineError ? <p className="field-error">{lineError}</p> : split.ok && split.words.length > 1 && <Words words={split.words} />}
      </div>
      <details className="disclosure">
        <summary>
          Input and environment
          {(typed || stdin !== '' || envText.trim() !== '') && <span className="tag">in use</span>}
        </summary>
        <div className="two">
          <div className="stack tight">
            <Field label="Standard input" hint={typed ? 'A line to type into appears below the output.' : 'Text the command reads. Empty: it is at its end from the start.'}>
              {(control) => <textarea {...control} className="input mono" rows={4} spellCheck={false} disabled={typed} value={typed ? '' : stdin} onChange={(event) => setStdin(event.target.value)} />}
            </Field>
            <label className="check">
              <input type="checkbox" checked={typed} onChange={(event) => setTyped(event.target.checked)} />
              Type it while the command runs
            </label>
          </div>
          <Field label="Environment" hint="NAME=value, one a line, over those of the command." error={tried && !env.ok ? env.error : undefined}>
            {(control) => <textarea {...control} className="input mono" rows={4} spellCheck={false} value={envText} onChange={(event) => setEnvText(event.target.value)} />}
          </Field>
        </div>
      </details>
      {start.error && <ProblemNotice error={start.error} />}
    </form>
  );
}

/** Up and down walk through the arguments of earlier runs, as in a shell, without losing what was being typed. */
function useRecall(tenant: string, command: string, line: string, setLine: (line: string) => void) {
  const recent = useQuery({ ...recentRuns(tenant, command), enabled: false });
  const at = useRef(-1);
  const typed = useRef('');
  return (event: React.KeyboardEvent) => {
    if ((event.key !== 'ArrowUp' && event.key !== 'ArrowDown') || event.altKey || event.shiftKey) return;
    const lines = [...new Set((recent.data?.items ?? []).map((run) => joinWords(run.args)))];
    const next = at.current + (event.key === 'ArrowUp' ? 1 : -1);
    if (next < -1 || next >= lines.length) return;
    event.preventDefault();
    if (at.current === -1) typed.current = line;
    at.current = next;
    setLine(next === -1 ? typed.current : lines[next]!);
  };
}

/** Shows where one argument ends and the next begins: what quoting is for. */
function Words({ words }: { words: string[] }) {
  return (
    <ol aria-label="Arguments as the command gets them">
      {words.slice(0, 30).map((word, index) => (
        <li key={index} className="word mono">
          {word === '' ? <span className="faint">empty</span> : word}
        </li>
      ))}
      {words.length > 30 && <li className="hint">and {words.length - 30} more</li>}
    </ol>
  );
}
