// What is masked in log lines and in the audit before they are kept.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { getMasking, putMasking } from '../../api/admin';
import type { Masking } from '../../api/admin-types';
import { useMay } from '../../app/rights';
import { useTenant } from '../../app/shell';
import { TryAgain } from '../../ui/data-table';
import { Field, ProblemNotice, Waiting } from '../../ui/parts';
import { AdminHead } from './page-head';
import { useChange } from './use-change';

const KINDS = [
  { key: 'tokens', label: 'Tokens', hint: 'Bearer tokens, JSON Web Tokens and API keys.' },
  { key: 'emails', label: 'E-mail addresses', hint: 'Anything that looks like one.' },
  { key: 'cards', label: 'Payment cards', hint: 'Card numbers whose check digit is right.' },
] as const;
const MAX_PATTERNS = 32;

export default function MaskingPage() {
  const tenant = useTenant();
  const masking = useQuery({ queryKey: ['masking', tenant], queryFn: () => getMasking(tenant) });
  return (
    <div className="stack">
      <AdminHead title="Masking">What is blotted out of log lines and the audit before they are written. Lines that are there already stay as they are.</AdminHead>
      {masking.isPending && <Waiting />}
      {masking.isError && <ProblemNotice error={masking.error} action={<TryAgain query={masking} />} />}
      {masking.data && <MaskingForm tenant={tenant} saved={masking.data} />}
    </div>
  );
}

function MaskingForm({ tenant, saved }: { tenant: string; saved: Masking }) {
  const canWrite = useMay()('masking:write');
  const [draft, setDraft] = useState(saved);
  const [text, setText] = useState(saved.patterns.join('\n'));
  useEffect(() => {
    setDraft(saved);
    setText(saved.patterns.join('\n'));
  }, [saved]);
  const patterns = text.split('\n').filter((line) => line.trim() !== '');
  const wanted = { ...draft, patterns };
  const isChanged = JSON.stringify(wanted) !== JSON.stringify(saved);
  const tooMany = patterns.length > MAX_PATTERNS ? `At most ${MAX_PATTERNS} patterns.` : undefined;
  const save = useChange(() => putMasking(tenant, wanted), [['masking', tenant]]);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (!tooMany) save.mutate(undefined);
  };
  return (
    <form className="card pad form narrow-form" onSubmit={submit} noValidate>
      <fieldset className="choices" disabled={!canWrite}>
        <legend className="visually-hidden">Kinds</legend>
        {KINDS.map(({ key, label, hint }) => (
          <label key={key} className="choice">
            <input type="checkbox" checked={draft[key]} onChange={(event) => setDraft({ ...draft, [key]: event.target.checked })} />
            <span>
              {label}
              <span className="hint">{hint}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field label="Your own patterns" hint="A regular expression a line. With a group, only what is in the first one is masked." error={tooMany}>
        {(control) => <textarea {...control} className="input mono" rows={6} spellCheck={false} disabled={!canWrite} value={text} onChange={(event) => setText(event.target.value)} />}
      </Field>
      {save.error && <ProblemNotice error={save.error} />}
      {canWrite ? (
        <div className="row">
          <button type="submit" className="button primary" disabled={!isChanged || save.isPending}>
            {save.isPending ? 'Saving…' : 'Save'}
          </button>
          <span role="status" className="muted">
            {save.isSuccess && !isChanged ? 'Saved.' : ''}
          </span>
        </div>
      ) : (
        <p className="muted">Your role shows this and does not change it.</p>
      )}
    </form>
  );
}
