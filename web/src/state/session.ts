// Who is signed in, as the screens see it. Follows the auth client; holds no token.
import { create } from 'zustand';
import { auth } from '../api/client';
import { asProblem, type ApiProblem } from '../api/problem';
import type { Principal } from '../api/types';

export type Session =
  | { status: 'starting' }
  | { status: 'unreachable'; problem: ApiProblem }
  | { status: 'signed_out'; expired: boolean }
  | { status: 'signed_in'; principal: Principal };

interface SessionStore {
  session: Session;
  /** The secret of a one-time link that was opened and not used yet. */
  linkToken: string | undefined;
  /** The secret of an invitation that was opened and not accepted yet. */
  invitationToken: string | undefined;
  /** True after a link sign-in until the person has set a password or put it off. */
  offerPassword: boolean;
  pageTitle: string;
  set(partial: Partial<Pick<SessionStore, 'session' | 'linkToken' | 'invitationToken' | 'offerPassword' | 'pageTitle'>>): void;
}

export const useSession = create<SessionStore>()((set) => ({
  session: { status: 'starting' },
  linkToken: undefined,
  invitationToken: undefined,
  offerPassword: false,
  pageTitle: '',
  set,
}));

/** Tries the cookie. A refusal means signed out; no answer means that it is worth asking again. */
export async function resume(): Promise<void> {
  useSession.getState().set({ session: { status: 'starting' } });
  try {
    await auth.renew();
  } catch (error) {
    const problem = asProblem(error);
    if (useSession.getState().session.status === 'starting') {
      useSession.getState().set({ session: { status: 'unreachable', problem } });
    }
  }
}

/** Takes the secret out of the address at once, so that it stays in no history entry and no screenshot. */
export function takeLinkFromAddress(): boolean {
  const match = /^#\/(link|invitation)\/([^/?#]+)$/.exec(window.location.hash);
  if (!match) return false;
  window.history.replaceState(null, '', window.location.pathname + window.location.search);
  const token = decodeURIComponent(match[2]!);
  const opened = match[1] === 'link' ? { linkToken: token } : { invitationToken: token };
  useSession.getState().set({ ...opened, session: { status: 'signed_out', expired: false } });
  return true;
}

export function startSession(): void {
  auth.subscribe((event) => {
    useSession.getState().set({
      session: event.kind === 'signed_in' ? { status: 'signed_in', principal: event.principal } : { status: 'signed_out', expired: event.expired },
    });
  });
  window.addEventListener('hashchange', takeLinkFromAddress);
  if (!takeLinkFromAddress()) void resume();
}
