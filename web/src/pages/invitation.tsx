// Accepting an invitation: with the account that is signed in, with another one, or by making one.
import { useEffect, useState } from 'react';
import { auth } from '../api/client';
import { resume, useSession } from '../state/session';
import { Field, ProblemNotice, Waiting } from '../ui/parts';

const MIN_CHARS = 12;

export function AcceptInvitation({ token }: { token: string }) {
  const { session, set } = useSession();
  const [looked, setLooked] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const known = session.status === 'signed_in' ? session.principal : undefined;
  useEffect(() => {
    // Whoever is signed in here may accept as who they are; a refusal only says that nobody is.
    void auth
      .renew()
      .catch(() => undefined)
      .finally(() => setLooked(true));
  }, []);

  const accept = async (before: () => Promise<unknown>, newPassword?: string) => {
    setBusy(true);
    setError(undefined);
    try {
      await before();
      await auth.acceptInvitation(token, newPassword);
      set({ invitationToken: undefined });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const leave = () => {
    set({ invitationToken: undefined });
    void resume();
  };
  if (!looked) return <Waiting label="Looking at the invitation" />;
  return (
    <div className="form">
      <h2>You are invited</h2>
      {known ? (
        <>
          <p className="muted">
            The invitation adds a tenant to your account <strong className="menu-who">{known.email}</strong>
          </p>
          {error ? <ProblemNotice error={error} /> : null}
          <button type="button" className="button primary" disabled={busy} onClick={() => void accept(() => Promise.resolve())}>
            {busy ? 'Joining…' : `Join as ${known.email}`}
          </button>
        </>
      ) : (
        <Newcomer busy={busy} error={error} onAccept={accept} />
      )}
      <button type="button" className="button quiet" onClick={leave}>
        Not now
      </button>
    </div>
  );
}

interface NewcomerProps {
  busy: boolean;
  error: unknown;
  onAccept: (before: () => Promise<unknown>, newPassword?: string) => Promise<void>;
}

function Newcomer({ busy, error, onAccept }: NewcomerProps) {
  const [hasAccount, setHasAccount] = useState(false);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [short, setShort] = useState<string>();
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (hasAccount) return void onAccept(() => auth.signIn(email.trim(), password));
    const isShort = [...password].length < MIN_CHARS;
    setShort(isShort ? `Use at least ${MIN_CHARS} characters. A few unrelated words do well.` : undefined);
    if (!isShort) void onAccept(() => Promise.resolve(), password);
  };
  return (
    <form className="form" onSubmit={submit} noValidate>
      <p className="muted">{hasAccount ? 'Sign in; the invitation then adds a tenant to your account.' : 'Choose a password, and the account is yours. The invitation works once.'}</p>
      {hasAccount && (
        <Field label="E-mail">
          {(control) => <input {...control} className="input" type="email" autoComplete="username" value={email} onChange={(event) => setEmail(event.target.value)} required />}
        </Field>
      )}
      <Field label={hasAccount ? 'Password' : 'New password'} hint={hasAccount ? undefined : `At least ${MIN_CHARS} characters.`} error={short}>
        {(control) => (
          <input {...control} className="input" type="password" autoComplete={hasAccount ? 'current-password' : 'new-password'} value={password} onChange={(event) => setPassword(event.target.value)} required />
        )}
      </Field>
      {error ? <ProblemNotice error={error} /> : null}
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? 'Joining…' : hasAccount ? 'Sign in and join' : 'Make the account and join'}
      </button>
      <button type="button" className="button quiet" onClick={() => setHasAccount(!hasAccount)}>
        {hasAccount ? 'I have no account yet' : 'I have an account already'}
      </button>
    </form>
  );
}
