// Signing in: with e-mail and password, with a one-time link, or by an invitation that was opened.
import { useEffect, useRef, useState } from 'react';
import { auth } from '../api/client';
import { resume, useSession } from '../state/session';
import { Mark } from '../ui/icons';
import { Field, ProblemNotice } from '../ui/parts';
import { AcceptInvitation } from './invitation';

export function SignInPage() {
  const { linkToken, invitationToken } = useSession();
  useEffect(() => {
    document.title = 'Sign in · Cloister';
  }, []);
  return (
    <main className="sign-in">
      <div className="sign-in-box">
        <div className="sign-in-brand">
          <Mark size={36} />
          <div>
            <h1>Cloister</h1>
            <p className="muted">Commands that keep to themselves.</p>
          </div>
        </div>
        <div className="card pad">{linkToken !== undefined ? <LinkSignIn token={linkToken} /> : invitationToken !== undefined ? <AcceptInvitation token={invitationToken} /> : <PasswordSignIn />}</div>
      </div>
    </main>
  );
}

/** Asks for a click: programs that look into mail open links, and this one works once. */
function LinkSignIn({ token }: { token: string }) {
  const set = useSession((store) => store.set);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  // The person may hold a session already; then the link was not needed.
  const leave = () => {
    set({ linkToken: undefined });
    void resume();
  };
  const use = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const principal = await auth.useLink(token);
      set({ linkToken: undefined, offerPassword: !principal.has_password });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <div className="form">
      <h2>Sign in with your one-time link</h2>
      <p className="muted">The link works once. Next you can set a password.</p>
      {error ? <ProblemNotice error={error} /> : null}
      {error ? (
        <p className="muted">Ask whoever sent the link for a new one, or sign in with your password.</p>
      ) : null}
      <button ref={button} type="button" className="button primary" disabled={busy} onClick={() => void use()}>
        {busy ? 'Signing in…' : error ? 'Try again' : 'Sign in'}
      </button>
      <button type="button" className="button quiet" onClick={leave}>
        Use a password instead
      </button>
    </div>
  );
}

function PasswordSignIn() {
  const expired = useSession(({ session }) => session.status === 'signed_out' && session.expired);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await auth.signIn(email.trim(), password);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <h2>Sign in</h2>
      {expired && (
        <p className="notice warn" role="status">
          Your session has ended. Sign in again to go on where you were.
        </p>
      )}
      <Field label="E-mail">
        {(control) => <input {...control} className="input" type="email" autoComplete="username" value={email} onChange={(event) => setEmail(event.target.value)} required />}
      </Field>
      <Field label="Password">
        {(control) => (
          <input {...control} className="input" type="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} required />
        )}
      </Field>
      {error ? <ProblemNotice error={error} /> : null}
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? 'Signing in…' : 'Sign in'}
      </button>
      <p className="hint">No password yet? Open the one-time link from your invitation.</p>
    </form>
  );
}
