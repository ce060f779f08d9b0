// The span of time: a few usual ones, or from and to by hand. The histogram sets the same by dragging.
import { Popover } from 'radix-ui';
import { useState } from 'react';
import { ChevronsIcon } from '../../ui/icons';
import { Field } from '../../ui/parts';

const SPANS: [string, number][] = [
  ['Last 15 minutes', 15 * 60_000],
  ['Last hour', 3_600_000],
  ['Last 24 hours', 86_400_000],
  ['Last 7 days', 7 * 86_400_000],
];

interface TimeFilterProps {
  from: string | undefined;
  to: string | undefined;
  onChange: (part: { from: string | undefined; to: string | undefined }) => void;
}

export function TimeFilter({ from, to, onChange }: TimeFilterProps) {
  const [open, setOpen] = useState(false);
  const choose = (part: { from: string | undefined; to: string | undefined }) => {
    setOpen(false);
    onChange(part);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className="input small log-several" data-set={from !== undefined || to !== undefined || undefined}>
        <span>Time</span>
        <ChevronsIcon size={14} />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="menu log-time" align="start" sideOffset={6} aria-label="Time">
          {SPANS.map(([label, ms]) => (
            <button key={label} type="button" className="button small quiet" onClick={() => choose({ from: new Date(Date.now() - ms).toISOString(), to: undefined })}>
              {label}
            </button>
          ))}
          <button type="button" className="button small quiet" onClick={() => choose({ from: undefined, to: undefined })}>
            All that is kept
          </button>
          <form
            className="form"
            onSubmit={(event) => {
              event.preventDefault();
              const data = new FormData(event.currentTarget);
              choose({ from: fromLocal(data.get('from')), to: fromLocal(data.get('to')) });
            }}
          >
            <Field label="From">{(control) => <input {...control} name="from" className="input small" type="datetime-local" step="1" defaultValue={toLocal(from)} />}</Field>
            <Field label="To">{(control) => <input {...control} name="to" className="input small" type="datetime-local" step="1" defaultValue={toLocal(to)} />}</Field>
            <button type="submit" className="button small">
              Show this span
            </button>
          </form>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

const two = (n: number) => String(n).padStart(2, '0');

function toLocal(rfc3339: string | undefined): string {
  const date = rfc3339 === undefined ? undefined : new Date(rfc3339);
  if (!date || Number.isNaN(date.getTime())) return '';
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function fromLocal(value: FormDataEntryValue | null): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
