// Setting or changing the password: offered after a one-time link, later from the account menu.
import { useMutation } from '@tanstack/react-query';
import { Dialog } from 'radix-ui';
import { useState } from 'react';
import { setPassword } from '../api/endpoints';
import { useSession } from '../state/session';
import { Field, ProblemNotice } from '../ui/parts';

const MIN_CHARS = 12;

export function PasswordDialog() {
  const { session, offerPassword, set } = useSession();
  const close = () => set({ offerPassword: false });
  if (session.status !== 'signed_in') return null;
  return (
    <Dialog.Root open={offerPassword} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog" aria-describedby={undefined}>
          <PasswordForm hasPassword={session.principal.has_password} email={session.principal.email} onDone={close} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function PasswordForm({ hasPassword, email, onDone }: { hasPassword: boolean; email: string; onDone: () => void }) {
  const { session, set } = useSession();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [error, setError] = useState<string>();
  const save = useMutation({
    mutationFn: () => setPassword(hasPassword ? { current_password: current, new_password: next } : { new_password: next }),
    onSuccess: () => {
      if (session.status === 'signed_in') set({ session: { status: 'signed_in', principal: { ...session.principal, has_password: true } } });
      onDone();
    },
  });
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const short = [...next].length < MIN_CHARS;
    setError(short ? `Use at least ${MIN_CHARS} characters. A few unrelated words do well.` : undefined);
    if (!short) save.mutate();
  };
  return (
    <form className="form" onSubmit={submit} noValidate>
      <Dialog.Title asChild>
        <h2>{hasPassword ? 'Change your password' : 'Set a password'}</h2>
      </Dialog.Title>
      <p className="muted">
        {hasPassword ? 'You stay signed in here; your other sessions end.' : 'Your one-time link is used up. With a password you can sign in again without a new one.'}
      </p>
      {/* Lets a password manager file the new password under the right name. */}
      <input type="email" autoComplete="username" value={email} readOnly hidden />
      {hasPassword && (
        <Field label="Current password">
          {(control) => <input {...control} className="input" type="password" autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} required />}
        </Field>
      )}
      <Field label="New password" hint={`At least ${MIN_CHARS} characters.`} error={error}>
        {(control) => <input {...control} className="input" type="password" autoComplete="new-password" value={next} onChange={(event) => setNext(event.target.value)} required />}
      </Field>
      {save.error && <ProblemNotice error={save.error} />}
      <div className="row dialog-actions">
        <button type="button" className="button quiet" onClick={onDone}>
          {hasPassword ? 'Cancel' : 'Not now'}
        </button>
        <button type="submit" className="button primary" disabled={save.isPending}>
          {save.isPending ? 'Saving…' : 'Save password'}
        </button>
      </div>
    </form>
  );
}
