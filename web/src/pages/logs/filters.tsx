// The filters of the log: text or pattern, command, streams, levels, time, fields. All of them live in the URL.
import { useQuery } from '@tanstack/react-query';
import { DropdownMenu } from 'radix-ui';
import { useEffect, useState } from 'react';
import { listDeployments, type LogFilter } from '../../api/endpoints';
import { LOG_LEVELS } from '../../api/types';
import { formatTime, shortRun } from '../../lib/format';
import { CheckIcon, ChevronsIcon, CrossIcon, SearchIcon } from '../../ui/icons';
import { TimeFilter } from './time-filter';

/** Typing filters after this rest, so that each letter is not a search. */
const TYPING_MS = 300;
const MAX_FIELDS = 8;

interface FiltersProps {
  tenant: string;
  filter: LogFilter;
  onChange: (part: LogFilter) => void;
  onClear: (() => void) | undefined;
}

const STREAMS: [string, string][] = [
  ['stdout', 'Output'],
  ['stderr', 'Errors'],
  ['system', 'System'],
];
const LEVELS: [string, string][] = LOG_LEVELS.map((level) => [level, level === 'none' ? 'not stated' : level]);

export function Filters({ tenant, filter, onChange, onClear }: FiltersProps) {
  const deployments = useQuery({ queryKey: ['deployments', tenant], queryFn: () => listDeployments(tenant) });
  const names = (deployments.data?.items ?? []).map(({ name }) => name);
  // A command that is gone still has lines, and its filter must not vanish from the list.
  if (filter.command && !names.includes(filter.command)) names.unshift(filter.command);
  return (
    <search className="filters" aria-label="Filter the log">
      <TextFilter filter={filter} onChange={onChange} />
      <select className="input small" aria-label="Command" value={filter.command ?? ''} onChange={(event) => onChange({ command: event.target.value })}>
        <option value="">Command</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <SeveralFilter label="Stream" words={STREAMS} value={filter.stream} onChange={(stream) => onChange({ stream })} />
      <SeveralFilter label="Level" words={LEVELS} value={filter.level} onChange={(level) => onChange({ level })} />
      <TimeFilter from={filter.from} to={filter.to} onChange={onChange} />
      <FieldFilter fields={filter.field ?? []} onChange={(field) => onChange({ field })} />
      {filter.run && <Chip name="run" value={shortRun(filter.run)} onRemove={() => onChange({ run: undefined })} />}
      {filter.workflow_run && <Chip name="workflow run" value={shortRun(filter.workflow_run)} onRemove={() => onChange({ workflow_run: undefined })} />}
      {filter.step && <Chip name="step" value={filter.step} onRemove={() => onChange({ step: undefined })} />}
      {filter.field?.map((field) => <Chip key={field} name="field" value={field} onRemove={() => onChange({ field: filter.field!.filter((other) => other !== field) })} />)}
      {filter.from && <Chip name="from" value={formatTime(filter.from)} onRemove={() => onChange({ from: undefined })} />}
      {filter.to && <Chip name="to" value={formatTime(filter.to)} onRemove={() => onChange({ to: undefined })} />}
      {onClear && (
        <button type="button" className="button small quiet" onClick={onClear}>
          Clear
        </button>
      )}
    </search>
  );
}

function Chip({ name, value, onRemove }: { name: string; value: string; onRemove: () => void }) {
  return (
    <button type="button" className="chip" onClick={onRemove} aria-label={`${name} ${value}. Remove this filter`}>
      {name} <code className="truncate">{value}</code> <CrossIcon size={14} />
    </button>
  );
}

/** Plain text, or a pattern: one at a time, since a person looks for one thing. */
function TextFilter({ filter, onChange }: { filter: LogFilter; onChange: (part: LogFilter) => void }) {
  const [isRegex, setIsRegex] = useState(filter.regex !== undefined);
  const value = (isRegex ? filter.regex : filter.text) ?? '';
  const [typed, setTyped] = useState(value);
  const say = (text: string, regex: boolean) => onChange(regex ? { regex: text, text: undefined } : { text, regex: undefined });
  // The URL may change from outside, by the back button or "clear".
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => say(typed, isRegex), TYPING_MS);
    return () => clearTimeout(timer);
    // The callback is new at each render; only what was typed starts the wait.
  }, [typed]);
  const toggle = () => {
    setIsRegex(!isRegex);
    if (typed !== '') say(typed, !isRegex);
  };
  const label = isRegex ? 'Regular expression' : 'Text in the line';
  return (
    <div className="search grow log-search">
      <SearchIcon size={16} />
      <input className="input small" type="search" placeholder={label} aria-label={label} value={typed} onChange={(event) => setTyped(event.target.value)} />
      <button type="button" className="button small quiet mono" aria-pressed={isRegex} aria-label="Regular expression" title="Regular expression" onClick={toggle}>
        .*
      </button>
    </div>
  );
}

interface SeveralProps {
  label: string;
  words: [string, string][];
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function SeveralFilter({ label, words, value, onChange }: SeveralProps) {
  const chosen = value?.split(',') ?? [];
  const face = words.filter(([word]) => chosen.includes(word)).map(([, text]) => text);
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="input small log-several" aria-label={face.length > 0 ? `${label}: ${face.join(', ')}` : label} data-set={face.length > 0 || undefined}>
        <span className="truncate">{face.join(', ') || label}</span>
        <ChevronsIcon size={14} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="start" sideOffset={6}>
          {words.map(([word, text]) => (
            <DropdownMenu.CheckboxItem
              key={word}
              className="menu-item"
              checked={chosen.includes(word)}
              onSelect={(event) => event.preventDefault()}
              onCheckedChange={(on) => onChange(words.map(([other]) => other).filter((other) => (other === word ? on : chosen.includes(other))).join(',') || undefined)}
            >
              <span className="grow">{text}</span>
              <DropdownMenu.ItemIndicator>
                <CheckIcon size={16} />
              </DropdownMenu.ItemIndicator>
            </DropdownMenu.CheckboxItem>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function FieldFilter({ fields, onChange }: { fields: string[]; onChange: (fields: string[]) => void }) {
  const [typed, setTyped] = useState('');
  const add = () => {
    const field = typed.trim();
    if (field === '' || fields.includes(field) || fields.length >= MAX_FIELDS) return;
    setTyped('');
    onChange([...fields, field]);
  };
  return (
    <input
      className="input small mono log-field"
      aria-label="Field of JSON lines, name=value; Enter adds it"
      placeholder="field=value"
      title="Enter adds it. A name alone finds lines that have the field."
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onKeyDown={(event) => event.key === 'Enter' && add()}
      onBlur={add}
    />
  );
}
